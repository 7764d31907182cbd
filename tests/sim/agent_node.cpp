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

Status KeyBox::write_keys(const std::vector<ports::HeldKey>& keys) {
  if (is_full_) return fail(Errc::no_space, "the agent's disk is full");
  const Death death = std::exchange(death_, Death::none);
  is_dead_ = death != Death::none;
  if (death == Death::before_write) return fail(Errc::io, "the agent died here");
  keys_ = keys;
  return {};
}

Status KeyBox::write_pins(const std::vector<Pin>& /*pins*/) {
  return is_full_ ? fail(Errc::no_space, "the agent's disk is full") : Status{};
}

AgentNode::AgentNode(Surroundings world, AgentIdentity identity, std::uint64_t seed, Keeper::KeepBlob keep_blob, WallClock wall)
    : world_(world),
      identity_(std::move(identity)),
      name_("agent-" + std::to_string(identity_.index + 1)),
      clock_(world.agenda, std::chrono::hours{1 + seed % 1000},
             wall == WallClock::right ? 0 : static_cast<std::int64_t>(seed % 7'200'000) - 3'600'000,
             static_cast<std::int64_t>(seed / 7 % 1001) - 500),
      entropy_(seed),
      log_(world.trace, name_),
      keys_(identity_.key),
      keeper_(world.agenda, clock_, world.trace, world.findings, "keeper-" + std::to_string(identity_.index + 1), identity_.info.resources,
              seed, std::move(keep_blob)),
      alarm_(world.agenda, [this] { on_alarm(); }) {}

void AgentNode::start() {
  if (agent_) return;
  world_.trace.note(name_, "starts");
  driver_ = std::make_unique<KeeperDriver>(keeper_);
  noop_ = std::make_unique<agent::NoopDriver>();
  watched_driver_ = std::make_unique<WatchedDriver>(*driver_, world_.findings, name_, is_written_);
  watched_noop_ = std::make_unique<WatchedDriver>(*noop_, world_.findings, name_, is_written_);
  agent::AgentConfig config;
  config.number = identity_.number;
  config.keys = keys_.keys();
  config.key_store = &keys_;
  config.info = identity_.info;
  config.counters = &counters_;
  std::vector<agent::DriverSlot> slots{{"exec", watched_driver_.get(), agent::StartRule::after_persist},
                                       {"noop", watched_noop_.get(), agent::StartRule::at_once}};
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
  watched_noop_.reset();
  watched_driver_.reset();
  noop_.reset();
  driver_.reset();
  alarm_.turn_off();
  keeper_is_heard_ = false;
  wires_ = {};
  thaw();  // a dead process: what waited for it finds nobody
  [[maybe_unused]] const bool was_dying = keys_.take_death();
}

void AgentNode::crash(bool is_silent) {
  if (!agent_) return;
  world_.trace.note(name_, is_silent ? "crashes, and nobody is told" : "crashes");
  for (const auto& wire : wires_) {
    if (wire.connection && is_silent) world_.network.vanish(wire.connection, Side::agent, false);
    if (wire.connection && !is_silent) world_.network.close(wire.connection, Side::agent);
  }
  end_process();
}

void AgentNode::freeze() {
  if (!agent_ || std::exchange(is_frozen_, true)) return;
  frozen_at_ = world_.agenda.now();
  world_.trace.note(name_, "is stopped");
}

void AgentNode::thaw() {
  if (is_asleep_ || !std::exchange(is_frozen_, false)) return;
  world_.trace.note(name_, "goes on");
  for (const auto& what : std::exchange(waiting_, {})) what();
}

void AgentNode::fall_asleep() {
  if (!agent_ || is_asleep_) return;
  is_asleep_ = true;
  world_.trace.note(name_, "falls asleep, with its machine");
  world_.network.partition(identity_.index);
  keeper_.fall_asleep();
  freeze();
}

/// What should have happened on the machine happens before anything reaches it.
void AgentNode::wake_up() {
  if (!std::exchange(is_asleep_, false)) return;
  world_.trace.note(name_, "wakes up");
  keeper_.wake_up();
  thaw();
  world_.network.heal(identity_.index);
}

bool AgentNode::wait_frozen(std::function<void()> what) {
  if (is_frozen_) waiting_.push_back(std::move(what));
  return is_frozen_;
}

void AgentNode::leave() {
  if (!agent_ || wait_frozen([this] { leave(); })) return;
  world_.trace.note(name_, "is told to leave");
  agent_->leave(clock_.now());
  settle();
}

void AgentNode::lose_power(std::size_t lost) {
  world_.trace.note(name_, "loses power, and the last " + std::to_string(lost) + " records of its journal");
  for (const auto& wire : wires_)
    if (wire.connection) world_.network.vanish(wire.connection, Side::agent, true);
  end_process();
  journal_.lose_last(lost);
  if (lost > 0) keeper_.forget_history();
  keeper_.die(Duration{0});
}

