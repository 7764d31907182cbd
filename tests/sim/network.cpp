#include "sim/network.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace stint::sim {
namespace {

constexpr std::size_t kQueueBytes = 16 << 10;               // sent and unsent bytes that a kernel may hold (PROTOCOL "Time")
constexpr Duration kDialTimeout = std::chrono::seconds{10};

std::string name_of(ConnectionId id) { return "connection " + std::to_string(id.value); }

}  // namespace

ConnectionId Network::dial(std::size_t agent, Peer& client) {
  const ConnectionId id{++last_.value};
  const bool is_cut = is_blocked(agent, Side::agent) || is_blocked(agent, Side::scheduler);
  const Duration delay = is_cut ? kDialTimeout : latency();
  agenda_.after(delay, [this, id, agent, &client] { finish_dial(id, agent, client); });
  return id;
}

void Network::finish_dial(ConnectionId id, std::size_t agent, Peer& client) {
  if (server_ == nullptr || is_blocked(agent, Side::agent) || is_blocked(agent, Side::scheduler)) {
    client.on_dial_failed(id);
    return;
  }
  Connection& connection = connections_[id];
  connection.agent = agent;
  connection.peers = {&client, server_};
  connection.open = {true, true};
  for (Pipe& pipe : connection.to) pipe.empty_since = pipe.last_due = agenda_.now();
  trace_.note("net", name_of(id) + " of agent " + std::to_string(agent + 1) + " is open");
  server_->on_connected(id);
  client.on_connected(id);
}

std::size_t Network::room(ConnectionId id, Side from) const {
  const auto found = connections_.find(id);
  if (found == connections_.end() || !found->second.open[at(from)]) return 0;
  const std::size_t queued = found->second.to[at(other(from))].in_flight;
  return queued >= kQueueBytes ? 0 : kQueueBytes - queued;
}

void Network::send(ConnectionId id, Side from, ByteView bytes) {
  const auto found = connections_.find(id);
  if (found == connections_.end() || bytes.empty()) return;
  Connection& connection = found->second;
  if (!connection.open[at(from)] || connection.is_reset) return;
  const Side receiver = other(from);
  if (!connection.open[at(receiver)]) {
    if (!connection.silent[at(receiver)]) tell_broken(id, from, latency());
    return;
  }
  Pipe& pipe = connection.to[at(receiver)];
  pipe.in_flight += bytes.size();
  const std::size_t pieces = 1 + static_cast<std::size_t>(prng_.below(weather_.pieces_max));
  const std::size_t piece = std::max<std::size_t>(1, (bytes.size() + pieces - 1) / pieces);
  while (!bytes.empty()) {
    const ByteView part = bytes.first(std::min(piece, bytes.size()));
    bytes = bytes.subspan(part.size());
    pipe.last_due = std::max(pipe.last_due, agenda_.now() + latency());
    pipe.queue.push_back({pipe.last_due, Bytes(part.begin(), part.end())});
  }
  plan(id, receiver);
}

void Network::close(ConnectionId id, Side from) {
  const auto found = connections_.find(id);
  if (found == connections_.end()) return;
  Connection& connection = found->second;
  if (!std::exchange(connection.open[at(from)], false)) return;
  const Side receiver = other(from);
  if (!connection.open[at(receiver)]) return;
  Pipe& pipe = connection.to[at(receiver)];
  pipe.ends = true;
  pipe.last_due = std::max(pipe.last_due, agenda_.now() + latency());
  plan(id, receiver);
}

void Network::plan(ConnectionId id, Side side) {
  Pipe& pipe = connections_.at(id).to[at(side)];
  if (pipe.planned || (pipe.queue.empty() && !pipe.ends)) return;
  pipe.planned = true;
  const Instant due = pipe.queue.empty() ? pipe.last_due : pipe.queue.front().due;
  agenda_.at(std::max(due, pipe.stalled_until), [this, id, side] { deliver(id, side); });
}

void Network::deliver(ConnectionId id, Side side) {
  const auto found = connections_.find(id);
  if (found == connections_.end()) return;
  Connection& connection = found->second;
  Pipe& pipe = connection.to[at(side)];
  pipe.planned = false;
  if (is_blocked(connection.agent, side)) return;  // heal() plans anew
  if (pipe.stalled_until > agenda_.now()) {
    plan(id, side);
    return;
  }
  Peer& receiver = *connection.peers[at(side)];
  if (pipe.queue.empty()) {
    if (pipe.ends && std::exchange(connection.open[at(side)], false)) receiver.on_closed(id);
    return;
  }
  const Bytes bytes = std::move(pipe.queue.front().bytes);
  pipe.queue.pop_front();
  plan(id, side);
  if (connection.open[at(side)]) {
    const Instant empty_since = pipe.empty_since;
    const bool is_more_there = !pipe.queue.empty() && pipe.queue.front().due <= agenda_.now();
    if (!is_more_there) pipe.empty_since = agenda_.now();
    if (ear_) ear_(id, side, bytes);
    receiver.on_bytes(id, bytes, empty_since);
  }
  if (is_blocked(connection.agent, other(side))) {
    pipe.unacknowledged += bytes.size();
  } else {
    free_room(id, side, bytes.size());
  }
}

