#include <algorithm>
#include <string>
#include <utility>
#include <variant>

#include "agent/agent.hpp"
#include "agent/limits.hpp"
#include "protocol/counters.hpp"

// Connections, the sessions on them, and the keys they begin with.
//
//   one line carries the session ── Rekey ──▶ the key is kept, the other line dials
//   HELLO_ACK on the other line      ──────▶ it speaks from now on: Resume. The first is heard no more, and stays open
//   Reconcile                        ──────▶ the first is closed, its key forgotten
//
// Whatever fails on the way leaves the session where it was, or, once the other line has spoken, ends both: what was said on the first
// meanwhile
// went unheard, and only Resume tells the scheduler so.
namespace stint::agent {

bool Agent::wants_link(LineId id, Now now) const {
  const Line& line = lines_[id];
  return !line.is_in_use() && !is_leaving_ && line.dial_at != Instant::max() && now.mono >= line.dial_at;
}

void Agent::on_link_dialing(LineId id) {
  lines_[id].dial_at = Instant::max();
  lines_[id].is_dialing = true;
}

void Agent::on_link_open(LineId id, Now now) {
  // A rising counter tells our newest connection from an older one that the scheduler still believes in. `boot` is new with every start,
  // so a
  // counter that could not be written does no harm.
  journal_.stage_connect(++connect_);
  if (auto status = journal_.commit(); !status) log_.warn("connection counter not written: " + status.error().detail);

  const bool has_session = id != speaking_ && session() != nullptr;
  const ports::HeldKey& key = has_session ? keys_.newest() : keys_.to_try();
  protocol::AgentSessionOptions options;
  options.agent = config_.number;
  options.key_epoch = key.epoch;
  options.key = key.key;
  options.instance = instance_;
  options.boot = boot_;
  options.connect = connect_;
  options.counters = config_.counters;
  entropy_.fill(options.nonce);
  Line& line = lines_[id];
  line.is_dialing = false;
  line.epoch = key.epoch;
  line.session = protocol::make_agent_session(options, now);
  if (!has_session) speak_on(id, now);
}

void Agent::on_link_failed(LineId id, const std::string& why, Now now) {
  log_.warn("cannot reach the scheduler: " + why);
  lines_[id].is_dialing = false;
  dial_after(id, now);
}

void Agent::on_link_bytes(LineId id, ByteView bytes, Now now, Instant empty_since) {
  if (!lines_[id].session) return;
  lines_[id].session->on_bytes(bytes, now, empty_since);
  pump(id, now);
  finish_turn(now);
}

void Agent::on_link_closed(LineId id, Now now) {
  Line& line = lines_[id];
  if (!line.session) return;
  line.session->on_closed(now);
  pump(id, now);
  line.session.reset();
  if (id == speaking_) {
    lose_session(now);
    Line& silenced = lines_[other(id)];
    if (silenced.session && !silenced.session->ended() && silenced.is_silenced)
      silenced.session->close(protocol::CloseReason::normal, "the connection that was to follow it has ended");
  }
  dial_after(id, now);
  finish_turn(now);
}

/// One line is enough; the other dials only when there is a newer key to use.
void Agent::dial_after(LineId lost, Now now) {
  Line& line = lines_[lost];
  line.is_silenced = false;
  line.dial_at = Instant::max();
  const Line& rest = lines_[other(lost)];
  if (rest.is_in_use() && !rest.is_silenced) {
    if (lost == speaking_) speak_on(other(lost), now);
    return;
  }
  if (rest.dial_at == Instant::max()) line.dial_at = now.mono + backoff_.next_delay();
}

void Agent::speak_on(LineId id, Now now) {
  speaking_ = id;
  lose_session(now);
}

void Agent::lose_session(Now now) {
  is_synced_ = false;
  attempts_.on_session_lost();
  logs_.on_session_lost();
  for (auto* attempt : attempts_.in_order())
    if (attempt->is_provisional) disown(*attempt, now);  // another one may have its name when we are back
}

/// The scheduler wants to hear nothing of it, or does not know it.
void Agent::disown(Attempt& attempt, Now now) {
  attempt.is_unwanted = true;
  executor_.stop(attempt, ports::Driver::StopMode::kill, EndReason::cancelled, now);
  attempts_.settle(attempt);
}

bool Agent::has_link_output(LineId id) const { return lines_[id].session && lines_[id].session->has_output(); }

void Agent::take_link_output(LineId id, Now now, std::size_t budget, Bytes& out) {
  if (lines_[id].session) lines_[id].session->take_output(now, budget, out);
}

bool Agent::wants_close(LineId id) const { return lines_[id].session && lines_[id].session->ended(); }

void Agent::on_line_timer(LineId id, Now now) {
  if (lines_[id].session) {
    lines_[id].session->on_timer(now);
    pump(id, now);
  }
  finish_turn(now);
}

Instant Agent::line_deadline(LineId id) const {
  const Line& line = lines_[id];
  if (line.session) return line.session->next_deadline();
  return is_leaving_ ? Instant::max() : line.dial_at;
}

// What sessions say.

void Agent::pump(LineId id, Now now) {
  protocol::SessionEvent event;
  while (lines_[id].session && lines_[id].session->next(event)) std::visit([&](auto& e) { on_event(id, std::move(e), now); }, event);
}

void Agent::on_event(LineId id, const protocol::Established& event, Now now) {
  log_.info("connected to the scheduler, session " + std::to_string(event.session.value));
  if (id != speaking_) {
    lines_[speaking_].is_silenced = lines_[speaking_].session != nullptr;
    speak_on(id, now);
  }
  heartbeat_ = event.heartbeat_interval;
  protocol::Resume resume;
  resume.info = make_info();
  info_is_due_ = false;
  for (const auto* attempt : attempts_.in_order()) {
    const auto& state = attempt->state;
    if (attempt->is_forgotten) continue;
    resume.held.push_back({state.ref, state.status, state.number, attempt->logs[0].received, attempt->logs[1].received});
  }
  session()->send(std::move(resume));
}

void Agent::on_event(LineId id, protocol::Received event, Now now) {
  if (id != speaking_) return;  // the scheduler has it told the session that follows, or will
  std::visit([&](auto& message) { on_message(std::move(message), now); }, event.message);
}

void Agent::on_event(LineId id, const protocol::Ended& event, Now /*now*/) {
  if (id == speaking_) is_synced_ = false;
  if (is_leaving_ || lines_[id].is_silenced) return;
  const bool is_refused = event.code == protocol::to_string(protocol::Refusal::rejected);
  log_.warn("session ended: " + (event.code.empty() ? std::string{} : event.code + ": ") + event.detail +
            (is_refused ? "; if its key was revoked, it joins anew with a line from `stint agent token`" : ""));
  if (is_refused && keys_.on_refused(lines_[id].epoch)) return;
  if (event.reason != protocol::CloseReason::normal && event.reason != protocol::CloseReason::leaving)
    backoff_.raise_to(limits::kBackoffAfterError);
}

// Keys.

void Agent::on_message(const protocol::Rekey& message, Now now) {
  const KeyEpoch session_epoch = lines_[speaking_].epoch;
  if (const auto taken = keys_.take(message, config_.number, session_epoch); !taken) {
    log_.warn("a new key was not taken: " + taken.error().detail);
    if (taken.error().code != Errc::invalid_argument) return;  // it is offered again
    if (config_.counters != nullptr) config_.counters->add(protocol::Refusal::bad_rekey);
    session()->send(protocol::ErrorMessage{protocol::to_string(protocol::Refusal::bad_rekey), taken.error().detail, 0, 0});
    return;
  }
  log_.info("has a key of epoch " + std::to_string(message.key_epoch.value));
  Line& line = lines_[other(speaking_)];
  if (!line.is_in_use() && !is_leaving_) line.dial_at = now.mono;
}

/// The session of the newer key is whole: what was kept for the case that it would not be is over.
void Agent::confirm_key() {
  if (const auto confirmed = keys_.confirm(lines_[speaking_].epoch); !confirmed)
    log_.warn("an older key is still kept: " + confirmed.error().detail);
  Line& line = lines_[other(speaking_)];
  if (line.session && !line.session->ended())
    line.session->close(protocol::CloseReason::normal, "a connection with a newer key has taken its place");
}

void Agent::on_message(const protocol::CellPins& message, Now /*now*/) {
  if (config_.key_store == nullptr) return;
  std::vector<Pin> pins;
  for (const auto& pin : message.pins) pins.push_back({pin});
  if (const auto kept = config_.key_store->write_pins(pins); !kept) log_.warn("the cell's pins were not kept: " + kept.error().detail);
}

}  // namespace stint::agent
