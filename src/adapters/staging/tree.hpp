#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace stint::staging {

/// One entry below a directory. A symbolic link is itself here, not what it points to.
struct TreeEntry {
  enum class Kind { file, directory, link, other };
  std::string path;  ///< relative, `/` between its parts
  Kind kind = Kind::file;
  std::uint64_t size = 0;
  std::int64_t changed_ns = 0;  ///< time of the last change of a file's bytes
};

/// Everything below `root`, sorted by path.
/// Errors:  out_of_range      more than limits::kTreeEntries, or deeper than limits::kTreeDepth;
///          invalid_argument  `root` is no directory;  io.
[[nodiscard]] Result<std::vector<TreeEntry>> list_tree(const std::string& root);

/// A file that is taken from a task.
struct TakenFile {
  std::string path;  ///< relative to the directory it was declared in
  std::string source;  ///< absolute, of the regular file; behind a link, its target
  bool is_executable = false;
};

/// The regular file behind an entry: a link to a file below `root` stands for that file.
/// Errors:  invalid_argument  a link that leaves `root`, or to nothing, or to a directory; a socket, device or FIFO.
[[nodiscard]] Result<TakenFile> resolve(const std::string& root, const TreeEntry& entry);

}  // namespace stint::staging