/// The sender learns that `side` has read so much.
void Network::free_room(ConnectionId id, Side side, std::size_t bytes) {
  const auto found = connections_.find(id);
  if (found == connections_.end()) return;
  Pipe& pipe = found->second.to[at(side)];
  pipe.in_flight -= std::min(pipe.in_flight, bytes);
  const Side sender = other(side);
  if (found->second.open[at(sender)]) found->second.peers[at(sender)]->on_room(id);
}

void Network::tell_broken(ConnectionId id, Side side, Duration delay) {
  agenda_.after(delay, [this, id, side] {
    const auto found = connections_.find(id);
    if (found == connections_.end()) return;
    Connection& connection = found->second;
    if (std::exchange(connection.open[at(side)], false)) connection.peers[at(side)]->on_closed(id);
  });
}

void Network::reset(ConnectionId id) {
  trace_.note("net", name_of(id) + " is reset");
  connections_.at(id).is_reset = true;
  for (Pipe& pipe : connections_.at(id).to) {
    pipe.queue.clear();
    pipe.in_flight = 0;
    pipe.ends = false;
  }
  const Duration agent_delay = latency();
  const Duration scheduler_delay = latency();
  tell_broken(id, Side::agent, agent_delay);
  tell_broken(id, Side::scheduler, scheduler_delay);
}

void Network::vanish(ConnectionId id, Side side, bool silent) {
  const auto found = connections_.find(id);
  if (found == connections_.end()) return;
  Connection& connection = found->second;
  connection.open[at(side)] = false;
  connection.silent[at(side)] = silent;
}

void Network::break_end(ConnectionId id, Side side) {
  trace_.note("net", name_of(id) + " breaks at one end, and its last bytes go on");
  Connection& connection = connections_.at(id);
  if (!connection.open[at(side)]) return;
  close(id, side);
  connection.peers[at(side)]->on_closed(id);
}

void Network::forget_end(ConnectionId id, Side side) {
  trace_.note("net", name_of(id) + (side == Side::agent ? " is forgotten by the agent" : " is forgotten by the scheduler"));
  Connection& connection = connections_.at(id);
  if (!std::exchange(connection.open[at(side)], false)) return;
  connection.peers[at(side)]->on_closed(id);
}

void Network::stall(ConnectionId id, Side side, Duration duration) {
  trace_.note("net", name_of(id) + " stalls towards the " + (side == Side::agent ? "agent" : "scheduler") + " for " +
                         std::to_string(to_ms(duration)) + " ms");
  connections_.at(id).to[at(side)].stalled_until = agenda_.now() + duration;
}

void Network::partition(std::size_t agent) {
  trace_.note("net", "agent " + std::to_string(agent + 1) + " is cut off");
  blocked_.insert({agent, Side::agent});
  blocked_.insert({agent, Side::scheduler});
}

void Network::partition(std::size_t agent, Side side) {
  trace_.note("net", "agent " + std::to_string(agent + 1) + (side == Side::agent ? " hears nothing" : " is not heard"));
  blocked_.insert({agent, side});
}

void Network::heal(std::size_t agent) {
  const std::size_t was_blocked = blocked_.erase({agent, Side::agent}) + blocked_.erase({agent, Side::scheduler});
  if (was_blocked == 0) return;
  trace_.note("net", "agent " + std::to_string(agent + 1) + " can be reached again");
  for (auto& [id, connection] : connections_) {
    if (connection.agent != agent) continue;
    for (const Side side : {Side::agent, Side::scheduler}) {
      plan(id, side);
      const std::size_t bytes = std::exchange(connection.to[at(side)].unacknowledged, 0);
      if (bytes > 0) agenda_.after(latency(), [this, link = id, side, bytes] { free_room(link, side, bytes); });
    }
  }
}

std::vector<ConnectionId> Network::connections() const {
  std::vector<ConnectionId> ids;
  for (const auto& [id, connection] : connections_)
    if (connection.open[0] || connection.open[1]) ids.push_back(id);
  return ids;
}

}  // namespace stint::sim
