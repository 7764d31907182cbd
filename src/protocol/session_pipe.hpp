#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "protocol/counters.hpp"
#include "protocol/session.hpp"
#include "wire/frame.hpp"
#include "wire/frame_writer.hpp"
#include "wire/keys.hpp"

/// For tests and fuzzing: two sessions, a pipe between them that can be cut open anywhere, and a clock for each.
namespace stint::protocol::testing {

class OneKey final : public KeyLookup {
 public:
  OneKey() { key.fill(0x42); }
  std::optional<AgentKeyBytes> find_agent_key(AgentNumber agent, KeyEpoch epoch) const override {
    if (agent != AgentNumber{7} || epoch != KeyEpoch{1}) return std::nullopt;
    return key;
  }
  AgentKeyBytes key{};
};

// Small messages that are good as they are.
[[nodiscard]] inline AttemptRef ref(std::uint32_t index) { return {{JobId{12}, 0, index}, 1}; }
[[nodiscard]] inline AgentInfo agent_info(std::string name = "a1") {
  AgentInfo info;
  info.name = std::move(name);
  info.window = 10;
  return info;
}
[[nodiscard]] inline TaskTemplate task_template() {
  TaskTemplate task;
  task.task_name = "main";
  task.driver = "noop";
  return task;
}
[[nodiscard]] inline StatusUpdate update(std::uint32_t index, std::uint32_t number, TaskStatus status = TaskStatus::running) {
  StatusUpdate u;
  u.ref = ref(index);
  u.number = number;
  u.status = status;
  return u;
}
[[nodiscard]] inline LogChunk log_chunk(std::uint64_t offset, std::size_t size) {
  LogChunk chunk;
  chunk.ref = ref(1);
  chunk.offset = offset;
  chunk.bytes.assign(size, 'x');
  return chunk;
}

inline constexpr std::int64_t kWall2026 = 1'793'000'000'000;

/// One side's clocks against true time, which starts at 0.
struct Clock {
  Duration boot{0};                 ///< CLOCK_BOOTTIME at true time 0
  std::int64_t wall_ms = kWall2026; ///< CLOCK_REALTIME at true time 0
  [[nodiscard]] Now at(Duration t) const { return {Instant{boot + t}, unix_millis(wall_ms + to_ms(t))}; }
};

class Pipe {
 public:
  struct Options {
    Clock scheduler{std::chrono::hours{100}, kWall2026};
    Clock agent{std::chrono::hours{3}, kWall2026};
    AgentKeyBytes agent_key = OneKey{}.key;
    AgentNumber agent_number{7};
    KeyEpoch key_epoch{1};
    std::uint8_t scheduler_nonce = 0x51;  ///< each of its bytes
    std::uint32_t log_credit = 4;
    std::uint32_t report_credit = 8;
    Duration heartbeat = std::chrono::seconds{30};
    VersionRange scheduler_speaks = kVersions;
    VersionRange agent_speaks = kVersions;
  };
  Pipe() : Pipe(Options{}) {}
  explicit Pipe(Options options) : options_(options) {
    SchedulerSessionOptions s;
    s.session = SessionId{99};
    s.nonce.fill(options.scheduler_nonce);
    s.session_time_offset_ms = options.scheduler.wall_ms - to_ms(options.scheduler.boot);
    s.heartbeat_interval = options.heartbeat;
    s.log_chunk_credit = options.log_credit;
    s.report_credit = options.report_credit;
    s.counters = &scheduler_counters;
    s.versions = options.scheduler_speaks;
    scheduler = make_scheduler_session(keys, s, scheduler_now());
    AgentSessionOptions a;
    a.agent = options.agent_number;
    a.key_epoch = options.key_epoch;
    a.key = options.agent_key;
    a.instance.fill(1);
    a.boot.fill(2);
    a.connect = 5;
    a.nonce.fill(0xA1);
    a.counters = &agent_counters;
    a.versions = options.agent_speaks;
    agent = make_agent_session(a, agent_now());
  }

  [[nodiscard]] Now scheduler_now() const { return options_.scheduler.at(time); }
  [[nodiscard]] Now agent_now() const { return options_.agent.at(time); }
  /// The wall clock of the agent's machine is set to something else.
  void step_agent_wall(std::int64_t ms) { options_.agent.wall_ms += ms; }

