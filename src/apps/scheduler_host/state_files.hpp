#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "base/pin.hpp"
#include "base/result.hpp"
#include "net/certificate.hpp"
#include "ports/entropy.hpp"

/// The small files of a scheduler's state directory beside its database; all 0600, the directory 0700.
namespace stint::apps {

[[nodiscard]] Status make_state_dir(const std::string& path);
/// The variable that may hold the key-encryption key, so that it need not lie beside the database.
inline constexpr const char* kKekVariable = "STINT_KEK";
/// The key under which master keys are stored: `environment` (64 hexadecimal digits; null or empty: none), else STATE/kek, made at
/// the first start.
/// Errors:  corrupt  not 32 bytes in hexadecimal;  conflict  there are both, and they differ;  forbidden  others may read the file;
///          io, no_space.
[[nodiscard]] Result<std::array<std::uint8_t, 32>> load_or_make_kek(const std::string& state_dir, const char* environment,
                                                                    ports::Entropy& entropy);
/// The API token of STATE/context.json, or a new one.
[[nodiscard]] Result<std::string> load_or_make_token(const std::string& state_dir, ports::Entropy& entropy);
struct ContextFile {
  std::string server;  ///< with http:// or https://
  std::string token;
  std::vector<Pin> pins;  ///< of the key that the server shows, and of those it may show later
};
/// Errors:  io, no_space. Replaces the file as a whole.
[[nodiscard]] Status write_context(const std::string& state_dir, const ContextFile& context);

/// The cell's own key, and the one that will be it after a renewal: clients know it by then.
inline constexpr const char* kTlsKeyFile = "tls.key";
inline constexpr const char* kNextTlsKeyFile = "tls.next.key";
/// A private key in the state directory, made when it is not there. Gives its text.
/// Errors:  corrupt  no key;  forbidden  others may read it;  io, no_space.
[[nodiscard]] Result<std::string> load_or_make_tls_key(const std::string& state_dir, const std::string& name);
/// STATE/tls.crt: its certificate, made anew when it nears its end or lacks a name. True if it was.
[[nodiscard]] Result<bool> ensure_tls_certificate(const std::string& state_dir, const std::string& key, const net::CertificateWish& wish);

}  // namespace stint::apps
