#include "agent/held_keys.hpp"

#include <algorithm>
#include <utility>

#include "agent/limits.hpp"
#include "base/assert.hpp"
#include "wire/keys.hpp"

namespace stint::agent {
namespace {

std::string name_of(KeyEpoch epoch) { return "key epoch " + std::to_string(epoch.value); }

bool is_newer(const ports::HeldKey& a, const ports::HeldKey& b) { return a.epoch > b.epoch; }

}  // namespace

HeldKeys::HeldKeys(std::vector<ports::HeldKey> keys, ports::KeyStore* store) : keys_(std::move(keys)), store_(store) {
  STINT_ASSERT(!keys_.empty());
  std::sort(keys_.begin(), keys_.end(), is_newer);
}

const ports::HeldKey* HeldKeys::find(KeyEpoch epoch) const {
  const auto at = std::find_if(keys_.begin(), keys_.end(), [&](const auto& key) { return key.epoch == epoch; });
  return at == keys_.end() ? nullptr : &*at;
}

Status HeldKeys::replace(std::vector<ports::HeldKey> keys) {
  if (store_ == nullptr) return fail(Errc::unsupported, "this agent has no place to keep keys in");
  STINT_TRY_VOID(store_->write_keys(keys));
  keys_ = std::move(keys);
  trying_ = 0;
  return {};
}

Status HeldKeys::take(const protocol::Rekey& rekey, AgentNumber agent, KeyEpoch session) {
  const auto* under = find(session);
  if (under == nullptr || rekey.key_epoch <= session)
    return fail(Errc::invalid_argument, name_of(rekey.key_epoch) + " is not newer than " + name_of(session) + " of this session");
  if (rekey.generation < under->generation)
    return fail(Errc::invalid_argument, "generation " + std::to_string(rekey.generation) + " is older than " +
                                            std::to_string(under->generation) + ", which this agent has");
  const auto wrap = wire::derive_rekey_wrap_key(wire::AgentKey(under->key), rekey.nonce);
  const auto opened = wire::unwrap_agent_key(wrap, {agent, rekey.key_epoch, rekey.generation}, rekey.wrapped_key);
  if (!opened)
    return fail(Errc::invalid_argument, "the key of " + name_of(rekey.key_epoch) + ", generation " + std::to_string(rekey.generation) +
                                            ", does not open as one of agent " + std::to_string(agent.value));
  const ports::HeldKey taken{rekey.key_epoch, rekey.generation, opened->bytes};
  if (const auto* held = find(taken.epoch); held != nullptr && *held == taken) {
    trying_ = 0;
    return {};
  }
  std::vector<ports::HeldKey> keys{taken};
  for (const auto& key : keys_)
    if (key.epoch != taken.epoch) keys.push_back(key);
  std::sort(keys.begin(), keys.end(), is_newer);
  // The one of this session must stay; those that no session ever confirmed and that came before are the first to go.
  while (keys.size() > limits::kHeldKeys) {
    const auto spare =
        std::find_if(keys.begin(), keys.end(), [&](const auto& key) { return key.epoch != taken.epoch && key.epoch != session; });
    keys.erase(spare);
  }
  return replace(std::move(keys));
}

Status HeldKeys::confirm(KeyEpoch epoch) {
  std::vector<ports::HeldKey> keys;
  for (const auto& key : keys_)
    if (key.epoch >= epoch) keys.push_back(key);
  if (keys.empty() || keys.size() == keys_.size()) return {};
  const KeyEpoch trying = keys_[trying_].epoch;
  STINT_TRY_VOID(replace(std::move(keys)));
  for (std::size_t i = 0; i < keys_.size(); ++i)
    if (keys_[i].epoch == trying) trying_ = i;
  return {};
}

bool HeldKeys::on_refused(KeyEpoch epoch) {
  if (keys_[trying_].epoch == epoch) trying_ = (trying_ + 1) % keys_.size();
  return trying_ != 0;
}

}  // namespace stint::agent
