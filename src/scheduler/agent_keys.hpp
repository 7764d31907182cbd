#pragma once

#include <optional>

#include "base/ids.hpp"
#include "ports/entropy.hpp"
#include "protocol/session.hpp"

namespace stint::scheduler {

/// What the hub asks of the cell's keys: the key of an agent, and what becomes of a session under an older one.
class AgentKeys : public protocol::KeyLookup {
 public:
  /// False: a session under a key of this epoch gets a newer key and ends.
  [[nodiscard]] virtual bool takes_work(KeyEpoch epoch) const = 0;
  /// The agent's key of epoch `to`, wrapped under its key of `from`; nullopt if either is good for nothing.
  [[nodiscard]] virtual std::optional<protocol::Rekey> make_rekey(AgentNumber agent, KeyEpoch from, KeyEpoch to,
                                                                  ports::Entropy& entropy) const = 0;
};

}  // namespace stint::scheduler
