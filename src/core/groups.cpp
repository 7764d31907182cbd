#include "core/groups.hpp"

#include <algorithm>
#include <utility>

#include "base/assert.hpp"
#include "core/event_rows.hpp"
#include "core/task_life.hpp"
#include "core/topics.hpp"

namespace stint::core {
namespace {

enum class NeedState : std::uint8_t { open, met, failed, skipped };

NeedState judge(const Group& need, NeedOn on) {
  const bool is_skipped = need.skipped > 0 || need.doom == EndReason::skipped;
  const bool is_bad = need.counts.failed + need.counts.cancelled > need.skipped || (need.doom != EndReason::none && !is_skipped);
  switch (on) {
    case NeedOn::success:
      if (is_bad) return NeedState::failed;
      if (is_skipped) return NeedState::skipped;
      break;
    case NeedOn::failure:
      if (!need.has_ended) return NeedState::open;
      return is_bad ? NeedState::met : NeedState::skipped;
    case NeedOn::always: break;
  }
  return need.has_ended ? NeedState::met : NeedState::open;
}

struct Needs {
  std::uint32_t open = 0;
  EndReason doom = EndReason::none;
};

Needs judge_all(const Group& group) {
  Needs needs;
  for (const Need& need : group.spec->needs) {
    switch (judge(*group.job->groups[need.group], need.on)) {
      case NeedState::met: continue;
      case NeedState::open: break;
      case NeedState::failed: needs.doom = EndReason::needs_failed; break;
      case NeedState::skipped:
        if (needs.doom == EndReason::none) needs.doom = EndReason::skipped;
        break;
    }
    ++needs.open;
  }
  return needs;
}

/// Something that tasks of the group find in STINT_INPUTS comes from this one.
bool hands_on(const Group& need) {
  const bool may_have_more = static_cast<bool>(need.job->row.spec->retry_of);  // of what was reused, only the store knows
  return may_have_more || !need.spec->outputs.empty() || need.spec->collect || is_for_people(need) || need.results > 0;
}

bool wants_preparation(const Group& group) {
  if (group.spec->each) return true;
  return std::any_of(group.spec->needs.begin(), group.spec->needs.end(),
                     [&](const Need& need) { return hands_on(*group.job->groups[need.group]); });
}

GroupRow make_row(const Group& group) {
  return {group.job->row.id, group.position,     group.is_prepared, group.states.count(),
          group.items,       group.needs_inputs, group.doom,        group.is_collected};
}

void push_row(Turn& turn, const Group& group) { turn.effects.rows.emplace_back(make_row(group)); }

/// All its needs are met.
void begin_group(Turn& turn, Group& group) {
  if (group.may_start || group.awaited != Awaited::nothing || group.has_ended) return;
  if (!wants_preparation(group)) {
    group.may_start = true;
    refresh_group(turn.state, group);
    return;
  }
  group.awaited = Awaited::preparation;
  turn.effects.sends.emplace_back(Prepare{group.job->row.id, group.position});
}

void end_group(Turn& turn, Group& group) {
  group.has_ended = true;
  --group.job->open_groups;
  note_changed(turn.state, group);
}

Result<Group*> find_awaited(State& state, JobId job, std::uint32_t position) {
  Group* group = state.find_group(job, position);
  if (group == nullptr) return fail(Errc::not_found, "job " + std::to_string(job.value) + " has no entry " + std::to_string(position));
  if (group->awaited == Awaited::nothing || group->has_ended)
    return fail(Errc::conflict, "nothing is awaited of entry " + group->spec->name);
  return group;
}

void note_preparation_failed(Turn& turn, Group& group, const std::string& detail) {
  Job& job = *group.job;
  if (job.state.reason == EndReason::none) {
    job.state.reason = EndReason::preparation_failed;
    job.state.detail = std::to_string(job.row.id.value) + '.' + group.spec->name + ": " + detail;
  }
  turn.effects.rows.emplace_back(job.state);
}

}  // namespace

void size_group(Turn& turn, Group& group, std::uint32_t count) {
  STINT_ASSERT(!group.is_sized);
  group.is_sized = true;
  group.is_prepared = true;
  group.resize(count);
  group.job->open += count;
  push_row(turn, group);
  if (count == 0) note_changed(turn.state, group);
}

void finish_group(Turn& turn, Group& group) {
  if (group.has_ended || !group.is_sized || group.open() > 0) return;
  if (!wants_collect(group)) return end_group(turn, group);
  if (group.awaited != Awaited::nothing) return;  // a preparation after a restart is answered first
  group.awaited = Awaited::collection;
  turn.effects.sends.emplace_back(Collect{group.job->row.id, group.position});
}

void refresh_needs(Turn& turn, Group& group) {
  if (group.has_ended || group.needs_open == 0 || group.doom != EndReason::none) return;
  const Needs needs = judge_all(group);
  group.needs_open = needs.open;
  if (group.is_sized && group.open() == 0) return;  // all of it was reused: only its collecting is left
  if (needs.doom != EndReason::none) {
    group.doom = needs.doom;
    push_row(turn, group);
    cancel_group(turn, group, needs.doom);
  } else if (needs.open == 0) {
    begin_group(turn, group);
  }
}

void restore_group(Group& group) {
  group.needs_open = judge_all(group).open;
  group.has_ended = group.is_sized && group.open() == 0 && !wants_collect(group);
  if (!group.has_ended) ++group.job->open_groups;
}

std::uint32_t count_open_needs(const Group& group) { return judge_all(group).open; }
bool is_met(const Group& group, const Need& need) { return judge(*group.job->groups[need.group], need.on) == NeedState::met; }

void resume_group(Turn& turn, Group& group) {
  if (group.has_ended) return;
  if (group.is_sized && group.open() == 0) {
    finish_group(turn, group);
  } else if (group.needs_open == 0) {
    begin_group(turn, group);
  }
}

Status prepare_group(Turn& turn, const GroupPrepared& event) {
  STINT_TRY(Group * group, find_awaited(turn.state, event.job, event.group));
  if (group->awaited != Awaited::preparation) return fail(Errc::conflict, "entry " + group->spec->name + " is prepared");
  if (event.count > limits::kTasksPerArray)
    return fail(Errc::out_of_range,
                std::to_string(event.count) + " tasks; the limit of an entry is " + std::to_string(limits::kTasksPerArray));
  group->awaited = Awaited::nothing;
  group->may_start = true;
  if (!group->is_prepared) {
    group->items = event.items;
    group->needs_inputs = event.needs_inputs;
    if (group->is_sized) {
      group->is_prepared = true;
      push_row(turn, *group);
    } else {
      size_group(turn, *group, event.count);
      tell_group_sized(turn, *group);
    }
  }
  refresh_group(turn.state, *group);
  if (group->open() == 0) note_changed(turn.state, *group);  // after a restart its last tasks may end before the answer
  settle_job(turn, *group->job);
  return {};
}

Status fail_group(Turn& turn, JobId job, std::uint32_t position, const std::string& detail) {
  STINT_TRY(Group * group, find_awaited(turn.state, job, position));
  const Awaited awaited = std::exchange(group->awaited, Awaited::nothing);
  if (awaited == Awaited::preparation && group->is_sized && group->open() == 0) {  // nobody needs any more what cannot be had
    note_changed(turn.state, *group);
  } else {
    note_preparation_failed(turn, *group, detail);
    if (awaited == Awaited::collection) {
      group->doom = EndReason::preparation_failed;
      push_row(turn, *group);
      note_changed(turn.state, *group);
    } else {
      fail_open_tasks(turn, *group, EndReason::preparation_failed);
    }
  }
  settle_job(turn, *group->job);
  return {};
}

Status finish_collect(Turn& turn, JobId job, std::uint32_t position, FileRef file) {
  STINT_TRY(Group * group, find_awaited(turn.state, job, position));
  if (group->awaited != Awaited::collection) return fail(Errc::conflict, "entry " + group->spec->name + " has not ended");
  group->awaited = Awaited::nothing;
  group->is_collected = true;
  turn.effects.rows.emplace_back(OutputRow{{job, position, kWholeEntry}, std::move(file), 0});
  push_row(turn, *group);
  note_changed(turn.state, *group);
  settle_job(turn, *group->job);
  return {};
}

}  // namespace stint::core