void AgentNode::reinstall() {
  world_.trace.note(name_, "is installed anew");
  for (const auto& wire : wires_)
    if (wire.connection) world_.network.close(wire.connection, Side::agent);
  end_process();
  journal_.wipe();
  keeper_.forget_history();
  keeper_.die(Duration{0});
}

ports::LinkClient& AgentNode::line(std::size_t index) {
  if (index == 0) return *agent_;
  return agent_->second_line();
}

std::optional<std::size_t> AgentNode::line_of(ConnectionId id) const {
  for (std::size_t i = 0; i < wires_.size(); ++i)
    if (agent_ && id && (wires_[i].connection == id || wires_[i].dialing == id)) return i;
  return std::nullopt;
}

void AgentNode::on_connected(ConnectionId id) {
  if (wait_frozen([this, id] { on_connected(id); })) return;
  const auto at = line_of(id);
  if (!at) return world_.network.close(id, Side::agent);  // of an earlier life
  wires_[*at] = {.connection = id, .dialing = {}};
  line(*at).on_link_open(clock_.now());
  settle();
}

void AgentNode::on_dial_failed(ConnectionId id) {
  if (wait_frozen([this, id] { on_dial_failed(id); })) return;
  const auto at = line_of(id);
  if (!at) return;
  wires_[*at].dialing = {};
  line(*at).on_link_failed("connection refused", clock_.now());
  settle();
}

void AgentNode::on_bytes(ConnectionId id, ByteView bytes, Instant empty_since) {
  const Instant last_empty = std::min(empty_since, frozen_at_);  // it last looked before it was stopped
  if (wait_frozen([this, id, kept = Bytes(bytes.begin(), bytes.end()), last_empty] { on_bytes(id, kept, last_empty); })) return;
  const auto at = line_of(id);
  if (!at) return;
  line(*at).on_link_bytes(bytes, clock_.now(), clock_.read(empty_since));
  settle();
}

void AgentNode::on_closed(ConnectionId id) {
  if (wait_frozen([this, id] { on_closed(id); })) return;
  const auto at = line_of(id);
  if (!at) return;
  wires_[*at] = {};
  line(*at).on_link_closed(clock_.now());
  settle();
}

void AgentNode::on_room(ConnectionId id) {
  if (wait_frozen([this, id] { on_room(id); })) return;
  if (line_of(id)) settle();
}

Instant AgentNode::next_deadline() { return std::min(line(0).next_deadline(), line(1).next_deadline()); }

void AgentNode::on_alarm() {
  if (wait_frozen([this] { on_alarm(); })) return;
  if (!agent_) return;
  for (std::size_t i = 0; i < wires_.size(); ++i)
    if (clock_.to_world(line(i).next_deadline()) <= world_.agenda.now()) line(i).on_timer(clock_.now());
  settle();
}

void AgentNode::on_keeper() {
  if (wait_frozen([this] { on_keeper(); })) return;
  if (!std::exchange(keeper_is_heard_, false) || !agent_) return;
  agent_->on_driver_events(clock_.now());
  settle();
}

void AgentNode::write_out(std::size_t index) {
  const ConnectionId connection = wires_[index].connection;
  while (connection && line(index).has_link_output()) {
    const std::size_t room = world_.network.room(connection, Side::agent);
    if (room == 0) return;
    Bytes out;
    line(index).take_link_output(clock_.now(), room, out);
    if (out.empty()) return;
    world_.network.send(connection, Side::agent, out);
  }
}

void AgentNode::settle_line(std::size_t index) {
  auto& client = line(index);
  write_out(index);
  if (wires_[index].connection && client.wants_close() && !client.has_link_output()) {
    world_.network.close(std::exchange(wires_[index].connection, {}), Side::agent);
    client.on_link_closed(clock_.now());
  }
}

void AgentNode::settle() {
  if (keys_.take_death()) return crash(world_.prng.chance(1, 4));
  for (std::size_t i = 0; i < wires_.size(); ++i) settle_line(i);
  for (std::size_t i = 0; i < wires_.size(); ++i) write_out(i);  // the end of one line may be the other's turn
  if (agent_->is_finished()) {
    world_.trace.note(name_, "ends");
    return end_process();
  }
  for (std::size_t i = 0; i < wires_.size(); ++i) {
    if (wires_[i].connection || wires_[i].dialing || !line(i).wants_link(clock_.now())) continue;
    line(i).on_link_dialing();
    wires_[i].dialing = world_.network.dial(identity_.index, *this);
  }
  alarm_.arm(clock_.to_world(next_deadline()));
}

}  // namespace stint::sim
