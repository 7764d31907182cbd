#include "adapters/files/tree.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <optional>
#include <utility>

#include "adapters/files/ignore_rules.hpp"
#include "core/model/manifest.hpp"

namespace stint::adapters {
namespace {

namespace fs = std::filesystem;

constexpr std::array<const char*, 2> kIgnoreFiles{".gitignore", ".stintignore"};
constexpr std::size_t kIgnoreBytes = std::size_t{1} << 20;
constexpr std::size_t kDepthMax = 200;

bool is_glob(std::string_view text) { return text.find_first_of("*?[") != std::string_view::npos; }

std::string join(const std::string& directory, const std::string& name) { return directory.empty() ? name : directory + "/" + name; }

/// `./a//b/` -> `a/b`; empty for the base itself. Errors: forbidden.
Result<std::string> normalize(const std::string& input) {
  const auto plain = fs::path(input).lexically_normal();
  std::string text = plain.generic_string();
  while (text.ends_with('/')) text.pop_back();
  if (input.empty()) return fail(Errc::invalid_argument, "an input is empty: name a file, a directory or a glob");
  if (plain.is_absolute() || text == ".." || text.starts_with("../"))
    return fail(Errc::forbidden,
                "input " + input + " lies outside of the directory that inputs are relative to: copy it there, or move the job file up");
  return text == "." ? std::string() : text;
}

class Walk {
 public:
  explicit Walk(std::string base) : base_(std::move(base)) {}

  Status open() {
    std::error_code error;
    real_base_ = fs::canonical(base_, error).string();
    if (error) return fail(error == std::errc::no_such_file_or_directory ? Errc::not_found : Errc::io, base_ + ": " + error.message());
    return {};
  }

  Status add_input(const std::string& input) {
    STINT_TRY(const std::string path, normalize(input));
    if (is_glob(path) && !exists(path)) return add_glob(input, path);
    if (path.empty()) return add_directory({}, {}, everything());
    STINT_TRY(const auto entry, look_at(path));
    if (!entry.is_directory) return add_file(path, entry);
    return add_directory(path, rules_above(path), everything());
  }

  std::vector<TreeFile> take_files() {
    std::vector<TreeFile> files;
    for (auto& [path, file] : files_) files.push_back(std::move(file));
    return files;
  }

 private:
  using Wants = std::function<bool(const std::string& path)>;
  struct Entry {
    bool is_directory = false;
    std::string real;                              ///< without links
    std::uint64_t size = 0;
    bool is_executable = false;
  };

  static Wants everything() {
    return [](const std::string&) { return true; };
  }
  [[nodiscard]] std::string full(const std::string& path) const { return path.empty() ? base_ : base_ + "/" + path; }
  [[nodiscard]] bool exists(const std::string& path) const {
    struct stat info{};
    return ::lstat(full(path).c_str(), &info) == 0;
  }

  Result<Entry> look_at(const std::string& path) const {
    std::error_code error;
    Entry entry;
    entry.real = fs::canonical(full(path), error).string();
    if (error == std::errc::no_such_file_or_directory)
      return fail(Errc::not_found, path + (exists(path) ? ": a link to nothing" : ": no such file or directory in " + base_));
    if (error == std::errc::too_many_symbolic_link_levels) return fail(Errc::invalid_argument, path + ": a link that leads in a circle");
    if (error) return fail(Errc::io, path + ": " + error.message());
    if (entry.real != real_base_ && !entry.real.starts_with(real_base_ == "/" ? real_base_ : real_base_ + "/"))
      return fail(Errc::forbidden, path + ": a link to " + entry.real + ", which lies outside of " + real_base_ +
                                       ": copy what it points to into the directory, or list the link in .stintignore");
    struct stat info{};
    if (::stat(entry.real.c_str(), &info) != 0) return fail(Errc::io, path + ": " + std::strerror(errno));
    entry.is_directory = S_ISDIR(info.st_mode);
    if (!entry.is_directory && !S_ISREG(info.st_mode))
      return fail(Errc::invalid_argument, path + ": neither a file nor a directory: list it in .stintignore");
    entry.size = static_cast<std::uint64_t>(info.st_size);
    entry.is_executable = (info.st_mode & S_IXUSR) != 0;
    return entry;
  }

