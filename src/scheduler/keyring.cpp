#include "scheduler/keyring.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "base/assert.hpp"
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

}  // namespace

Keyring::Keyring(const KeyEncryptionKey& kek, std::function<std::optional<std::uint32_t>(AgentNumber)> generation_of)
    : kek_(kek), generation_of_(std::move(generation_of)) {}

Status Keyring::load(const core::MasterKeyRow& row) {
  const std::string who = "master key of epoch " + std::to_string(row.epoch.value);
  if (row.sealed.size() < wire::kAeadNonceSize) return fail(Errc::corrupt, who + ": too short");
  wire::AeadNonce nonce;
  std::copy_n(row.sealed.begin(), nonce.size(), nonce.begin());
  const auto plain = wire::aead_open(wire::AeadKey(kek_), nonce, associated_data(row.epoch), ByteView(row.sealed).subspan(nonce.size()));
  if (!plain || plain->size() != 32)
    return fail(Errc::corrupt, who + " does not open with this key-encryption key: is the `kek` file the one of this database?");
  std::array<std::uint8_t, 32> bytes{};
  std::copy(plain->begin(), plain->end(), bytes.begin());
  masters_.insert_or_assign(row.epoch, wire::MasterKey(bytes));
  return {};
}

core::MasterKeyRow Keyring::make_master(ports::Entropy& entropy, UnixMillis now) {
  const KeyEpoch epoch{static_cast<std::uint16_t>(masters_.empty() ? 1 : masters_.rbegin()->first.value + 1)};
  std::array<std::uint8_t, 32> master{};
  wire::AeadNonce nonce{};
  entropy.fill(master);
  entropy.fill(nonce);
  core::MasterKeyRow row;
  row.epoch = epoch;
  row.created_at = now;
  row.sealed.assign(nonce.begin(), nonce.end());
  const Bytes sealed = wire::aead_seal(wire::AeadKey(kek_), nonce, associated_data(epoch), master);
  row.sealed.insert(row.sealed.end(), sealed.begin(), sealed.end());
  masters_.insert_or_assign(epoch, wire::MasterKey(master));
  wire::wipe(master);
  return row;
}

KeyEpoch Keyring::current_epoch() const {
  STINT_ASSERT(!masters_.empty());
  return masters_.rbegin()->first;
}

std::optional<protocol::AgentKeyBytes> Keyring::find_agent_key(AgentNumber agent, KeyEpoch epoch) const {
  const auto master = masters_.find(epoch);
  if (master == masters_.end()) return std::nullopt;
  const auto generation = generation_of_(agent);
  if (!generation) return std::nullopt;
  return wire::derive_agent_key(master->second, agent, *generation).bytes;
}

}  // namespace stint::scheduler
