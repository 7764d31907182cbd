#include "adapters/staging/tree.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <climits>
#include <cstdlib>
#include <filesystem>

#include "adapters/staging/files.hpp"
#include "adapters/staging/limits.hpp"

namespace stint::staging {
namespace {

TreeEntry::Kind kind_of(mode_t mode) {
  if (S_ISREG(mode)) return TreeEntry::Kind::file;
  if (S_ISDIR(mode)) return TreeEntry::Kind::directory;
  return S_ISLNK(mode) ? TreeEntry::Kind::link : TreeEntry::Kind::other;
}

std::string real_path(const std::string& path) {
  char resolved[PATH_MAX];
  return ::realpath(path.c_str(), resolved) == nullptr ? std::string{} : std::string{resolved};
}

}  // namespace

Result<std::vector<TreeEntry>> list_tree(const std::string& root) {
  struct stat status_of_root{};
  if (lstat(root.c_str(), &status_of_root) != 0) return fail_errno(root);
  if (!S_ISDIR(status_of_root.st_mode)) return fail(Errc::invalid_argument, root + " is no directory any more: the task has replaced it");
  std::vector<TreeEntry> entries;
  std::error_code error;
  auto at = std::filesystem::recursive_directory_iterator(root, error);
  for (; !error && at != std::filesystem::end(at); at.increment(error)) {
    if (at.depth() >= limits::kTreeDepth)
      return fail(Errc::out_of_range, "directories more than " + std::to_string(limits::kTreeDepth) + " deep, the limit");
    const auto path = at->path().string();
    struct stat status{};
    if (lstat(path.c_str(), &status) != 0) continue;  // gone meanwhile
    if (entries.size() == limits::kTreeEntries)
      return fail(Errc::out_of_range, "more than " + std::to_string(limits::kTreeEntries) + " files and directories, the limit");
    auto& entry = entries.emplace_back();
    entry.path = path.substr(root.size() + 1);
    entry.kind = kind_of(status.st_mode);
    entry.size = static_cast<std::uint64_t>(status.st_size);
    entry.changed_ns = std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec;
  }
  if (error) return fail(Errc::io, root + ": " + error.message());
  std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.path < b.path; });
  return entries;
}

Result<TakenFile> resolve(const std::string& root, const TreeEntry& entry) {
  TakenFile taken{entry.path, root + "/" + entry.path, false};
  if (entry.kind == TreeEntry::Kind::link) {
    taken.source = real_path(taken.source);
    const auto inside = real_path(root) + "/";
    if (taken.source.empty()) return fail(Errc::invalid_argument, "'" + entry.path + "' is a link to nothing");
    if (!taken.source.starts_with(inside))
      return fail(Errc::invalid_argument,
                  "'" + entry.path + "' is a link that leaves the directory, to " + taken.source + ": copy the file");
  }
  struct stat status{};
  if (lstat(taken.source.c_str(), &status) != 0) return fail_errno("'" + entry.path + "'");
  if (S_ISDIR(status.st_mode))
    return fail(Errc::invalid_argument, "'" + entry.path + "' is a link to a directory: declare the directory itself");
  if (!S_ISREG(status.st_mode)) return fail(Errc::invalid_argument, "'" + entry.path + "' is no regular file, directory or link to one");
  taken.is_executable = (status.st_mode & S_IXUSR) != 0;
  return taken;
}

}  // namespace stint::staging
