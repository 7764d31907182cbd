#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "base/time.hpp"
#include "protocol/messages.hpp"
#include "protocol/versions.hpp"

/// Sessions as state machines without I/O: bytes, timers and messages in; messages, events and bytes out. One object per connection.
///
/// Both sides are driven alike:
///   on_bytes / on_timer / on_closed  feed it
///   next(event)                      until it says false: what happened
///   send(message)                    queues
///   take_output(now, budget)         seals queued frames (time stamp, sequence, MAC) when the kernel has room: call it after every feed
///   next_deadline()                  when on_timer is due
///
/// Order:   an agent's first message is Resume, the scheduler's first answer Reconcile. Before it an agent may send anything (updates and
///          log chunks wait inside); a scheduler that sends work, acknowledgements or cancels before it breaks an assertion.
/// Errors:  everything refused is counted (counters.hpp). What the peer did wrong without harm is answered
///          with Error by the session itself.
/// Thread:  one thread at a time; nothing is shared between sessions.
/// Source:  docs/protocol.md "Session".
namespace stint::protocol {

using Nonce = std::array<std::uint8_t, 32>;
using AgentKeyBytes = std::array<std::uint8_t, 32>;

/// What the agent said of itself in HELLO.
struct HelloInfo {
  AgentNumber agent;
  KeyEpoch key_epoch;
  Token16 instance{};
  Token16 boot{};
  std::uint64_t connect = 0;
  std::int64_t wall_ms = 0;  ///< its wall clock when it was sent, Unix ms: judged by nobody, shown as skew
};

struct Established {  ///< scheduler: at the first valid DATA frame; agent: at a valid HELLO_ACK
  HelloInfo hello;
  SessionId session;
  Duration heartbeat_interval{};
};
struct Received {
  Message message;
};
struct Ended {  ///< nothing follows; drop the connection once the output is written
  CloseReason reason = CloseReason::normal;
  std::string code;  ///< counter's label: bad_mac, time, too_large, lease …
  std::string detail;
};
using SessionEvent = std::variant<Established, Received, Ended>;

/// Gives the key of an agent; nullopt if unknown, revoked or of an epoch that is not accepted.
class KeyLookup {
 public:
  virtual ~KeyLookup() = default;
  virtual std::optional<AgentKeyBytes> find_agent_key(AgentNumber agent, KeyEpoch epoch) const = 0;
};

struct SessionCounters;  ///< one counter per reason (counters.hpp); shared by all sessions of a process

class Session {
 public:
  virtual ~Session() = default;
  /// `empty_since`: when this reader last found the connection empty; the 5-second rule judges a frame against [empty_since, now].
  virtual void on_bytes(ByteView bytes, Now now, Instant empty_since) = 0;
  virtual void on_timer(Now now) = 0;
  virtual void on_closed(Now now) = 0;
  [[nodiscard]] virtual bool next(SessionEvent& event) = 0;
  virtual void send(Message message) = 0;
  /// Queues a Close message and ends the session after it.
  virtual void close(CloseReason reason, std::string detail) = 0;
  /// Appends sealed frames to `out`, at least one if any is queued and budget > 0, then while their sum stays within `budget` bytes.
  virtual void take_output(Now now, std::size_t budget, Bytes& out) = 0;
  [[nodiscard]] virtual bool has_output() const = 0;
  [[nodiscard]] virtual bool ended() const = 0;
  [[nodiscard]] virtual Instant next_deadline() const = 0;

  /// What the peer said of itself: set from a valid HELLO on, before Established (scheduler only).
  [[nodiscard]] virtual const HelloInfo* hello() const { return nullptr; }
  /// When the last authenticated frame was read.
  [[nodiscard]] virtual Instant last_heard() const { return Instant::min(); }
  /// Asks the peer for a sign of life, at once: any frame from it moves last_heard().
  virtual void probe() {}

  /// Agent: log chunks, and updates with number 0, that may be sent now without waiting inside. Scheduler: what the agent has left.
  [[nodiscard]] virtual std::uint32_t log_credit() const { return 0; }
  [[nodiscard]] virtual std::uint32_t report_credit() const { return 0; }
  /// Agent: shown in heartbeats.
  virtual void set_running(std::uint32_t /*attempts*/) {}
  /// Scheduler time - this side's CLOCK_BOOTTIME, in ms, as far as known; on the scheduler the offset itself.
  [[nodiscard]] virtual std::optional<std::int64_t> session_time_offset_ms() const { return std::nullopt; }
};

/// Memory that a frame needs only while it is made or read. One per thread can serve all its sessions; without one a session has its own.
class SessionScratch;
[[nodiscard]] std::shared_ptr<SessionScratch> make_session_scratch();

struct SchedulerSessionOptions {
  SessionId session;
  Nonce nonce{};  ///< fresh random bytes, one per session
  std::int64_t session_time_offset_ms = 0;  ///< session time (Unix ms) = CLOCK_BOOTTIME ms + this; fixed at the scheduler's start
  Duration heartbeat_interval = std::chrono::seconds{30};
  std::uint32_t log_chunk_credit = 16;
  std::uint32_t report_credit = 256;
  SessionCounters* counters = nullptr;
  std::shared_ptr<SessionScratch> scratch;
  VersionRange versions = kVersions;
};
std::unique_ptr<Session> make_scheduler_session(const KeyLookup& keys, SchedulerSessionOptions options, Now now);

struct AgentSessionOptions {
  AgentNumber agent;
  KeyEpoch key_epoch;
  AgentKeyBytes key{};
  Token16 instance{};
  Token16 boot{};
  std::uint64_t connect = 0;  ///< persisted, rising
  Nonce nonce{};
  SessionCounters* counters = nullptr;
  std::shared_ptr<SessionScratch> scratch;
  VersionRange versions = kVersions;
};
/// Starts with a queued HELLO.
std::unique_ptr<Session> make_agent_session(AgentSessionOptions options, Now now);

}  // namespace stint::protocol
