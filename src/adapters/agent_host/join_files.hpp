#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "base/pin.hpp"
#include "base/result.hpp"
#include "ports/entropy.hpp"
#include "ports/key_store.hpp"

/// The two files that joining a cell makes: KEY-FILE, and KEY-FILE.ed25519 before anything is asked.
namespace stint::agent_host {

/// The agent's own Ed25519 key beside its key file: 64 hexadecimal digits, 0600. Made durable before this returns, so that a machine whose
/// answer was lost, or that crashed, asks again as who it was.
/// Errors:  io;  forbidden  others may read it;  corrupt  it holds something else: the detail says what to do.
[[nodiscard]] Result<std::array<std::uint8_t, 32>> load_or_make_signing_key(const std::string& path, ports::Entropy& entropy);
[[nodiscard]] inline std::string signing_key_path(const std::string& key_file) { return key_file + ".ed25519"; }

struct JoinedKey {
  std::string server;
  std::string token;  ///< its id, 16 hexadecimal digits
  AgentNumber agent;
  std::string name;
  ports::HeldKey key;
  std::vector<Pin> tls_pins;  ///< of the cell's key; none: the token names none
};

/// What read_key_file reads; names the file beside it with the Ed25519 key. Durable when this returns.
/// Errors:  io.
[[nodiscard]] Status write_joined_key(const std::string& path, const JoinedKey& key);

}  // namespace stint::agent_host
