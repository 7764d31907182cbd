#pragma once

#include <functional>
#include <map>
#include <optional>

#include "base/ids.hpp"
#include "base/result.hpp"
#include "core/model/rows.hpp"
#include "ports/entropy.hpp"
#include "protocol/session.hpp"
#include "wire/keys.hpp"

namespace stint::scheduler {

/// The cell's master keys, opened, and the agents' keys made of them. Masters are stored only sealed under the key-encryption key.
class Keyring final : public protocol::KeyLookup {
 public:
  using KeyEncryptionKey = std::array<std::uint8_t, 32>;
  /// `generation_of`: the current generation of an agent's key; nullopt if there is no such agent or it is revoked.
  Keyring(const KeyEncryptionKey& kek, std::function<std::optional<std::uint32_t>(AgentNumber)> generation_of);

  /// Errors:  corrupt  not sealed under this key-encryption key, or changed since.
  [[nodiscard]] Status load(const core::MasterKeyRow& row);
  [[nodiscard]] bool empty() const { return masters_.empty(); }
  /// A first master: the row must be durable before any key made of it is told.
  [[nodiscard]] core::MasterKeyRow make_master(ports::Entropy& entropy, UnixMillis now);
  [[nodiscard]] KeyEpoch current_epoch() const;

  [[nodiscard]] std::optional<protocol::AgentKeyBytes> find_agent_key(AgentNumber agent, KeyEpoch epoch) const override;

 private:
  KeyEncryptionKey kek_;
  std::function<std::optional<std::uint32_t>(AgentNumber)> generation_of_;
  std::map<KeyEpoch, wire::MasterKey> masters_;
};

}  // namespace stint::scheduler
