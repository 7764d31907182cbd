#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string_view>
#include <vector>

#include "base/ids.hpp"
#include "base/result.hpp"
#include "core/model/rows.hpp"
#include "ports/entropy.hpp"
#include "scheduler/agent_keys.hpp"
#include "wire/keys.hpp"

namespace stint::scheduler {

/// The life of a key epoch, in this order. Accepted for work: next, current, accepted.
enum class KeyState : std::uint8_t {
  next,  ///< made, and installed by the next rotation; accepted, because a store restored from a backup may have forgotten the rotation
  current,  ///< what new agents get, and agents with an older key are offered
  accepted,  ///< older, within its grace
  retired,  ///< good for one thing: getting the current key
  removed  ///< good for nothing; its master is gone
};
[[nodiscard]] std::string_view to_string(KeyState state);

/// The cell's master keys, opened, and the agents' keys made of them. Masters are stored only sealed under the key-encryption key.
/// Changes are made in memory and returned as rows: those must be durable before anybody is told.
/// Source:  docs/protocol.md "Keys".
class Keyring final : public AgentKeys {
 public:
  using KeyEncryptionKey = std::array<std::uint8_t, 32>;
  /// `generation_of`: the current generation of an agent's key; nullopt if there is no such agent or it is revoked.
  Keyring(const KeyEncryptionKey& kek, std::function<std::optional<std::uint32_t>(AgentNumber)> generation_of);

  /// Errors:  corrupt  not sealed under this key-encryption key, or changed since.
  [[nodiscard]] Status load(const core::MasterKeyRow& row);
  void clear() { keys_.clear(); }
  /// Sees to it that there is a current epoch and a next one: the first start, and stores from before there was a next.
  [[nodiscard]] std::vector<core::MasterKeyRow> ensure_current_and_next(ports::Entropy& entropy, UnixMillis now);

  /// The next epoch becomes current; the one that was is accepted for `grace` more.
  /// Errors:  conflict      an older epoch is still within its grace, and at most one may be;
  ///          out_of_range  there are no more epochs.
  [[nodiscard]] Result<std::vector<core::MasterKeyRow>> rotate(Duration grace, ports::Entropy& entropy, UnixMillis now);
  /// An accepted epoch is retired before its grace is over.
  /// Errors:  not_found;  conflict  it is the current or the next one.
  [[nodiscard]] Result<std::vector<core::MasterKeyRow>> retire(KeyEpoch epoch, UnixMillis now);
  /// An older epoch is good for nothing from now on, and with it the next one, whose master a thief of the store has as well.
  /// Errors:  as retire.
  [[nodiscard]] Result<std::vector<core::MasterKeyRow>> remove(KeyEpoch epoch, ports::Entropy& entropy, UnixMillis now);
  /// Retires what is over its grace, and removes what was retired limits::kRetiredKeyLife ago.
  [[nodiscard]] std::vector<core::MasterKeyRow> expire(UnixMillis now);
  /// When expire() has something to do; nullopt: never.
  [[nodiscard]] std::optional<UnixMillis> next_expiry() const;

  [[nodiscard]] KeyEpoch current_epoch() const;
  [[nodiscard]] std::vector<core::MasterKeyRow> rows() const;
  /// `removed` for an epoch that never was.
  [[nodiscard]] KeyState state_of(KeyEpoch epoch) const;

  [[nodiscard]] std::optional<protocol::AgentKeyBytes> find_agent_key(AgentNumber agent, KeyEpoch epoch) const override;
  [[nodiscard]] bool takes_work(KeyEpoch epoch) const override { return state_of(epoch) <= KeyState::accepted; }
  [[nodiscard]] std::optional<protocol::Rekey> make_rekey(AgentNumber agent, KeyEpoch from, KeyEpoch to,
                                                          ports::Entropy& entropy) const override;

 private:
  struct Key {
    core::MasterKeyRow row;
    wire::MasterKey master;
  };
  core::MasterKeyRow make(ports::Entropy& entropy, UnixMillis now, UnixMillis installed_at);
  [[nodiscard]] Result<Key*> find_older(KeyEpoch epoch);
  void wipe(Key& key, UnixMillis now);

  KeyEncryptionKey kek_;
  std::function<std::optional<std::uint32_t>(AgentNumber)> generation_of_;
  std::map<KeyEpoch, Key> keys_;
};

}  // namespace stint::scheduler
