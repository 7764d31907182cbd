#include "scheduler/work_book.hpp"

#include <algorithm>

#include "core/model/person.hpp"
#include "scheduler/limits.hpp"

namespace stint::scheduler {

namespace {

/// Of the lease of a claim that was made before a restart. A wall clock that was stepped may claim any distance; no more is left than there
/// was in all.
Duration left_of(const core::AttemptRow& claim, Now now) {
  if (claim.lease_until == UnixMillis{}) return limits::kClaimLeaseDefault;  // made by a program that did not write leases down
  const Duration whole = std::clamp<Duration>(claim.lease_until - claim.placed_at, limits::kClaimGrace, limits::kClaimLeaseMax);
  return std::clamp<Duration>(claim.lease_until - now.wall, limits::kClaimGrace, whole);
}

}  // namespace

/// Nobody becomes another by being revoked: who has answered for an item would get its copies too.
Result<AgentNumber> WorkBook::ensure_person(const std::string& name, Now now, core::Effects& effects) {
  const auto known = people_.find(name);
  const core::AgentRow* row = known == people_.end() ? nullptr : core_.find_agent(known->second);
  if (row != nullptr && row->name == name && !row->revoked) return known->second;
  for (const auto& agent : core_.agents()) {
    if (agent.row.name != name) continue;
    if (is_person(agent.row) && agent.row.revoked)
      return fail(Errc::forbidden, name + " was revoked as one who works here; use a token of another name");
    if (is_person(agent.row)) return people_[name] = agent.row.number;
    if (!agent.row.revoked)
      return fail(Errc::already_exists, "an agent that is no person is named " + name + "; make a token of another name for the person");
  }
  STINT_TRY(const AgentNumber number, core_.register_agent({name, name}, now, effects));
  core::AgentOffer offer;
  offer.drivers = {"human"};
  core_.on_agent_offer(number, offer, now, effects);
  return people_[name] = number;
}

Result<std::vector<WorkBook::Claimed>> WorkBook::claim(const Claim& claim, Now now, core::Effects& effects) {
  if (claim.limit > limits::kClaimsMax)
    return fail(Errc::out_of_range,
                "limit: " + std::to_string(claim.limit) + " tasks at once, at most " + std::to_string(limits::kClaimsMax));
  STINT_TRY(const AgentNumber person, ensure_person(claim.person, now, effects));
  STINT_TRY(const auto refs, core_.claim({person, claim.types, claim.job, claim.limit, claim.lease}, now, effects));
  std::vector<Claimed> claimed;
  for (const AttemptRef& ref : refs) {
    add_lease(ref, now.mono + claim.lease);
    claimed.push_back({ref, now.wall + std::chrono::duration_cast<std::chrono::milliseconds>(claim.lease)});
  }
  return claimed;
}

Result<core::AttemptRow> WorkBook::find_claim(const std::string& person, const AttemptRef& ref) const {
  const auto row = core_.find_attempt(ref);
  const std::string name = "attempt " + std::to_string(ref.attempt);
  const auto task = core_.find_task(ref.task);
  if (!row && task && has_ended(task->status))
    return fail(Errc::conflict, "the task has ended (" + std::string(to_string(task->status)) + "): " + name + " is no longer live");
  const core::AgentRow* agent = row ? core_.find_agent(row->agent) : nullptr;
  if (agent == nullptr || agent->name != person || !is_person(*agent))
    return fail(Errc::not_found, name + " of this task is no claim of " + person);
  if (!row->live) return fail(Errc::conflict, name + " is no longer live: the claim has run out, or the task has ended; claim again");
  return *row;
}

Status WorkBook::answer(const std::string& person, const AttemptRef& ref, std::string result, Now now, core::Effects& effects) {
  STINT_TRY(auto row, find_claim(person, ref));
  core_.note_seen(row.agent, now, effects);
  end(std::move(row), TaskStatus::completed, EndReason::exit, {}, std::move(result), now, effects);
  return {};
}

Status WorkBook::release(const std::string& person, const AttemptRef& ref, std::string why, Now now, core::Effects& effects) {
  STINT_TRY(auto row, find_claim(person, ref));
  core_.note_seen(row.agent, now, effects);
  end(std::move(row), TaskStatus::failed, EndReason::lost, why.empty() ? "given back" : std::move(why), {}, now, effects);
  return {};
}

void WorkBook::end(core::AttemptRow row, TaskStatus status, EndReason reason, std::string detail, std::string result, Now now,
                   core::Effects& effects) {
  drop_lease(row.ref);
  core::AttemptReport report;
  report.agent = row.agent;
  report.ref = row.ref;
  report.number = row.acked_update + 1;
  report.status = status;
  report.reason = reason;
  report.started_at = row.placed_at;
  report.ended_at = now.wall;
  report.detail = std::move(detail);
  report.result = std::move(result);
  core_.on_attempt_report(report, now, effects);
}

void WorkBook::on_timer(Now now, core::Effects& effects) {
  while (!by_time_.empty() && by_time_.begin()->first <= now.mono) {
    const AttemptRef ref = by_time_.begin()->second;
    drop_lease(ref);
    const auto row = core_.find_attempt(ref);
    if (row && row->live) end(*row, TaskStatus::failed, EndReason::lost, "the claim ran out", {}, now, effects);
  }
}

void WorkBook::restart(Now now) {
  people_.clear();
  leases_.clear();
  by_time_.clear();
  for (const auto& agent : core_.agents()) {
    if (!is_person(agent.row)) continue;
    for (const AttemptRef& ref : core_.held_by(agent.row.number))
      if (const auto row = core_.find_attempt(ref)) add_lease(ref, now.mono + left_of(*row, now));
  }
}

void WorkBook::add_lease(const AttemptRef& ref, Instant until) {
  leases_[ref] = until;
  by_time_.emplace(until, ref);
}

void WorkBook::drop_lease(const AttemptRef& ref) {
  const auto at = leases_.find(ref);
  if (at == leases_.end()) return;
  by_time_.erase({at->second, ref});
  leases_.erase(at);
}

}  // namespace stint::scheduler
