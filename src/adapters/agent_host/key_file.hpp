#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "base/pin.hpp"
#include "base/result.hpp"
#include "ports/key_store.hpp"

namespace stint::agent_host {

/// Who this agent is, where its scheduler listens, its keys, and what it knows its cell by. JSON:
///   {"server":"127.0.0.1:7464","agent":7,"name":"a1","key_epoch":2,"key":"64 hexadecimal digits","generation":0,
///    "older_keys":[{"key_epoch":1,"key":"…","generation":0}],"tls_pins":["sha256:…"]}
/// `key` is the newest; from `generation` on everything may be absent, and what else stands there stays.
struct KeyFile {
  std::string server;
  AgentNumber agent;
  std::string name;
  std::vector<ports::HeldKey> keys;  ///< newest first
  std::vector<Pin> tls_pins;         ///< of the cell's key, or keys; files of earlier versions have none
  std::string token;  ///< id of the token it enrolled with, 16 hexadecimal digits; empty: it was made by `stint agent token --key-file`
};

/// Errors:  io  it cannot be read;  forbidden  others may read it;  invalid_argument  a key is missing or wrong: the detail names it.
[[nodiscard]] Result<KeyFile> read_key_file(const std::string& path);

/// Keeps keys and pins in the key file, as a whole new one each time. Where its directory takes no new file (/etc), in `fallback_path`: a
/// file of the same form that says which key it goes on from, so that it ends when somebody puts another key file in place.
class KeyFiles final : public ports::KeyStore {
 public:
  KeyFiles(std::string path, std::string fallback_path) : path_(std::move(path)), fallback_path_(std::move(fallback_path)) {}

  /// What counts of the two.
  /// Errors:  as read_key_file, of either.
  [[nodiscard]] Result<KeyFile> read() const;
  [[nodiscard]] Status write_keys(const std::vector<ports::HeldKey>& keys) override;
  [[nodiscard]] Status write_pins(const std::vector<Pin>& pins) override;

 private:
  std::string path_;
  std::string fallback_path_;
};

}  // namespace stint::agent_host
