#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.hpp"

/// Files in and out of a backup. Made files are private (0600), flushed, and never overwrite anything.
namespace stint::backup {

/// Bytes that were read since the last call; false stops.
using Progress = std::function<bool(std::uint64_t bytes)>;

struct Copied {
  std::uint64_t size = 0;
  std::string sha256;
};
/// Errors:  not_found;  already_exists;  unavailable  `progress` said stop;  no_space, io.
[[nodiscard]] Result<Copied> copy_file(const std::string& from, const std::string& to, const Progress& progress);
[[nodiscard]] Result<Copied> hash_file(const std::string& path, const Progress& progress);
/// False: not possible here (another file system); copy it.
[[nodiscard]] Result<bool> link_file(const std::string& from, const std::string& to);
[[nodiscard]] Status write_file(const std::string& path, std::string_view text);
[[nodiscard]] Result<std::string> read_file(const std::string& path);
/// With parents, 0700.
[[nodiscard]] Status make_dir(const std::string& path);
[[nodiscard]] Status sync_dir(const std::string& path);

}  // namespace stint::backup
