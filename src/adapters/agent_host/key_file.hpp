#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "base/pin.hpp"
#include "base/result.hpp"

namespace stint::agent_host {

/// What `stint agent token` wrote on the scheduler's machine: who this agent is and where its scheduler listens. JSON:
///   {"server":"127.0.0.1:7464","agent":7,"name":"a1","key_epoch":1,"key":"64 hexadecimal digits","tls_pins":["sha256:…"]}
struct KeyFile {
  std::string server;
  AgentNumber agent;
  std::string name;
  KeyEpoch key_epoch;
  std::array<std::uint8_t, 32> key{};
  std::vector<Pin> tls_pins;  ///< of the cell's key, or keys; files of earlier versions have none
};

/// Errors:  io  it cannot be read;  forbidden  others may read it;  invalid_argument  a key is missing or wrong: the detail names it.
[[nodiscard]] Result<KeyFile> read_key_file(const std::string& path);

/// Other pins in a key file that is there; what else it holds stays. The file is replaced as a whole.
/// Errors:  those of read_key_file;  io, no_space.
[[nodiscard]] Status write_key_file_pins(const std::string& path, const std::vector<Pin>& pins);

}  // namespace stint::agent_host
