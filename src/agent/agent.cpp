#include "agent/agent.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <variant>

#include "agent/limits.hpp"

namespace stint::agent {
namespace {

std::uint64_t draw_seed(ports::Entropy& entropy) {
  std::array<std::uint8_t, 8> bytes{};
  entropy.fill(bytes);
  return load_le<std::uint64_t>(bytes.data());
}

}  // namespace

Agent::Agent(AgentConfig config, std::vector<DriverSlot> drivers, ports::Journal& journal, ports::Entropy& entropy, Log& log)
    : config_(std::move(config)),
      journal_(journal),
      entropy_(entropy),
      log_(log),
      attempts_(journal_),
      executor_(attempts_, std::move(drivers), config_.info, config_.base_env, log),
      logs_(executor_),
      reports_(log),
      backoff_(draw_seed(entropy)),
      keys_(config_.keys, config_.key_store) {
  lines_[kFirst].dial_at = Instant::min();
  if (config_.info.window == 0) config_.info.window = limits::kWindowDefault;
  entropy_.fill(boot_);
}

Status Agent::recover(Now now) {
  STINT_TRY(auto recovered, journal_.load());
  connect_ = recovered.connect;
  if (recovered.instance) {
    instance_ = *recovered.instance;
  } else {
    entropy_.fill(instance_);
    journal_.stage_identity(instance_);
    STINT_TRY_VOID(journal_.commit());
  }
  for (auto& [ref, state] : recovered.attempts) executor_.adopt(attempts_.restore(std::move(state)), now);
  if (attempts_.size() > 0) log_.info("found " + std::to_string(attempts_.size()) + " attempts in the journal");
  finish_turn(now);
  return {};
}

void Agent::on_timer(Now now) {
  for (; !accepts_.empty() && accepts_.front().first <= now.mono; accepts_.pop_front()) {
    auto* attempt = attempts_.find(accepts_.front().second);
    if (attempt == nullptr) continue;
    attempt->accept_is_due = true;
    attempts_.resend(*attempt);
  }
  on_line_timer(kFirst, now);
}

Instant Agent::next_deadline() const {
  Instant next = line_deadline(kFirst);
  if (!accepts_.empty()) next = std::min(next, accepts_.front().first);
  if (journal_retry_at_) next = std::min(next, *journal_retry_at_);
  if (is_synced_ && session()->report_credit() > 0) next = std::min(next, reports_.next_due());
  return next;
}

void Agent::leave(Now now) {
  is_leaving_ = true;
  for (auto& line : lines_)
    if (line.session && !line.session->ended())
      line.session->close(protocol::CloseReason::leaving, "the agent was told to stop; its tasks run on");
  finish_turn(now);
}

void Agent::drain(Now now) {
  if (std::exchange(is_draining_, true)) {
    for (auto* attempt : attempts_.in_order()) executor_.stop(*attempt, ports::Driver::StopMode::graceful, EndReason::cancelled, now);
  } else {
    tell_info();
  }
  finish_turn(now);
}

protocol::AgentInfo Agent::make_info() const {
  auto info = config_.info;
  info.notes.insert(info.notes.end(), driver_notes_.begin(), driver_notes_.end());
  info.knows_provisional = true;
  if (executor_.has_adopted()) info.prefetch = 0;  // nothing can wait for room of which nobody knows how much there is
  if (is_draining_) {
    info.prefetch = 0;
    info.drivers.clear();  // nothing fits an agent that runs nothing
    info.notes.emplace_back("draining: takes nothing new");
  }
  return info;
}

void Agent::refresh_info() {
  bool is_new = std::exchange(has_adopted_, executor_.has_adopted()) != has_adopted_;
  if (auto notes = executor_.take_notes(); notes && *notes != driver_notes_) {
    driver_notes_ = std::move(*notes);
    is_new = true;
  }
  if (is_new) tell_info();
}

/// A change between Resume, which carried the info as it was, and Reconcile is told after Reconcile; without a session the next Resume
/// tells.
void Agent::tell_info() {
  info_is_due_ = !is_synced_;
  if (is_synced_) session()->send(make_info());
}

// What the scheduler says.

std::optional<std::string> Agent::find_refusal() const {
  if (is_draining_ || is_leaving_) return "the agent takes nothing new: it was told to finish";
  if (journal_retry_at_) return "the agent's journal cannot be written (is its disk full?)";
  if (attempts_.active() >= config_.info.window)
    return "the agent holds " + std::to_string(config_.info.window) + " attempts already, its limit";
  return std::nullopt;
}

void Agent::on_message(protocol::AssignmentList message, Now now) {
  for (const auto& ref : message.confirmed)
    if (auto* attempt = attempts_.find(ref)) attempt->is_provisional = false;
  auto extra = message.extras.begin();
  for (std::uint32_t i = 0; i < message.items.size(); ++i) {
    const auto& item = message.items[i];
    const bool has_extra = extra != message.extras.end() && extra->index == i;
    const auto* own_extra = has_extra ? &*extra++ : nullptr;
    if (item.template_index >= message.templates.size()) continue;
    if (!make_way(item.ref, now))  // it would be taken for the one that was forgotten: the next Resume asks for it again
      return session()->close(protocol::CloseReason::normal, "the journal cannot forget an attempt that is given anew");
    if (auto* held = attempts_.find(item.ref)) {
      assign_again(*held, message.is_provisional);
    } else {
      assign(item.ref, message.templates[item.template_index], own_extra, now);
      attempts_.find(item.ref)->is_provisional = message.is_provisional;
    }
  }
}

void Agent::assign(const AttemptRef& ref, const protocol::TaskTemplate& tmpl, const protocol::AssignedExtra* extra, Now now) {
  if (auto why = find_refusal()) return executor_.refuse(ref, std::move(*why), now);
  executor_.accept(ref, tmpl, extra, now);
  accepts_.emplace_back(now.mono + limits::kAcceptReportDelay, ref);
}

/// The scheduler does not know that we have it. One that was to be forgotten and has not ended yet tells its end as that of the new one.
void Agent::assign_again(Attempt& held, bool is_provisional) {
  held.is_provisional = held.is_provisional && is_provisional;
  held.is_unwanted = false;
  held.sent = 0;
  attempts_.resend(held);
}

void Agent::on_message(const protocol::StatusAck& message, Now /*now*/) {
  for (const auto& [ref, number] : message.items)
    if (auto* attempt = attempts_.find(ref)) attempts_.on_acked(*attempt, number);
}

void Agent::on_message(const protocol::Reconcile& message, Now now) {
  is_synced_ = true;
  if (info_is_due_) tell_info();
  backoff_.reset();
  confirm_key();
  std::map<AttemptRef, const protocol::AttemptVerdict*> verdicts;
  for (const auto& item : message.items) verdicts[item.ref] = &item;
  for (auto* attempt : attempts_.in_order()) {
    const auto found = verdicts.find(attempt->state.ref);
    // Without a verdict there is nothing to rely on: keep, and tell all.
    apply_verdict(*attempt, found == verdicts.end() ? protocol::AttemptVerdict{.ref = attempt->state.ref} : *found->second, now);
  }
}

void Agent::apply_verdict(Attempt& attempt, const protocol::AttemptVerdict& verdict, Now now) {
  if (attempt.is_forgotten) return;
  attempt.accept_is_due = true;
  if (verdict.verdict == protocol::Verdict::forget) return disown(attempt, now);
  // What the scheduler has now, not what it once acknowledged: one that was restored from a backup has less, and gets it again.
  if (verdict.verdict == protocol::Verdict::keep) {
    attempt.logs[0].acked = verdict.stdout_acked;
    attempt.logs[1].acked = verdict.stderr_acked;
  }
  if (verdict.verdict == protocol::Verdict::stop) executor_.stop(attempt, ports::Driver::StopMode::graceful, EndReason::cancelled, now);
  attempts_.on_reconciled(attempt, verdict.acked_update);
  attempts_.resend(attempt);
  LogPump::rewind(attempt);
  logs_.open(attempt);
}

void Agent::on_message(const protocol::Cancel& message, Now now) {
  for (const auto& item : message.items) {
    auto* attempt = attempts_.find(item.ref);
    if (attempt == nullptr) continue;  // it ended, and the scheduler's Cancel crossed our report
    if (item.mode == protocol::CancelMode::recall) {
      executor_.recall(*attempt, now);
      continue;
    }
    const auto mode = item.mode == protocol::CancelMode::kill ? ports::Driver::StopMode::kill : ports::Driver::StopMode::graceful;
    executor_.stop(*attempt, mode, item.reason, now);
  }
}

void Agent::on_message(const protocol::Credit& message, Now /*now*/) {
  for (const auto& ack : message.log_acks) {
    auto* attempt = attempts_.find(ack.ref);
    if (attempt == nullptr) continue;
    auto& cursor = attempt->logs[ack.stream == protocol::LogStream::out ? 0 : 1];
    cursor.acked = std::max(cursor.acked, ack.acked);
    attempts_.settle(*attempt);
  }
}

void Agent::on_message(const protocol::ErrorMessage& message, Now /*now*/) {
  log_.warn("the scheduler says " + message.code + ": " + message.detail);
}

}  // namespace stint::agent
