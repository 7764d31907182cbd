#include "sim/agent_node.hpp"

#include <algorithm>
#include <utility>

namespace stint::sim {
namespace {

constexpr Duration kKeeperDelayMax = std::chrono::microseconds{500};  // from the keeper's word to the agent's ear

}  // namespace

Status JournalFile::load(const std::function<void(ByteView record)>& record) {
  for (const auto& bytes : records_) record(bytes);
  return {};
}

Status JournalFile::append(ByteView record) {
  if (is_full_) return fail(Errc::no_space, "the agent's disk is full");
  records_.emplace_back(record.begin(), record.end());
  return {};
}

Status JournalFile::rewrite(const std::vector<Bytes>& records) {
  if (is_full_) return fail(Errc::no_space, "the agent's disk is full");
  records_ = records;
  return {};
}

std::size_t JournalFile::size_bytes() const {
  std::size_t bytes = 0;
  for (const auto& record : records_) bytes += record.size();
  return bytes;
}

void JournalFile::lose_last(std::size_t records) {
  if (records_.size() <= 1) return;  // the first holds the identity and was fsynced with the directory
  records_.resize(records_.size() - std::min(records, records_.size() - 1));
}

AgentNode::AgentNode(Surroundings world, AgentIdentity identity, std::uint64_t seed, Keeper::KeepBlob keep_blob)
    : world_(world),
      identity_(std::move(identity)),
      name_("agent-" + std::to_string(identity_.index + 1)),
      clock_(world.agenda, std::chrono::hours{1 + seed % 1000}, static_cast<std::int64_t>(seed % 7'200'000) - 3'600'000),
      entropy_(seed),
      log_(world.trace, name_),
      keeper_(world.agenda, clock_, world.trace, world.findings, "keeper-" + std::to_string(identity_.index + 1), identity_.info.resources,
              seed, std::move(keep_blob)),
      alarm_(world.agenda, [this] { on_alarm(); }) {}

void AgentNode::start() {
  if (agent_) return;
  world_.trace.note(name_, "starts");
  driver_ = std::make_unique<KeeperDriver>(keeper_);
  noop_ = std::make_unique<agent::NoopDriver>();
  agent::AgentConfig config;
  config.number = identity_.number;
  config.key_epoch = identity_.key_epoch;
  config.key = identity_.key;
  config.info = identity_.info;
  config.counters = &counters_;
  std::vector<agent::DriverSlot> slots{{"exec", driver_.get(), agent::StartRule::after_persist},
                                       {"noop", noop_.get(), agent::StartRule::at_once}};
  agent_ = std::make_unique<agent::Agent>(std::move(config), std::move(slots), journal_, entropy_, log_);
  keeper_.attach([this] {
    if (std::exchange(keeper_is_heard_, true)) return;
    world_.agenda.after(world_.prng.between(Duration{0}, kKeeperDelayMax), [this] { on_keeper(); });
  });
  if (const auto recovered = agent_->recover(clock_.now()); !recovered) {
    world_.trace.note(name_, "cannot start: " + recovered.error().detail);
    end_process();
    return;
  }
  settle();
}

void AgentNode::end_process() {
  agent_.reset();
  noop_.reset();
  driver_.reset();
  alarm_.turn_off();
  keeper_is_heard_ = false;
  connection_ = dialing_ = {};
}

void AgentNode::crash(bool is_silent) {
  if (!agent_) return;
  world_.trace.note(name_, is_silent ? "crashes, and nobody is told" : "crashes");
  if (connection_ && is_silent) world_.network.vanish(connection_, Side::agent, false);
  if (connection_ && !is_silent) world_.network.close(connection_, Side::agent);
  end_process();
}

void AgentNode::leave() {
  if (!agent_) return;
  world_.trace.note(name_, "is told to leave");
  agent_->leave(clock_.now());
  settle();
}

void AgentNode::lose_power(std::size_t lost) {
  world_.trace.note(name_, "loses power, and the last " + std::to_string(lost) + " records of its journal");
  if (connection_) world_.network.vanish(connection_, Side::agent, true);
  end_process();
  journal_.lose_last(lost);
  if (lost > 0) keeper_.forget_history();
  keeper_.die(Duration{0});
}

void AgentNode::reinstall() {
  world_.trace.note(name_, "is installed anew");
  if (connection_) world_.network.close(connection_, Side::agent);
  end_process();
  journal_.wipe();
  keeper_.forget_history();
  keeper_.die(Duration{0});
}

void AgentNode::on_connected(ConnectionId id) {
  if (!agent_ || id != dialing_) return world_.network.close(id, Side::agent);  // of an earlier life
  dialing_ = {};
  connection_ = id;
  agent_->on_link_open(clock_.now());
  settle();
}

void AgentNode::on_dial_failed(ConnectionId id) {
  if (!agent_ || id != dialing_) return;
  dialing_ = {};
  agent_->on_link_failed("connection refused", clock_.now());
  settle();
}

void AgentNode::on_bytes(ConnectionId id, ByteView bytes, Instant empty_since) {
  if (!agent_ || id != connection_) return;
  agent_->on_link_bytes(bytes, clock_.now(), clock_.read(empty_since));
  settle();
}

void AgentNode::on_closed(ConnectionId id) {
  if (!agent_ || id != connection_) return;
  connection_ = {};
  agent_->on_link_closed(clock_.now());
  settle();
}

void AgentNode::on_room(ConnectionId id) {
  if (agent_ && id == connection_) settle();
}

void AgentNode::on_alarm() {
  if (!agent_) return;
  if (clock_.to_world(agent_->next_deadline()) <= world_.agenda.now()) agent_->on_timer(clock_.now());
  settle();
}

void AgentNode::on_keeper() {
  if (!std::exchange(keeper_is_heard_, false) || !agent_) return;
  agent_->on_driver_events(clock_.now());
  settle();
}

void AgentNode::write_out() {
  while (connection_ && agent_->has_link_output()) {
    const std::size_t room = world_.network.room(connection_, Side::agent);
    if (room == 0) return;
    Bytes out;
    agent_->take_link_output(clock_.now(), room, out);
    if (out.empty()) return;
    world_.network.send(connection_, Side::agent, out);
  }
}

void AgentNode::settle() {
  write_out();
  if (connection_ && agent_->wants_close() && !agent_->has_link_output()) {
    world_.network.close(std::exchange(connection_, {}), Side::agent);
    agent_->on_link_closed(clock_.now());
  }
  if (agent_->is_finished()) {
    world_.trace.note(name_, "ends");
    return end_process();
  }
  if (!connection_ && !dialing_ && agent_->wants_link(clock_.now())) {
    agent_->on_link_dialing();
    dialing_ = world_.network.dial(identity_.index, *this);
  }
  alarm_.arm(clock_.to_world(agent_->next_deadline()));
}

}  // namespace stint::sim
