#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "core/scheduler.hpp"
#include "ports/store.hpp"
#include "protocol/messages.hpp"
#include "scheduler/attempt_token.hpp"
#include "scheduler/prepare/item_book.hpp"

namespace stint::scheduler {

/// What assignments say: the template of an entry, made once, and what one attempt has beside it.
class Assignments {
 public:
  Assignments(const core::Scheduler& core, ports::StoreReader& reader, const ItemBook& items, const AttemptTokens& tokens)
      : core_(core), reader_(reader), items_(items), tokens_(tokens) {}

  /// nullptr: no such job. Until the next call.
  [[nodiscard]] const protocol::TaskTemplate* find_template(JobId job, std::uint32_t group);
  /// nullopt: the template says all.
  [[nodiscard]] std::optional<protocol::AssignedExtra> find_extra(const AttemptRef& ref);
  /// The items of its entry are in memory, if it has some.
  [[nodiscard]] bool is_ready(const AttemptRef& ref) const;

  /// Keeps an assignment that cannot be made yet.
  void hold_back(const core::Assign& assign) { held_back_.push_back(assign); }
  /// Those that can be made now and are still wanted.
  [[nodiscard]] std::vector<core::Send> take_ready();
  void forget(JobId job);
  void clear();

 private:
  const core::Scheduler& core_;
  ports::StoreReader& reader_;
  const ItemBook& items_;
  const AttemptTokens& tokens_;
  std::map<std::pair<JobId, std::uint32_t>, protocol::TaskTemplate> templates_;
  std::vector<core::Assign> held_back_;
};

}  // namespace stint::scheduler
