#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "base/random.hpp"
#include "sim/agenda.hpp"
#include "sim/trace.hpp"

namespace stint::sim {

using ConnectionId = Id<struct ConnectionTag>;

enum class Side : std::uint8_t { agent = 0, scheduler = 1 };

/// One end of connections. None of its functions is called from within a call of the network.
class Peer {
 public:
  virtual ~Peer() = default;
  virtual void on_connected(ConnectionId id) = 0;
  virtual void on_dial_failed(ConnectionId id) = 0;
  /// `empty_since`: the moment of the world at which this end last had nothing to read.
  virtual void on_bytes(ConnectionId id, ByteView bytes, Instant empty_since) = 0;
  virtual void on_closed(ConnectionId id) = 0;
  virtual void on_room(ConnectionId id) = 0;
};

/// How the lines behave just now.
struct Weather {
  Duration latency_min = std::chrono::microseconds{50};
  Duration latency_max = std::chrono::milliseconds{2};
  std::uint32_t pieces_max = 1;  ///< into which one write may fall apart
};

/// Byte streams as TCP gives them: in order, each byte once, but late, in any pieces, and ended in the middle. A new connection may
/// overtake what an old one has still on its way, and an end may believe in a connection that the other has forgotten.
class Network {
 public:
  Network(Agenda& agenda, Prng& prng, Trace& trace) : agenda_(agenda), prng_(prng), trace_(trace) {}

  /// Who takes connections; nullptr: nobody, dialling is refused.
  void listen(Peer* server) { server_ = server; }
  /// on_connected or on_dial_failed follows.
  ConnectionId dial(std::size_t agent, Peer& client);
  /// How much this end may write now: the rest must wait until the other end has read (the kernel's queue is short, PROTOCOL "Time").
  [[nodiscard]] std::size_t room(ConnectionId id, Side from) const;
  void send(ConnectionId id, Side from, ByteView bytes);
  /// The other end reads what is on its way, then learns of it.
  void close(ConnectionId id, Side from);

  /// Is shown all that arrives anywhere.
  void tap(std::function<void(ConnectionId id, Side side, ByteView bytes)> ear) { ear_ = std::move(ear); }

  // Faults.
  void set_weather(const Weather& weather) { weather_ = weather; }
  /// Both ends learn that it broke; what was on its way is gone.
  void reset(ConnectionId id);
  /// The process at this end is gone and the other is not told: it learns when it next writes, or never if the whole machine is `silent`.
  void vanish(ConnectionId id, Side side, bool silent);
  /// This end learns that it broke; what it has sent still arrives, and then the other end learns of it.
  void break_end(ConnectionId id, Side side);
  /// This end learns that it broke; the other end learns when it next writes.
  void forget_end(ConnectionId id, Side side);
  /// Nothing arrives at `side` for a while; then all of it, in order.
  void stall(ConnectionId id, Side side, Duration duration);
  /// Nothing passes between this agent and the scheduler until it is healed; dialling times out.
  void partition(std::size_t agent);
  /// Nothing arrives at `side` until it is healed, acknowledgements neither: what the other end hears is never known to have been heard.
  void partition(std::size_t agent, Side side);
  void heal(std::size_t agent);
  /// Connections that one end at least believes in.
  [[nodiscard]] std::vector<ConnectionId> connections() const;
  [[nodiscard]] Duration latency() { return prng_.between(weather_.latency_min, weather_.latency_max); }

 private:
  struct Chunk {
    Instant due;
    Bytes bytes;
  };
  struct Pipe {
    std::deque<Chunk> queue;
    std::size_t in_flight = 0;
    std::size_t unacknowledged = 0;  ///< of those, read by the other end, which cannot say so
    Instant last_due{};
    Instant stalled_until{};
    Instant empty_since{};
    bool ends = false;  ///< after the queue
    bool planned = false;  ///< a delivery is on the agenda
  };
  struct Connection {
    std::size_t agent = 0;
    std::array<Peer*, 2> peers{};
    std::array<bool, 2> open{};
    bool is_reset = false;
    std::array<bool, 2> silent{};  ///< this end's machine answers nothing, not even that it is gone
    std::array<Pipe, 2> to;  ///< by receiving side
  };

  static Side other(Side side) { return side == Side::agent ? Side::scheduler : Side::agent; }
  static std::size_t at(Side side) { return static_cast<std::size_t>(side); }
  void finish_dial(ConnectionId id, std::size_t agent, Peer& client);
  void plan(ConnectionId id, Side side);
  void deliver(ConnectionId id, Side side);
  void free_room(ConnectionId id, Side side, std::size_t bytes);
  void tell_broken(ConnectionId id, Side side, Duration delay);

  Agenda& agenda_;
  Prng& prng_;
  Trace& trace_;
  Weather weather_;
  Peer* server_ = nullptr;
  std::function<void(ConnectionId, Side, ByteView)> ear_;
  ConnectionId last_;
  std::map<ConnectionId, Connection> connections_;
  [[nodiscard]] bool is_blocked(std::size_t agent, Side side) const { return blocked_.contains({agent, side}); }

  std::set<std::pair<std::size_t, Side>> blocked_;  ///< nothing arrives at this side
};

}  // namespace stint::sim
