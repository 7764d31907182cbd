// What an agent says about one attempt. Updates are numbered per attempt, so the same one may come any number of times.
#include <algorithm>

#include "base/bytes.hpp"
#include "core/event_rows.hpp"
#include "core/task_life.hpp"
#include "core/topics.hpp"

namespace stint::core {
namespace {

/// FNV-1a over the update's fields: the same number with another digest is a conflict, never a duplicate.
std::uint64_t digest_of(const AttemptReport& report) {
  std::uint64_t hash = 0xCBF29CE484222325ULL;
  const auto mix = [&hash](std::uint64_t value) { hash = (hash ^ value) * 0x100000001B3ULL ^ (hash >> 32); };
  mix(static_cast<std::uint64_t>(report.status));
  mix(static_cast<std::uint64_t>(report.reason));
  mix(static_cast<std::uint64_t>(report.exit_code));
  mix(static_cast<std::uint64_t>(report.signal));
  mix(static_cast<std::uint64_t>(to_ms(report.started_at)));
  mix(static_cast<std::uint64_t>(to_ms(report.ended_at)));
  for (const char c : report.detail) mix(static_cast<unsigned char>(c));
  for (const FileRef& file : report.outputs) {
    mix(load_le<std::uint64_t>(file.blob.bytes.data()));
    for (const char c : file.path) mix(static_cast<unsigned char>(c));
  }
  for (const char c : report.result) mix(static_cast<unsigned char>(c));
  return hash;
}

void send_ack(Turn& turn, const AttemptReport& report) { turn.effects.sends.emplace_back(Ack{report.agent, report.ref, report.number}); }

void send_stop(Turn& turn, const AttemptReport& report, EndReason reason) {
  turn.effects.sends.emplace_back(make_stop(report.agent, report.ref, reason));
}

/// Zero says "not ended" in a row, so an agent that does not know the time gets ours.
UnixMillis end_of(const Turn& turn, const AttemptReport& report) {
  return report.ended_at > UnixMillis{} ? report.ended_at : turn.now.wall;
}

void copy_end(Attempt& attempt, const AttemptReport& report) {
  attempt.row.exit_code = report.exit_code;
  attempt.row.signal = report.signal;
  if (report.started_at > UnixMillis{}) attempt.row.started_at = report.started_at;
  attempt.row.detail = report.detail;
}

/// Superseded, cancelled or lost before: its end frees the agent and changes nothing else.
void apply_late_report(Turn& turn, Attempt& attempt, const AttemptReport& report) {
  send_ack(turn, report);
  if (!has_ended(report.status)) {
    send_stop(turn, report, attempt.row.reason);
    return;
  }
  if (!attempt.is_releasing()) return;
  attempt.row.acked_update = report.number;
  attempt.row.update_digest = digest_of(report);
  copy_end(attempt, report);
  end_releasing(turn, attempt, end_of(turn, report));
}

/// The agent cannot run tasks of this job: it is not asked again for them until it reconnects. Other jobs of the class are not concerned.
void note_refusal(State& state, Attempt& attempt) {
  for (const auto& group : attempt.group->job->groups) {
    if (group->task_class == nullptr || make_shape(*group->spec) != attempt.group->task_class->key->shape) continue;
    if (!group->task_class->key->only) {
      leave_class(state, *group);
      join_class(state, *group, group->job->row.id);
    }
  }
  auto& refusals = attempt.group->task_class->refusals;
  const auto by_agent = [&](const Refusal& refusal) { return refusal.agent == attempt.row.agent; };
  if (std::none_of(refusals.begin(), refusals.end(), by_agent)) refusals.push_back({attempt.row.agent, attempt.row.detail});
}

void write_what_it_left(Turn& turn, Attempt& attempt, const AttemptReport& report) {
  const TaskRef& task = report.ref.task;
  for (const FileRef& file : report.outputs) turn.effects.rows.emplace_back(OutputRow{task, file, report.ref.attempt});
  attempt.row.has_result = !report.result.empty();
  if (attempt.row.has_result) turn.effects.rows.emplace_back(ResultRow{task, report.ref.attempt, report.result});
}

void apply_end(Turn& turn, Attempt& attempt, const AttemptReport& report) {
  copy_end(attempt, report);
  attempt.row.ended_at = end_of(turn, report);
  attempt.row.status = report.status;
  attempt.row.reason = report.reason;
  if (report.status == TaskStatus::completed) {
    if (attempt.row.started_at > UnixMillis{}) note_run(*attempt.group, attempt.row.ended_at - attempt.row.started_at);
    write_what_it_left(turn, attempt, report);
    complete_task(turn, attempt);
    return;
  }
  if (attempt.row.reason == EndReason::none)
    attempt.row.reason = report.status == TaskStatus::cancelled ? EndReason::cancelled : EndReason::exit;
  if (attempt.row.reason == EndReason::recalled && !attempt.is_recalled) attempt.row.reason = EndReason::cancelled;  // nobody asked for it
  if (attempt.row.reason == EndReason::refused) note_refusal(turn.state, attempt);
  leave_live_set(turn, attempt);
}

void apply_progress(Turn& turn, Attempt& attempt, const AttemptReport& report) {
  const bool starts = report.status == TaskStatus::running && attempt.row.status == TaskStatus::pending;
  if (starts) {
    attempt.row.status = TaskStatus::running;
    attempt.row.started_at = report.started_at > UnixMillis{} ? report.started_at : turn.now.wall;
  }
  turn.effects.rows.emplace_back(attempt.row);
  if (!starts) return;
  if (attempt.is_queued) begin_out_of_turn(turn.state, *turn.state.find_agent(report.agent), attempt);
  refresh_entry(*attempt.group, attempt.group->entries.at(attempt.row.ref.task.index));
}

/// True if the update, or a later one, is recorded already.
bool answer_repeated(Turn& turn, Attempt& attempt, const AttemptReport& report) {
  if (report.number > attempt.row.acked_update) return false;
  if (report.number == attempt.row.acked_update && digest_of(report) != attempt.row.update_digest) {
    ++turn.state.conflicts;
    tell_attempt(turn, "attempt_conflict", attempt);
  }
  send_ack(turn, report);
  if (!attempt.row.live && !has_ended(report.status)) send_stop(turn, report, attempt.row.reason);
  return true;
}

}  // namespace

void apply_report(Turn& turn, const AttemptReport& report) {
  const auto at = turn.state.attempts.find(report.ref);
  if (at == turn.state.attempts.end()) {  // of a task that has ended, or never ours: nothing is left to record
    send_ack(turn, report);
    if (!has_ended(report.status)) send_stop(turn, report, EndReason::superseded);
    return;
  }
  Attempt& attempt = at->second;
  if (attempt.row.agent != report.agent) {
    send_stop(turn, report, EndReason::superseded);
    return;
  }
  if (answer_repeated(turn, attempt, report)) return;
  if (!attempt.row.live) {
    apply_late_report(turn, attempt, report);
    return;
  }
  attempt.row.accepted = true;
  attempt.row.instance = turn.state.find_agent(report.agent)->row.instance;
  attempt.row.acked_update = report.number;
  attempt.row.update_digest = digest_of(report);
  if (has_ended(report.status)) {
    apply_end(turn, attempt, report);
  } else {
    apply_progress(turn, attempt, report);
  }
  send_ack(turn, report);
}

}  // namespace stint::core
