// Ended jobs leave by age and number, the longest ended first.
#include "base/assert.hpp"
#include "core/event_rows.hpp"
#include "core/topics.hpp"

namespace stint::core {
namespace {

/// An agent may still hold an attempt of it, or a later try of the job takes over what completed in it.
bool is_needed(const Job& job) { return job.holding > 0 || job.retried_by > 0; }

/// Memory forgets the job as if it had never been, but for its id.
void forget_job(State& state, const Job& job) {
  for (const auto& group : job.groups) STINT_ASSERT(group->task_class == nullptr && group->entries.empty() && !group->is_told_in_turn);
  if (!job.row.idempotency_key.empty()) state.idempotency_keys.erase(job.row.idempotency_key);
  note_retry(state, job, -1);
  state.jobs[job.row.id.value - 1].reset();
}

}  // namespace

void note_retry(State& state, const Job& job, int change) {
  const auto earlier = job.row.spec->retry_of;
  Job* const first = earlier ? state.find_job(earlier) : nullptr;
  if (first != nullptr) first->retried_by = static_cast<std::uint32_t>(static_cast<int>(first->retried_by) + change);
}

std::size_t remove_ended_jobs(Turn& turn, const JobRetention& keep, std::size_t most) {
  State& state = turn.state;
  tell_ended(turn);  // what ended in this turn is remembered by its place in memory until it is told
  std::size_t removed = 0;
  for (auto at = state.ended.begin(); at != state.ended.end() && removed < most;) {
    const auto [ended_at, id] = *at;
    const bool is_old = keep.age > Duration{0} && turn.now.wall - ended_at > keep.age;
    const bool is_over = keep.count > 0 && state.ended.size() > keep.count;
    if (!is_old && !is_over) break;
    const Job& job = *state.find_job(id);
    if (is_needed(job)) {
      ++at;
      continue;
    }
    turn.effects.rows.emplace_back(JobRemovalRow{id, turn.now.wall});
    tell_job_removed(turn, job);
    forget_job(state, job);
    at = state.ended.erase(at);
    ++removed;
  }
  return removed;
}

}  // namespace stint::core
