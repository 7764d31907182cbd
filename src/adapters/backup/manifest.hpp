#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

/// What a backup is made of: BACKUP/manifest.json names every other file with its size and SHA-256.
namespace stint::backup {

struct FileEntry {
  std::string path;  ///< relative to the backup: `state.db`, `blobs/ab/…`
  std::uint64_t size = 0;
  std::string sha256;  ///< 64 hexadecimal digits
  bool operator==(const FileEntry&) const = default;
};

struct Manifest {
  std::string version;  ///< of the program that made it
  std::int64_t database_schema = 0;
  std::string cell;
  std::int64_t incarnation = 0;
  std::string server;  ///< where the scheduler listened; empty: it never ran
  std::string taken_at;  ///< RFC 3339
  std::vector<FileEntry> files;
  bool operator==(const Manifest&) const = default;
};

[[nodiscard]] std::string to_json(const Manifest& manifest);
/// Errors:  corrupt  not a manifest, or a path that leads out of the backup;  unsupported  of a newer form.
[[nodiscard]] Result<Manifest> parse_manifest(std::string_view json);

}  // namespace stint::backup