  Status add_file(const std::string& path, const Entry& entry) {
    STINT_TRY_VOID(core::check_manifest_path(path));
    files_[path] = {path, entry.size, entry.is_executable};
    if (files_.size() > core::limits::kManifestFiles)
      return fail(Errc::out_of_range,
                  "more than " + std::to_string(core::limits::kManifestFiles) + " files: leave some out with .stintignore, or pack them");
    return {};
  }

  Status add_glob(const std::string& input, const std::string& path) {
    const auto before = matched_;
    STINT_TRY_VOID(add_directory({}, {}, [this, &path](const std::string& file) {
      const bool is_wanted = matches_glob(path, file);
      matched_ += is_wanted ? 1 : 0;
      return is_wanted;
    }));
    if (matched_ > before) return {};
    return fail(Errc::not_found, "input " + input + " matches no file in " + base_ + " (ignored files do not count)");
  }

  /// The rules of the directories from the base down to `path`, without its own.
  [[nodiscard]] IgnoreRules rules_above(const std::string& path) const {
    IgnoreRules rules;
    for (std::size_t slash = 0;; ++slash) {
      if (slash == 0 || path[slash] == '/') add_rules(path.substr(0, slash), rules);
      if (slash + 1 >= path.size()) return rules;
    }
  }

  void add_rules(const std::string& directory, IgnoreRules& rules) const {
    for (const char* name : kIgnoreFiles) {
      std::ifstream file(full(join(directory, name)), std::ios::binary);
      if (!file) continue;
      std::string text(kIgnoreBytes, '\0');
      file.read(text.data(), static_cast<std::streamsize>(text.size()));
      text.resize(static_cast<std::size_t>(file.gcount()));
      rules.add(text, directory);
    }
  }

  Status add_directory(const std::string& directory, IgnoreRules rules, const Wants& wants) {
    const auto real = fs::path(full(directory));
    std::error_code error;
    const auto canonical = fs::canonical(real, error).string();
    if (std::find(open_.begin(), open_.end(), canonical) != open_.end() || open_.size() >= kDepthMax)
      return fail(Errc::invalid_argument, directory + ": a link that leads in a circle, or more than " + std::to_string(kDepthMax) +
                                              " directories in each other: list it in .stintignore");
    open_.push_back(canonical);
    add_rules(directory, rules);
    STINT_TRY(const auto names, names_in(directory));
    for (const auto& name : names) STINT_TRY_VOID(add_entry(join(directory, name), name, rules, wants));
    open_.pop_back();
    return {};
  }

  Result<std::vector<std::string>> names_in(const std::string& directory) const {
    std::vector<std::string> names;
    std::error_code error;
    for (fs::directory_iterator it(full(directory), error), end; !error && it != end; it.increment(error))
      names.push_back(it->path().filename().string());
    if (error) return fail(Errc::io, full(directory) + ": " + error.message());
    std::sort(names.begin(), names.end());
    return names;
  }

  Status add_entry(const std::string& path, const std::string& name, const IgnoreRules& rules, const Wants& wants) {
    if (name == ".git") return {};
    std::error_code error;
    const bool is_directory = fs::is_directory(full(path), error);
    if (rules.ignores(path, is_directory)) return {};
    if (is_directory) {
      STINT_TRY([[maybe_unused]] const auto entry, look_at(path));
      return add_directory(path, rules, wants);
    }
    if (!wants(path)) return {};
    STINT_TRY(const auto entry, look_at(path));
    return add_file(path, entry);
  }

  std::string base_;
  std::string real_base_;
  std::map<std::string, TreeFile> files_;
  std::vector<std::string> open_;                  ///< directories that are being walked, without links
  std::size_t matched_ = 0;
};

}  // namespace

Result<std::vector<TreeFile>> find_files(const std::string& base, const std::vector<std::string>& inputs) {
  Walk walk(base);
  STINT_TRY_VOID(walk.open());
  for (const auto& input : inputs) STINT_TRY_VOID(walk.add_input(input));
  return walk.take_files();
}

}  // namespace stint::adapters