  [[nodiscard]] Bytes take(Session& from) {
    Bytes out;
    from.take_output(&from == agent.get() ? agent_now() : scheduler_now(), SIZE_MAX, out);
    return out;
  }
  /// Delivered after the connection had last been empty `quiet` ago.
  void deliver(Session& to, ByteView bytes, Duration quiet = Duration{0}) {
    const Now now = &to == agent.get() ? agent_now() : scheduler_now();
    to.on_bytes(bytes, now, now.mono - quiet);
    collect();
  }
  /// What one side has to say reaches the other at once, or after `delay` on the way.
  void to_scheduler(Duration delay = Duration{0}) {
    const Bytes bytes = take(*agent);
    time += delay;
    deliver(*scheduler, bytes);
  }
  void to_agent(Duration delay = Duration{0}) {
    const Bytes bytes = take(*scheduler);
    time += delay;
    deliver(*agent, bytes);
  }
  /// Until nobody has anything to say.
  void settle() {
    while (agent->has_output() || scheduler->has_output()) {
      to_scheduler();
      to_agent();
    }
    collect();
  }
  /// HELLO, HELLO_ACK, Resume, Reconcile; events so far are dropped.
  void establish() {
    shake_hands();
    agent->send(Resume{agent_info(), {}});
    settle();
    scheduler->send(Reconcile{});
    settle();
    clear_events();
  }
  void shake_hands() {
    hello_frame = take(*agent);
    deliver(*scheduler, hello_frame);
    hello_ack_frame = take(*scheduler);
    deliver(*agent, hello_ack_frame);
  }
  void clear_events() {
    collect();
    scheduler_events.clear();
    agent_events.clear();
  }
  void tick() {
    scheduler->on_timer(scheduler_now());
    agent->on_timer(agent_now());
    collect();
  }
  void collect() {
    SessionEvent event;
    while (scheduler->next(event)) scheduler_events.push_back(std::move(event));
    while (agent->next(event)) agent_events.push_back(std::move(event));
  }

  OneKey keys;
  Duration time{0};
  Bytes hello_frame;
  Bytes hello_ack_frame;
  SessionCounters scheduler_counters;
  SessionCounters agent_counters;
  std::unique_ptr<Session> scheduler;
  std::unique_ptr<Session> agent;
  std::vector<SessionEvent> scheduler_events;
  std::vector<SessionEvent> agent_events;

 private:
  Options options_;
};

/// Frames that an honest session would never send, under the keys of a pipe whose hands are shaken.
/// After Pipe::establish() each side has sent one DATA frame, so the next sequence is 2.
class Forger {
 public:
  explicit Forger(const Pipe& pipe)
      : keys_(wire::derive_session_keys(wire::AgentKey(pipe.keys.key), filled(0xA1), filled(Pipe::Options{}.scheduler_nonce),
                                        wire::handshake_transcript(pipe.hello_frame, pipe.hello_ack_frame))) {}

  enum class From : std::uint8_t { agent, scheduler };
  [[nodiscard]] Bytes data(From from, ByteView body, std::uint64_t sequence = 2, wire::FrameKind kind = wire::FrameKind::data) const {
    wire::MacKey key((from == From::agent ? keys_.a2s : keys_.s2a).view());
    wire::FrameWriter writer;
    const auto frame = writer.write({kind, 1, 99, sequence}, body, key);
    return {frame->begin(), frame->end()};
  }

 private:
  static Nonce filled(std::uint8_t byte) {
    Nonce nonce;
    nonce.fill(byte);
    return nonce;
  }
  wire::DirectionKeys keys_;
};

/// The first event of one kind, or null.
template <class Event>
[[nodiscard]] const Event* find_event(const std::vector<SessionEvent>& events) {
  for (const SessionEvent& event : events) {
    if (const auto* found = std::get_if<Event>(&event)) return found;
  }
  return nullptr;
}
/// The first received message of one kind, or null.
template <class M>
[[nodiscard]] const M* find_message(const std::vector<SessionEvent>& events) {
  for (const SessionEvent& event : events) {
    const auto* received = std::get_if<Received>(&event);
    if (received == nullptr) continue;
    if (const auto* found = std::get_if<M>(&received->message)) return found;
  }
  return nullptr;
}

}  // namespace stint::protocol::testing
