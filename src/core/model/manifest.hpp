#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/blob_id.hpp"
#include "base/result.hpp"

/// The text of a tree of files, itself stored as a blob. One line per file, ended by a line feed, sorted by the bytes of the path:
///
///   <sha256, 64 hexadecimal digits> <size in bytes> <mode: 644 or 755> <path>
///
/// The same tree has one text and so one name: sizes have no leading zero, digests are in lower case, nothing may follow the last line.
/// A path is relative, its parts divided by `/`; none is empty, `.` or `..`; it is UTF-8 without control characters, and no path is at
/// once a file and a directory of another. A manifest that passes can therefore be laid out below any directory without leaving it.
namespace stint::core {

namespace limits {
inline constexpr std::size_t kManifestBytes = std::size_t{64} << 20;
inline constexpr std::size_t kManifestFiles = 500'000;
inline constexpr std::size_t kManifestPathBytes = 4096;
inline constexpr std::uint64_t kManifestFileBytes = std::uint64_t{1} << 50;  ///< of one file; a blob store may hold less
}  // namespace limits

struct ManifestFile {
  BlobId blob;
  std::uint64_t size = 0;
  bool is_executable = false;                   ///< mode 755, else 644
  std::string path;
  bool operator==(const ManifestFile&) const = default;
};
using Manifest = std::vector<ManifestFile>;     ///< sorted by path

/// Errors:  invalid_argument, out_of_range  the detail names the line and what is expected there.
[[nodiscard]] Result<Manifest> parse_manifest(std::string_view text);
/// Sorts the files, checks them and gives their text.
/// Errors:  invalid_argument, out_of_range  the detail names the path.
[[nodiscard]] Result<std::string> print_manifest(Manifest files);
/// Whether `path` may stand in a manifest. Errors:  invalid_argument, out_of_range.
[[nodiscard]] Status check_manifest_path(std::string_view path);

}  // namespace stint::core
