#include <algorithm>
#include <utility>

#include "agent/agent.hpp"
#include "agent/limits.hpp"

namespace stint::agent {

// The end of every turn: run, persist, then send. Nothing in here is sent before the record that holds it is written.
void Agent::finish_turn(Now now) {
  note_reach();
  run_drivers(now);
  persist(now);
  executor_.launch(StartRule::after_persist, now);
  release_dropped();
  refresh_info();
  send_output();
  if (is_synced_) send_updates(now);
  if (session() != nullptr) session()->set_running(static_cast<std::uint32_t>(attempts_.active()));
  if (!journal_retry_at_ && journal_.wants_rewrite()) compact();
  if (is_draining_ && !is_leaving_ && attempts_.size() == 0) leave(now);
}

/// Drivers stop some tasks when they have been alone for too long. They are told beforehand how long silence means nothing, each time a
/// heartbeat was heard: a process that stands still tells nobody any more. A frame heard is more than a session not yet ended.
void Agent::note_reach() {
  if (is_synced_) {
    last_heard_ = session()->last_heard();
    if (std::exchange(is_in_reach_, true) && last_heard_ - told_heard_ < heartbeat_ / 2) return;
    told_heard_ = last_heard_;
    executor_.set_alone_since(last_heard_ + limits::kQuietHeartbeats * heartbeat_);
  } else if (std::exchange(is_in_reach_, false)) {
    executor_.set_alone_since(last_heard_);
  }
}

void Agent::run_drivers(Now now) {
  executor_.take_events(StartRule::after_persist, now);
  do {
    executor_.launch(StartRule::at_once, now);
  } while (executor_.take_events(StartRule::at_once, now));
  for (const auto& report : executor_.take_reports())
    if (const auto* attempt = attempts_.find(report.ref); attempt != nullptr && !attempt->is_forgotten)
      reports_.add_lines(report.ref, report.lines, now);
}

void Agent::persist(Now now) {
  if (!attempts_.has_unpersisted() && !journal_retry_at_) return;
  if (journal_retry_at_ && now.mono < *journal_retry_at_) return refuse_unpersisted("the agent's journal cannot be written", now);
  if (auto status = attempts_.persist(); !status) {
    if (!journal_retry_at_) log_.error("journal: " + status.error().detail + "; new work is refused until it can be written");
    journal_retry_at_ = now.mono + limits::kJournalRetryInterval;
    return refuse_unpersisted("the agent's journal cannot be written: " + status.error().detail, now);
  }
  if (journal_retry_at_) log_.info("journal: can be written again");
  journal_retry_at_.reset();
}

void Agent::release_dropped() {
  const auto dropped = attempts_.take_dropped();
  executor_.release(dropped);
  for (const auto& [ref, driver] : dropped) reports_.drop(ref);
}

/// An attempt that the scheduler has just had forgotten makes room for another one of its name. False: the journal cannot say so.
bool Agent::make_way(const AttemptRef& ref, Now now) {
  const auto* held = attempts_.find(ref);
  if (held == nullptr || !held->is_forgotten) return true;
  persist(now);
  release_dropped();
  return attempts_.find(ref) == nullptr;
}

void Agent::refuse_unpersisted(const std::string& why, Now now) {
  executor_.take_back_gpus(attempts_.refuse_unpersisted(to_ms(now.wall), why));
}

void Agent::compact() {
  const auto visit_all = [this](const AttemptJournal::Visitor& visit) {
    for (const auto* attempt : attempts_.in_order())
      if (!attempt->is_unrecorded) visit(attempt->state);  // a state newer than what was sent does no harm
  };
  if (auto status = journal_.rewrite(visit_all, instance_, connect_); !status) log_.warn("journal not compacted: " + status.error().detail);
}

void Agent::send_updates(Now now) {
  auto due = reports_.take_due(now, session()->report_credit());
  auto changes = attempts_.take_updates();
  protocol::UpdateList list;
  list.items = std::move(due);
  for (auto& update : changes) {
    if (has_ended(update.status)) reports_.take_last(update.ref, list.items);
    list.items.push_back(std::move(update));
    if (list.items.size() < limits::kUpdatesPerMessage) continue;
    session()->send(std::move(list));
    list = {};
  }
  if (!list.items.empty()) session()->send(std::move(list));
}

void Agent::send_output() {
  const auto readable = executor_.take_readable();
  auto outputs = executor_.take_output();
  if (!is_synced_) return;  // the spool keeps it; after Reconcile every stream is asked for from where the scheduler stands
  for (const auto& ref : readable)
    if (auto* attempt = attempts_.find(ref)) logs_.open(*attempt);
  for (auto& output : outputs)
    if (auto* attempt = attempts_.find(output.ref)) logs_.on_output(*attempt, std::move(output), *session());
  logs_.feed(attempts_, *session());
}

}  // namespace stint::agent
