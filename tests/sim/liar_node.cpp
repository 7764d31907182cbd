#include "sim/liar_node.hpp"

#include <algorithm>
#include <iterator>
#include <utility>
#include <variant>

namespace stint::sim {
namespace {

constexpr Duration kDialPause = std::chrono::seconds{2};
constexpr Duration kPretendMax = std::chrono::seconds{20};
constexpr std::size_t kSaidMax = 200;
constexpr std::uint64_t kUnknownJob = 9'999;

template <class Container>
auto pick(const Container& all, std::uint64_t at) {
  return std::next(all.begin(), static_cast<std::ptrdiff_t>(at));
}

}  // namespace

LiarNode::LiarNode(Surroundings world, AgentIdentity identity, const Durable& durable, std::uint64_t seed)
    : world_(world),
      identity_(std::move(identity)),
      durable_(durable),
      own_(seed),
      clock_(world.agenda, std::chrono::hours{2}, 0, 0),
      alarm_(world.agenda, [this] {
        if (!session_) return;
        session_->on_timer(clock_.now());
        settle();
      }) {}

void LiarNode::start() {
  world_.trace.note(name(), "starts");
  dial();
}

void LiarNode::stop() {
  is_silent_ = true;
  if (connection_) world_.network.close(std::exchange(connection_, {}), Side::agent);
  session_.reset();
  alarm_.turn_off();
}

void LiarNode::dial() {
  if (is_silent_ || connection_ || dialing_) return;
  dialing_ = world_.network.dial(identity_.index, *this);
}

void LiarNode::on_connected(ConnectionId id) {
  if (is_silent_ || id != dialing_) return world_.network.close(id, Side::agent);
  connection_ = std::exchange(dialing_, {});
  protocol::AgentSessionOptions options;
  options.agent = identity_.number;
  options.key_epoch = identity_.key.epoch;
  options.key = identity_.key.key;
  options.instance.fill(1);
  options.boot.fill(1);
  options.connect = ++connects_;
  options.counters = &counters_;
  own_.fill(options.nonce);
  session_ = protocol::make_agent_session(options, clock_.now());
  settle();
}

void LiarNode::on_dial_failed(ConnectionId id) {
  if (id != dialing_) return;
  dialing_ = {};
  world_.agenda.after(kDialPause, [this] { dial(); });
}

void LiarNode::on_bytes(ConnectionId id, ByteView bytes, Instant empty_since) {
  if (id != connection_ || !session_) return;
  session_->on_bytes(bytes, clock_.now(), clock_.read(empty_since));
  settle();
}

void LiarNode::on_closed(ConnectionId id) {
  if (id != connection_) return;
  connection_ = {};
  session_.reset();
  is_synced_ = false;
  alarm_.turn_off();
  world_.agenda.after(kDialPause, [this] { dial(); });
}

void LiarNode::on_room(ConnectionId id) {
  if (id == connection_ && session_) settle();
}

void LiarNode::settle() {
  pump();
  while (connection_ && session_->has_output()) {
    const std::size_t room = world_.network.room(connection_, Side::agent);
    Bytes out;
    if (room > 0) session_->take_output(clock_.now(), room, out);
    if (out.empty()) break;
    world_.network.send(connection_, Side::agent, out);
  }
  if (session_->ended() && !session_->has_output()) {
    const auto ended = connection_;
    world_.network.close(ended, Side::agent);
    return on_closed(ended);
  }
  alarm_.arm(clock_.to_world(session_->next_deadline()));
}

void LiarNode::pump() {
  protocol::SessionEvent event;
  while (session_->next(event)) {
    if (std::holds_alternative<protocol::Established>(event)) {
      protocol::Resume resume;
      resume.info = identity_.info;
      for (const auto& [ref, held] : held_) resume.held.push_back({ref, held.status, held.number, 0, 0});
      session_->send(std::move(resume));
    }
    if (const auto* received = std::get_if<protocol::Received>(&event))
      std::visit([this](const auto& message) { on_message(message); }, received->message);
  }
}

void LiarNode::on_message(const protocol::Reconcile& reconcile) {
  is_synced_ = true;
  for (const auto& verdict : reconcile.items)
    if (verdict.verdict != protocol::Verdict::keep) let_go(verdict.ref);
}

void LiarNode::on_message(const protocol::AssignmentList& list) {
  if (list.is_provisional || !list.confirmed.empty()) world_.findings.add("an agent that cannot wait was given what is not written yet");
  for (const auto& item : list.items) take(item.ref, list.templates.at(item.template_index).outputs);
}

void LiarNode::on_message(const protocol::Cancel& cancel) {
  for (const auto& item : cancel.items) {
    if (!held_.contains(item.ref) || own_.chance(1, 4)) continue;  // as if it had not heard
    tell(item.ref, TaskStatus::cancelled, item.reason);
    let_go(item.ref);
  }
}

void LiarNode::take(const AttemptRef& ref, std::vector<std::string> outputs) {
  held_[ref].outputs = std::move(outputs);
  tell(ref, TaskStatus::pending);
  tell(ref, TaskStatus::running);
  world_.agenda.after(own_.between(Duration{0}, kPretendMax), [this, ref] { pretend_end(ref); });
}

void LiarNode::pretend_end(const AttemptRef& ref) {
  if (is_silent_ || !held_.contains(ref)) return;
  if (!is_synced_) {
    world_.agenda.after(kDialPause, [this, ref] { pretend_end(ref); });
    return;
  }
  const bool is_good = own_.chance(2, 3);
  tell(ref, is_good ? TaskStatus::completed : TaskStatus::failed, EndReason::exit);
  let_go(ref);
  settle();
}

void LiarNode::let_go(const AttemptRef& ref) {
  if (held_.erase(ref) > 0) over_.push_back(ref);
}

protocol::StatusUpdate LiarNode::make_update(const AttemptRef& ref, std::uint32_t number, TaskStatus status) {
  protocol::StatusUpdate update;
  update.ref = ref;
  update.number = number;
  update.status = status;
  const auto wall = to_ms(clock_.now().wall);
  if (status != TaskStatus::pending) update.started_ms = wall;
  if (!has_ended(status)) return update;
  update.ended_ms = wall;
  update.reason = status == TaskStatus::cancelled ? EndReason::cancelled : EndReason::exit;
  update.exit_code = status == TaskStatus::failed ? 1 : 0;
  return update;
}

void LiarNode::tell(const AttemptRef& ref, TaskStatus status, EndReason reason) {
  Held& held = held_[ref];
  held.status = status;
  auto update = make_update(ref, ++held.number, status);
  if (reason != EndReason::none) update.reason = reason;
  say(std::move(update));
}

void LiarNode::say(protocol::StatusUpdate update) {
  if (!session_) return;
  if (said_.size() < kSaidMax) said_.push_back(update);
  protocol::UpdateList list;
  list.items.push_back(std::move(update));
  session_->send(std::move(list));
}

void LiarNode::lie(Fault kind) {
  if (!session_ || !is_synced_ || session_->ended()) return;
  bool has_lied = false;
  switch (kind) {
    case Fault::lie_wrong_digest: has_lied = lie_of_digest(); break;
    case Fault::lie_conflict: has_lied = lie_of_content(); break;
    case Fault::lie_replay: has_lied = lie_again(); break;
    case Fault::lie_stale: has_lied = lie_of_stale(); break;
    case Fault::lie_others: has_lied = lie_of_others(); break;
    default: has_lied = lie_of_unknown(); break;
  }
  if (!has_lied) return;
  world_.faults.add(kind);
  world_.trace.note(name(), std::string(to_string(kind)));
  settle();
}

bool LiarNode::lie_of_digest() {
  if (held_.empty()) return false;
  const auto at = pick(held_, below(held_.size()));
  const AttemptRef ref = at->first;
  auto update = make_update(ref, at->second.number + 1, TaskStatus::completed);
  for (const auto& path : at->second.outputs) {
    FileRef file{{}, 1 + below(1000), false, path};
    own_.fill(file.blob.bytes);
    update.outputs.push_back(std::move(file));
  }
  say(std::move(update));
  let_go(ref);
  return true;
}

bool LiarNode::lie_of_content() {
  if (said_.empty()) return false;
  protocol::StatusUpdate update = said_[below(said_.size())];
  const bool was_completed = update.status == TaskStatus::completed;
  auto other = make_update(update.ref, update.number, was_completed ? TaskStatus::failed : TaskStatus::completed);
  other.detail = "not what was said before";
  say(std::move(other));
  return true;
}

bool LiarNode::lie_again() {
  if (said_.empty()) return false;
  say(said_[below(said_.size())]);
  return true;
}

bool LiarNode::lie_of_stale() {
  if (over_.empty()) return false;
  const AttemptRef ref = over_[below(over_.size())];
  const auto number = static_cast<std::uint32_t>(50 + below(50));
  say(make_update(ref, number, own_.chance(1, 2) ? TaskStatus::completed : TaskStatus::running));
  return true;
}

/// The end of somebody else's attempt, and bytes that it never printed.
bool LiarNode::lie_of_others() {
  std::vector<AttemptRef> others;
  for (const auto& [ref, row] : durable_.attempts())
    if (row.live && row.agent != identity_.number) others.push_back(ref);
  if (others.empty()) return false;
  const AttemptRef ref = others[below(others.size())];
  const auto& row = durable_.attempts().at(ref);
  say(make_update(ref, row.acked_update + 1, own_.chance(1, 2) ? TaskStatus::completed : TaskStatus::failed));
  if (session_->log_credit() == 0) return true;
  protocol::LogChunk chunk;
  chunk.ref = ref;
  chunk.bytes.assign(16, '!');
  session_->send(std::move(chunk));
  return true;
}

bool LiarNode::lie_of_unknown() {
  AttemptRef ref{{JobId{kUnknownJob}, 0, 0}, 1};
  if (!durable_.attempts().empty() && own_.chance(2, 3)) {
    ref = pick(durable_.attempts(), below(durable_.attempts().size()))->first;
    (own_.chance(1, 2) ? ref.attempt : ref.task.index) += 1000;
  }
  say(make_update(ref, 1, own_.chance(1, 2) ? TaskStatus::completed : TaskStatus::running));
  return true;
}

}  // namespace stint::sim
