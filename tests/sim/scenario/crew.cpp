#include "sim/scenario/crew.hpp"

#include <algorithm>

namespace stint::sim::scenario {
namespace {

constexpr std::size_t kRoundsMax = 1000;  // of one moment: beyond it something goes round in circles

}  // namespace

const Behaviour& Crew::behaviour_of(const TaskRef& task) const {
  static const Behaviour usual;
  auto job = task.job;
  if (const auto* spec = stage_.core().find_spec(job); spec != nullptr && spec->retry_of && !behaviours_.contains(job))
    job = spec->retry_of;
  const auto found = behaviours_.find(job);
  return found == behaviours_.end() || task.group >= found->second.size() ? usual : found->second[task.group];
}

void Crew::note(const core::Effects& effects) {
  for (const auto& send : effects.sends) {
    if (const auto* assign = std::get_if<core::Assign>(&send)) {
      Work& work = work_[assign->ref];
      work.agent = assign->agent;
      if (work.turn == 0) work.turn = ++turns_;
    }
    if (const auto* stop = std::get_if<core::Stop>(&send)) stops_.push_back(*stop);
    if (const auto* prepare = std::get_if<core::Prepare>(&send)) prepares_.insert({prepare->job, prepare->group});
    if (const auto* collect = std::get_if<core::Collect>(&send)) collects_.insert({collect->job, collect->group});
    const auto* verdict = std::get_if<core::Verdict>(&send);
    if (verdict != nullptr && verdict->verdict == core::HeldVerdict::forget) work_.erase(verdict->ref);
    if (verdict != nullptr && verdict->verdict == core::HeldVerdict::stop)
      stops_.push_back({verdict->agent, verdict->ref, EndReason::superseded});
  }
}

void Crew::on_reported(const AttemptRef& ref, TaskStatus status) {
  const auto found = work_.find(ref);
  if (found == work_.end()) return;
  ++found->second.number;
  found->second.has_started = true;
  found->second.ends = stage_.now().mono + behaviour_of(ref.task).takes;
  if (stint::has_ended(status)) work_.erase(found);
}

std::vector<core::HeldAttempt> Crew::held_by(AgentNumber agent) const {
  std::vector<core::HeldAttempt> held;
  for (const auto& [ref, work] : work_)
    if (work.agent == agent && work.has_started)
      held.push_back({ref, work.has_ended ? work.is_lost ? TaskStatus::failed : TaskStatus::completed : TaskStatus::running, work.number});
  return held;
}

/// A task that may not be alone for longer than `lost_after` is stopped by its own agent.
Instant Crew::end_of(const AttemptRef& ref, const Work& work) const {
  if (!work.has_started || work.has_ended) return Instant::max();
  const auto away = away_since_.find(work.agent);
  const auto* spec = stage_.core().find_spec(ref.task.job);
  if (away == away_since_.end() || spec == nullptr) return work.ends;
  const auto& task = spec->tasks.at(ref.task.group);
  return task.on_disconnect == core::DisconnectPolicy::stop_after ? std::min(work.ends, away->second + task.lost_after) : work.ends;
}

Instant Crew::next_moment(Instant last) const {
  Instant next = std::min(last, stage_.core().next_deadline());
  for (const auto& [ref, work] : work_) next = std::min(next, end_of(ref, work));
  return std::max(next, stage_.now().mono);
}

void Crew::run(Duration duration, const std::function<void()>& moment) {
  const Instant last = stage_.now().mono + duration;
  work_now();
  while (stage_.now().mono < last) {
    moment();
    stage_.advance(next_moment(last) - stage_.now().mono);
    work_now();
  }
}

/// Until nothing more happens at this moment.
void Crew::work_now() {
  for (std::size_t round = 0; round < kRoundsMax; ++round) {
    stage_.place();
    const bool has_prepared = prepare_asked();
    const bool has_obeyed = obey();
    const bool has_started = start_given();
    const bool has_ended = end_due();
    if (!has_prepared && !has_obeyed && !has_started && !has_ended) return;
  }
}

bool Crew::prepare_asked() {
  const auto prepares = std::exchange(prepares_, {});
  const auto collects = std::exchange(collects_, {});
  for (const auto& asked : prepares)
    stage_.act([&, job = asked.first, group = asked.second](core::Scheduler& core, core::Effects& effects) {
      const core::JobSpec* spec = core.find_spec(job);
      const std::uint32_t count = spec == nullptr ? 0 : behaviour_of({job, group, 0}).items * spec->tasks.at(group).overlap;
      [[maybe_unused]] const auto done = core.prepare_group({job, group, count, BlobId{{1}}, BlobId{{2}}}, stage_.now(), effects);
    });
  for (const auto& asked : collects)
    stage_.act([&, job = asked.first, group = asked.second](core::Scheduler& core, core::Effects& effects) {
      [[maybe_unused]] const auto done = core.finish_collect(job, group, {BlobId{{7}}, 1, false, "all.txt"}, stage_.now(), effects);
    });
  return !prepares.empty() || !collects.empty();
}

bool Crew::obey() {
  bool any = false;
  for (const auto& stop : std::exchange(stops_, {})) {
    const auto found = work_.find(stop.ref);
    if (found == work_.end() || is_away(stop.agent)) continue;
    const bool is_recall = stop.mode == core::StopMode::recall;
    if (is_recall && found->second.has_started) continue;
    any = true;
    report(stop.ref, found->second, TaskStatus::cancelled, is_recall ? EndReason::recalled : stop.reason);
    work_.erase(stop.ref);
  }
  return any;
}

/// What the agent has free for what waits with it; one that lets nothing wait starts whatever it is given.
bool Crew::has_room(const AttemptRef& ref, const Work& work) const {
  const auto& offer = stage_.core().find_agent(work.agent)->offer;
  if (offer.prefetch == 0) return true;
  const auto wanted = [&](const AttemptRef& of) -> const Resources& {
    return stage_.core().find_spec(of.task.job)->tasks.at(of.task.group).resources;
  };
  Resources free = offer.resources - wanted(ref);
  for (const auto& [other, its] : work_)
    if (its.agent == work.agent && its.has_started && !its.has_ended) free -= wanted(other);
  return free.covers({});
}

bool Crew::start_given() {
  std::vector<std::pair<std::uint64_t, AttemptRef>> in_turn;
  for (const auto& [ref, work] : work_)
    if (!work.has_started && !is_away(work.agent)) in_turn.emplace_back(work.turn, ref);
  std::sort(in_turn.begin(), in_turn.end());
  bool any = false;
  for (const auto& [turn, ref] : in_turn) {
    Work& work = work_.at(ref);
    if (!has_room(ref, work)) continue;
    any = true;
    work.has_started = true;
    work.ends = stage_.now().mono + behaviour_of(ref.task).takes;
    report(ref, work, TaskStatus::running, EndReason::none);
  }
  return any;
}

bool Crew::end_due() {
  std::vector<AttemptRef> due;
  for (auto& [ref, work] : work_) {
    if (!work.has_ended && end_of(ref, work) <= stage_.now().mono) {
      work.is_lost = end_of(ref, work) < work.ends;
      work.has_ended = true;
    }
    if (work.has_ended && !is_away(work.agent)) due.push_back(ref);
  }
  for (const auto& ref : due) {
    Work& work = work_.at(ref);
    const bool is_failed = work.is_lost || ref.attempt <= behaviour_of(ref.task).fails;
    report(ref, work, is_failed ? TaskStatus::failed : TaskStatus::completed, work.is_lost ? EndReason::lost : EndReason::exit);
    work_.erase(ref);
  }
  return !due.empty();
}

void Crew::report(const AttemptRef& ref, Work& work, TaskStatus status, EndReason reason) {
  core::AttemptReport report;
  report.agent = work.agent;
  report.ref = ref;
  report.number = ++work.number;
  report.status = status;
  report.reason = reason;
  report.exit_code = status == TaskStatus::failed && reason == EndReason::exit ? 1 : 0;
  stage_.act([&](core::Scheduler& core, core::Effects& effects) { core.on_attempt_report(report, stage_.now(), effects); });
}

}  // namespace stint::sim::scenario
