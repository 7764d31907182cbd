#pragma once

#include "core/model/person.hpp"
#include "core/state.hpp"

/// A group as a whole: when its needs are met, what it starts with, when it has ended.
namespace stint::core {

[[nodiscard]] inline bool is_for_people(const Group& group) { return group.spec->driver == "human"; }
/// There is something left to put together when all its tasks have ended.
[[nodiscard]] inline bool wants_collect(const Group& group) {
  return group.spec->collect && group.counts.completed > 0 && !group.is_collected && group.doom != EndReason::preparation_failed;
}

/// The number of tasks of a group that is sized later, and its row.
void size_group(Turn& turn, Group& group, std::uint32_t count);
/// If all tasks have ended: asks for what is to be collected, or ends the group.
void finish_group(Turn& turn, Group& group);
/// A need has changed: the group starts, waits on, or is ended as one that never will start.
void refresh_needs(Turn& turn, Group& group);
/// After a reload: needs and end as the counts give them. Groups that it needs are restored already.
void restore_group(Group& group);
/// Lets a group start whose needs are met, or go on where it was before a reload: what it waits for is asked for (again).
void resume_group(Turn& turn, Group& group);
/// Needs that are not met.
[[nodiscard]] std::uint32_t count_open_needs(const Group& group);
[[nodiscard]] bool is_met(const Group& group, const Need& need);

}  // namespace stint::core
