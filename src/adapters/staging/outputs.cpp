#include "adapters/staging/outputs.hpp"

#include <fnmatch.h>

#include <algorithm>

#include "adapters/staging/limits.hpp"
#include "core/model/manifest.hpp"

namespace stint::staging {
namespace {

std::vector<std::string> split(std::string_view path) {
  std::vector<std::string> parts;
  while (!path.empty()) {
    const auto slash = std::min(path.find('/'), path.size());
    if (slash > 0 && path.substr(0, slash) != ".") parts.emplace_back(path.substr(0, slash));
    path.remove_prefix(std::min(slash + 1, path.size()));
  }
  return parts;
}

bool part_matches(const std::string& pattern, const std::string& part) {
  return pattern == part || fnmatch(pattern.c_str(), part.c_str(), FNM_PERIOD) == 0;
}

/// Which beginnings of `path`, by their number of parts, the whole of `pattern` matches.
std::vector<bool> match_beginnings(const std::vector<std::string>& pattern, const std::vector<std::string>& path) {
  std::vector<bool> reached(path.size() + 1, false);
  reached[0] = true;
  for (const auto& part : pattern) {
    std::vector<bool> next(path.size() + 1, false);
    for (std::size_t i = 0; i <= path.size(); ++i) {
      if (part == "**") next[i] = reached[i] || (i > 0 && next[i - 1]);
      if (part != "**" && i > 0) next[i] = reached[i - 1] && part_matches(part, path[i - 1]);
    }
    reached = std::move(next);
  }
  return reached;
}

std::string describe(const std::vector<TreeEntry>& entries) {
  std::string text;
  std::size_t shown = 0;
  std::size_t files = 0;
  for (const auto& entry : entries) {
    if (entry.kind == TreeEntry::Kind::directory) continue;
    if (++files > limits::kEntriesShown) continue;
    text += (shown++ == 0 ? "" : ", ") + entry.path;
  }
  if (files == 0) return "no file is there";
  if (files > shown) text += " and " + std::to_string(files - shown) + " more";
  return "there is: " + text;
}

}  // namespace

bool names(std::string_view pattern, std::string_view path) {
  const auto reached = match_beginnings(split(pattern), split(path));
  const bool is_directory_only = pattern.ends_with('/');
  const auto end = is_directory_only ? reached.end() - 1 : reached.end();
  return std::find(reached.begin(), end, true) != end;
}

Result<std::vector<TakenFile>> find_outputs(const std::string& root, const std::vector<std::string>& patterns) {
  STINT_TRY(const auto entries, list_tree(root));
  std::vector<bool> is_named(entries.size(), false);
  for (const auto& pattern : patterns) {
    bool is_found = false;
    for (std::size_t i = 0; i < entries.size(); ++i) {
      if (entries[i].kind == TreeEntry::Kind::directory || !names(pattern, entries[i].path)) continue;
      is_named[i] = is_found = true;
    }
    if (!is_found) return fail(Errc::not_found, "output '" + pattern + "' is missing below $STINT_OUTPUTS; " + describe(entries));
  }
  std::vector<TakenFile> files;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (!is_named[i]) continue;
    STINT_TRY_VOID(core::check_manifest_path(entries[i].path));
    STINT_TRY(auto taken, resolve(root, entries[i]));
    if (files.size() == limits::kOutputFiles)
      return fail(Errc::out_of_range,
                  "outputs of more than " + std::to_string(limits::kOutputFiles) + " files, the limit: pack them into fewer");
    files.push_back(std::move(taken));
  }
  return files;
}

}  // namespace stint::staging
