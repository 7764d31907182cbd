#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "base/result.hpp"
#include "ports/entropy.hpp"

/// The small files of a scheduler's state directory beside its database; all 0600, the directory 0700.
namespace stint::apps {

[[nodiscard]] Status make_state_dir(const std::string& path);
/// The variable that may hold the key-encryption key, so that it need not lie beside the database.
inline constexpr const char* kKekVariable = "STINT_KEK";
/// The key under which master keys are stored: `environment` (64 hexadecimal digits; null or empty: none), else STATE/kek, made at the
/// first
/// start.
/// Errors:  corrupt  not 32 bytes in hexadecimal;  conflict  there are both, and they differ;  forbidden  others may read the file;
///          io, no_space.
[[nodiscard]] Result<std::array<std::uint8_t, 32>> load_or_make_kek(const std::string& state_dir, const char* environment,
                                                                    ports::Entropy& entropy);
/// The API token of STATE/context.json, or a new one.
[[nodiscard]] Result<std::string> load_or_make_token(const std::string& state_dir, ports::Entropy& entropy);
/// Errors:  io, no_space. Replaces the file as a whole.
[[nodiscard]] Status write_context(const std::string& state_dir, const std::string& server, const std::string& token);

}  // namespace stint::apps
