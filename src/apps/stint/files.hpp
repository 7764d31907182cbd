#pragma once

#include <string>

#include "apps/stint-agent/environment.hpp"
#include "apps/stint/command_line.hpp"
#include "base/result.hpp"

/// The few things the command line reads and writes on disk.
namespace stint::cli {

/// find_base_dir of --state-dir, made absolute. Errors: invalid_argument (no home)
[[nodiscard]] Result<std::string> find_state_dir(const CommonOptions& options);

/// Errors: not_found, io.
[[nodiscard]] Result<std::string> read_file(const std::string& path);
/// A new file that only its owner may read (0600), there whole or not at all. Errors: io.
[[nodiscard]] Status write_private_file(const std::string& path, const std::string& text);
/// With parents, 0700. Errors: io.
[[nodiscard]] Status make_private_dir(const std::string& path);

/// `count` random bytes in hexadecimal.
[[nodiscard]] std::string random_hex(std::size_t count);
/// The program that runs, and a program that lies beside it.
[[nodiscard]] std::string own_executable();
[[nodiscard]] std::string sibling_executable(const std::string& name);

}  // namespace stint::cli
