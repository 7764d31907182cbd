#include "scheduler/keyring.hpp"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>

#include "base/assert.hpp"
#include "base/utc.hpp"
#include "scheduler/limits.hpp"
#include "wire/crypto.hpp"

namespace stint::scheduler {
namespace {

// A sealed master is nonce(12) ‖ AES-256-GCM(key-encryption key, nonce, associated data, master(32)) ‖ tag(16).
Bytes associated_data(KeyEpoch epoch) {
  static constexpr std::string_view kLabel = "stint master";
  Bytes data(kLabel.size() + 2);
  std::copy(kLabel.begin(), kLabel.end(), data.begin());
  store_le<std::uint16_t>(data.data() + kLabel.size(), epoch.value);
  return data;
}

std::string name_of(KeyEpoch epoch) { return "key epoch " + std::to_string(epoch.value); }

constexpr UnixMillis kNever{};

KeyState state_in_life(const core::MasterKeyRow& row) {
  if (row.removed_at != kNever) return KeyState::removed;
  if (row.retired_at != kNever) return KeyState::retired;
  if (row.retire_at != kNever) return KeyState::accepted;
  return row.installed_at != kNever ? KeyState::current : KeyState::next;
}

}  // namespace

std::string_view to_string(KeyState state) {
  switch (state) {
    case KeyState::next: return "next";
    case KeyState::current: return "current";
    case KeyState::accepted: return "accepted";
    case KeyState::retired: return "retired";
    case KeyState::removed: break;
  }
  return "removed";
}

Keyring::Keyring(const KeyEncryptionKey& kek, std::function<std::optional<std::uint32_t>(AgentNumber)> generation_of)
    : kek_(kek), generation_of_(std::move(generation_of)) {}

Status Keyring::load(const core::MasterKeyRow& row) {
  if (row.removed_at != kNever) {
    keys_.insert_or_assign(row.epoch, Key{row, {}});
    return {};
  }
  const std::string who = "master key of epoch " + std::to_string(row.epoch.value);
  if (row.sealed.size() < wire::kAeadNonceSize) return fail(Errc::corrupt, who + ": too short");
  wire::AeadNonce nonce;
  std::copy_n(row.sealed.begin(), nonce.size(), nonce.begin());
  const auto plain = wire::aead_open(wire::AeadKey(kek_), nonce, associated_data(row.epoch), ByteView(row.sealed).subspan(nonce.size()));
  if (!plain || plain->size() != 32)
    return fail(Errc::corrupt, who +
                                   " does not open with this key-encryption key: is the `kek` file (or STINT_KEK) the one of this "
                                   "database?");
  std::array<std::uint8_t, 32> bytes{};
  std::copy(plain->begin(), plain->end(), bytes.begin());
  keys_.insert_or_assign(row.epoch, Key{row, wire::MasterKey(bytes)});
  wire::wipe(bytes);
  return {};
}

/// A master of an epoch above all others.
core::MasterKeyRow Keyring::make(ports::Entropy& entropy, UnixMillis now, UnixMillis installed_at) {
  core::MasterKeyRow row;
  row.epoch = KeyEpoch{static_cast<std::uint16_t>(keys_.empty() ? 1 : keys_.rbegin()->first.value + 1)};
  std::array<std::uint8_t, 32> master{};
  wire::AeadNonce nonce{};
  entropy.fill(master);
  entropy.fill(nonce);
  row.created_at = now;
  row.installed_at = installed_at;
  row.sealed.assign(nonce.begin(), nonce.end());
  const Bytes sealed = wire::aead_seal(wire::AeadKey(kek_), nonce, associated_data(row.epoch), master);
  row.sealed.insert(row.sealed.end(), sealed.begin(), sealed.end());
  keys_.insert_or_assign(row.epoch, Key{row, wire::MasterKey(master)});
  wire::wipe(master);
  return row;
}

std::vector<core::MasterKeyRow> Keyring::ensure_current_and_next(ports::Entropy& entropy, UnixMillis now) {
  std::vector<core::MasterKeyRow> made;
  const bool has_current =
      std::any_of(keys_.begin(), keys_.end(), [](const auto& key) { return state_in_life(key.second.row) == KeyState::current; });
  if (!has_current) made.push_back(make(entropy, now, now));
  if (state_in_life(keys_.rbegin()->second.row) != KeyState::next) made.push_back(make(entropy, now, kNever));
  return made;
}

Result<std::vector<core::MasterKeyRow>> Keyring::rotate(Duration grace, ports::Entropy& entropy, UnixMillis now) {
  for (const auto& [epoch, key] : keys_)
    if (state_in_life(key.row) == KeyState::accepted)
      return fail(Errc::conflict, name_of(epoch) + " is still accepted for work, until " + format_utc(key.row.retire_at) +
                                      ", and only one older epoch may be: rotate then, or retire it now with `stint keys retire " +
                                      std::to_string(epoch.value) + "`");
  Key& next = keys_.rbegin()->second;
  STINT_ASSERT(state_in_life(next.row) == KeyState::next);
  if (next.row.epoch.value == std::numeric_limits<std::uint16_t>::max())
    return fail(Errc::out_of_range, name_of(next.row.epoch) + " is the last there can be: make a new cell");
  Key& current = keys_.at(current_epoch());
  current.row.retire_at = now + std::chrono::ceil<std::chrono::milliseconds>(grace);
  next.row.installed_at = now;
  std::vector<core::MasterKeyRow> rows{current.row, next.row};
  rows.push_back(make(entropy, now, kNever));
  return rows;
}

Result<Keyring::Key*> Keyring::find_older(KeyEpoch epoch) {
  const auto found = keys_.find(epoch);
  if (found == keys_.end()) return fail(Errc::not_found, "there is no " + name_of(epoch) + "; see `stint keys status`");
  const KeyState state = state_in_life(found->second.row);
  if (state == KeyState::current)
    return fail(Errc::conflict,
                name_of(epoch) + " is the current one, and agents have no newer key to go on with: rotate first, with `stint keys rotate`");
  if (state == KeyState::next) return fail(Errc::conflict, name_of(epoch) + " is the next one: nobody has a key of it");
  return &found->second;
}

Result<std::vector<core::MasterKeyRow>> Keyring::retire(KeyEpoch epoch, UnixMillis now) {
  STINT_TRY(Key * key, find_older(epoch));
  std::vector<core::MasterKeyRow> rows;
  if (state_in_life(key->row) != KeyState::accepted) return rows;
  key->row.retired_at = now;
  rows.push_back(key->row);
  return rows;
}

Result<std::vector<core::MasterKeyRow>> Keyring::remove(KeyEpoch epoch, ports::Entropy& entropy, UnixMillis now) {
  STINT_TRY(Key * key, find_older(epoch));
  std::vector<core::MasterKeyRow> rows;
  if (state_in_life(key->row) == KeyState::removed) return rows;
  wipe(*key, now);
  rows.push_back(key->row);
  Key& next = keys_.rbegin()->second;
  wipe(next, now);
  rows.push_back(next.row);
  rows.push_back(make(entropy, now, kNever));
  return rows;
}

void Keyring::wipe(Key& key, UnixMillis now) {
  if (key.row.retired_at == kNever) key.row.retired_at = now;
  key.row.removed_at = now;
  key.row.sealed.clear();
  key.master = {};
}

std::vector<core::MasterKeyRow> Keyring::expire(UnixMillis now) {
  std::vector<core::MasterKeyRow> rows;
  for (auto& [epoch, key] : keys_) {
    const KeyState state = state_in_life(key.row);
    if (state == KeyState::accepted && key.row.retire_at <= now) {
      key.row.retired_at = now;
      rows.push_back(key.row);
    } else if (state == KeyState::retired && key.row.retired_at + limits::kRetiredKeyLife <= now) {
      wipe(key, now);
      rows.push_back(key.row);
    }
  }
  return rows;
}

std::optional<UnixMillis> Keyring::next_expiry() const {
  std::optional<UnixMillis> next;
  const auto take = [&](UnixMillis at) { next = next ? std::min(*next, at) : at; };
  for (const auto& [epoch, key] : keys_) {
    const KeyState state = state_in_life(key.row);
    if (state == KeyState::accepted) take(key.row.retire_at);
    if (state == KeyState::retired) take(key.row.retired_at + limits::kRetiredKeyLife);
  }
  return next;
}

KeyEpoch Keyring::current_epoch() const {
  for (auto at = keys_.rbegin(); at != keys_.rend(); ++at)
    if (state_in_life(at->second.row) == KeyState::current) return at->first;
  STINT_ASSERT(false && "ensure_current_and_next sees to it");
  return {};
}

std::vector<core::MasterKeyRow> Keyring::rows() const {
  std::vector<core::MasterKeyRow> all;
  for (const auto& [epoch, key] : keys_) all.push_back(key.row);
  return all;
}

KeyState Keyring::state_of(KeyEpoch epoch) const {
  const auto found = keys_.find(epoch);
  return found == keys_.end() ? KeyState::removed : state_in_life(found->second.row);
}

std::optional<protocol::AgentKeyBytes> Keyring::find_agent_key(AgentNumber agent, KeyEpoch epoch) const {
  const auto found = keys_.find(epoch);
  if (found == keys_.end() || state_in_life(found->second.row) == KeyState::removed) return std::nullopt;
  const auto generation = generation_of_(agent);
  if (!generation) return std::nullopt;
  return wire::derive_agent_key(found->second.master, agent, *generation).bytes;
}

std::optional<protocol::Rekey> Keyring::make_rekey(AgentNumber agent, KeyEpoch from, KeyEpoch to, ports::Entropy& entropy) const {
  const auto wrap_under = find_agent_key(agent, from);
  const auto key = find_agent_key(agent, to);
  if (!wrap_under || !key) return std::nullopt;
  protocol::Rekey rekey;
  rekey.key_epoch = to;
  rekey.generation = *generation_of_(agent);
  entropy.fill(rekey.nonce);
  const auto wrap = wire::derive_rekey_wrap_key(wire::AgentKey(*wrap_under), rekey.nonce);
  rekey.wrapped_key = wire::wrap_agent_key(wrap, {agent, to, rekey.generation}, wire::AgentKey(*key));
  return rekey;
}

}  // namespace stint::scheduler
