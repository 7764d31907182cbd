// People take work when they want it: nothing is pushed. Copies of one item (overlap) go to different people.
#include <algorithm>

#include "core/groups.hpp"
#include "core/task_life.hpp"
#include "core/topics.hpp"

namespace stint::core {
namespace {

/// How many tasks one claim looks at, of all groups together: a person who has answered for much is not shown the rest at any price.
constexpr std::uint32_t kScanMax = 1'000'000;

/// A person at work is not written down with every answer.
constexpr Duration kSeenPeriod = std::chrono::minutes{1};

bool has_live_attempt(const Group& group, std::uint32_t index, AgentNumber agent) {
  const auto at = group.entries.find(index);
  if (at == group.entries.end()) return false;
  const TaskEntry& entry = at->second;
  return std::any_of(entry.live.begin(), entry.live.begin() + entry.live_count,
                     [&](const Attempt* attempt) { return attempt->row.agent == agent; });
}

/// The person has, or has answered, another copy of the item.
bool has_had_item(const Group& group, std::uint32_t index, AgentNumber agent) {
  if (group.answered_by.empty()) return false;
  const std::uint32_t first = index / group.spec->overlap * group.spec->overlap;
  const std::uint32_t end = std::min(first + group.spec->overlap, group.states.count());
  for (std::uint32_t sibling = first; sibling < end; ++sibling)
    if (group.answered_by[sibling] == agent || has_live_attempt(group, sibling, agent)) return true;
  return false;
}

/// Takes a task out of line for this person: one that came back first, else the first fresh one.
std::optional<std::uint32_t> take_for(Group& group, AgentNumber agent, std::uint32_t& left) {
  for (std::uint32_t index = group.ready.next(0); index != IndexSet::kNone && left > 0; index = group.ready.next(index + 1), --left) {
    if (has_had_item(group, index, agent)) continue;
    group.ready.erase(index);
    group.entries.at(index).waiting = Waiting::no;
    return index;
  }
  if (group.fresh == 0) return std::nullopt;
  for (std::uint32_t index = group.states.next_open(group.cursor); index < group.states.count() && left > 0;
       index = group.states.next_open(index + 1), --left) {
    const bool is_fresh = index >= group.entered_end || !group.entries.contains(index);
    if (!is_fresh || has_had_item(group, index, agent)) continue;
    --group.fresh;
    return index;
  }
  return std::nullopt;
}

bool is_wanted(const Group& group, const ClaimWork& event) {
  if (event.job && group.job->row.id != *event.job) return false;
  if (event.types.empty() || !group.spec->type) return true;
  return std::find(event.types.begin(), event.types.end(), *group.spec->type) != event.types.end();
}

}  // namespace

void note_seen(Turn& turn, AgentNumber person) {
  Agent* agent = turn.state.find_agent(person);
  if (agent == nullptr || turn.now.wall - agent->row.last_seen_at < kSeenPeriod) return;
  agent->row.last_seen_at = turn.now.wall;
  turn.effects.rows.emplace_back(agent->row);
}

Result<std::vector<AttemptRef>> claim_work(Turn& turn, const ClaimWork& event) {
  Agent* agent = turn.state.find_agent(event.agent);
  if (agent == nullptr) return fail(Errc::not_found, "agent " + std::to_string(event.agent.value) + " is not known");
  if (agent->row.revoked) return fail(Errc::forbidden, "agent " + agent->row.name + " was revoked");
  std::vector<Group*> groups;
  for (const auto& [place, group] : turn.state.claimable)
    if (is_wanted(*group, event)) groups.push_back(group);
  note_seen(turn, event.agent);
  const UnixMillis lease_until = turn.now.wall + std::chrono::duration_cast<std::chrono::milliseconds>(event.lease);
  std::vector<AttemptRef> claimed;
  std::uint32_t left = kScanMax;
  for (Group* group : groups) {
    while (claimed.size() < event.limit && group->is_offered) {
      const auto index = take_for(*group, event.agent, left);
      if (!index) break;
      place_task(turn, *group, *index, *agent, {.lease_until = lease_until});
      refresh_group(turn.state, *group);
      claimed.push_back({{group->job->row.id, group->position, *index}, group->entries.at(*index).attempts});
    }
  }
  return claimed;
}

}  // namespace stint::core
