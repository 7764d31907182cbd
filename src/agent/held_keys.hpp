#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "base/result.hpp"
#include "ports/key_store.hpp"
#include "protocol/messages.hpp"

namespace stint::agent {

/// The keys of an agent, and which of them it says HELLO with: the newest, unless that was refused. A refusal is unsigned advice, so no key
/// is
/// ever forgotten because of one; an older key is forgotten when the scheduler has reconciled a session under a newer one.
class HeldKeys {
 public:
  /// `keys`: at least one. `store` may be null: then nothing can be taken.
  HeldKeys(std::vector<ports::HeldKey> keys, ports::KeyStore* store);

  [[nodiscard]] const ports::HeldKey& newest() const { return keys_.front(); }
  /// For the next HELLO of an agent that has no session.
  [[nodiscard]] const ports::HeldKey& to_try() const { return keys_[trying_]; }
  [[nodiscard]] std::size_t size() const { return keys_.size(); }

  /// The key of `rekey`, which came in a session under the key of `session`, durably.
  /// Errors: invalid_argument it is not newer, another agent's, older than what is known, or does not open; others: it could not be kept.
  ///          Nothing is changed then.
  [[nodiscard]] Status take(const protocol::Rekey& rekey, AgentNumber agent, KeyEpoch session);
  /// A session under the key of `epoch` is reconciled: older keys go.
  [[nodiscard]] Status confirm(KeyEpoch epoch);
  /// The scheduler did not know the key of `epoch`: another is tried next.  False: that was the last of them, and the newest comes again.
  bool on_refused(KeyEpoch epoch);

 private:
  [[nodiscard]] const ports::HeldKey* find(KeyEpoch epoch) const;
  [[nodiscard]] Status replace(std::vector<ports::HeldKey> keys);

  std::vector<ports::HeldKey> keys_;  ///< newest first
  ports::KeyStore* store_;
  std::size_t trying_ = 0;
};

}  // namespace stint::agent
