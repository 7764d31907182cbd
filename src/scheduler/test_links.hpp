#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/log.hpp"
#include "base/random.hpp"
#include "base/time.hpp"
#include "ports/entropy.hpp"
#include "ports/link.hpp"
#include "protocol/session.hpp"

/// For tests: agents that speak the production protocol over connections that carry bytes when the test says so. The clock moves when the
/// test moves it.
namespace stint::scheduler::testing {

using namespace std::chrono_literals;

class SeededEntropy final : public ports::Entropy {
 public:
  explicit SeededEntropy(std::uint64_t seed) : prng_(seed) {}
  void fill(std::span<std::uint8_t> out) override { prng_.fill(out); }

 private:
  Prng prng_;
};

class LinesLog final : public Log {
 public:
  void write(LogLevel /*level*/, std::string message) override { lines.push_back(std::move(message)); }
  std::vector<std::string> lines;
};

inline constexpr Duration kBootTime = 100h;
inline constexpr std::int64_t kWallMs = 1'793'000'000'000;
/// What session time reads less CLOCK_BOOTTIME: session time is Unix milliseconds.
inline constexpr std::int64_t kSessionTimeOffsetMs = kWallMs - to_ms(kBootTime);

[[nodiscard]] inline Now at(Duration time) { return {Instant{kBootTime + time}, unix_millis(kWallMs + to_ms(time))}; }

/// One run of an agent on one connection: what it sends is the test's, what it hears is kept.
class AgentPeer {
 public:
  struct Options {
    AgentNumber number;
    protocol::AgentKeyBytes key{};
    KeyEpoch key_epoch{1};
    std::uint8_t instance = 1;  ///< each byte of it
    std::uint8_t boot = 1;      ///< each byte of it
    std::uint64_t connect = 1;
  };
  AgentPeer(const Options& options, ports::LinkId id, Now now) : link(id) {
    protocol::AgentSessionOptions session_options;
    session_options.agent = options.number;
    session_options.key_epoch = options.key_epoch;
    session_options.key = options.key;
    session_options.instance.fill(options.instance);
    session_options.boot.fill(options.boot);
    session_options.connect = options.connect;
    session_options.nonce.fill(static_cast<std::uint8_t>(0xA0 + id.value));
    session = protocol::make_agent_session(session_options, now);
  }

  void send(protocol::Message message) { session->send(std::move(message)); }
  /// The newest message of one kind, or null.
  template <class M>
  [[nodiscard]] const M* find() const {
    for (auto it = heard.rbegin(); it != heard.rend(); ++it)
      if (const auto* found = std::get_if<M>(&*it)) return found;
    return nullptr;
  }
  template <class M>
  [[nodiscard]] std::size_t count() const {
    std::size_t count = 0;
    for (const auto& message : heard) count += std::holds_alternative<M>(message) ? 1 : 0;
    return count;
  }
  /// Everything that has happened since the last call becomes part of `heard` and `ended`.
  void collect() {
    protocol::SessionEvent event;
    while (session->next(event)) {
      if (auto* received = std::get_if<protocol::Received>(&event)) heard.push_back(std::move(received->message));
      if (auto* end = std::get_if<protocol::Ended>(&event)) ended = std::move(*end);
    }
  }

  ports::LinkId link;
  std::unique_ptr<protocol::Session> session;
  std::vector<protocol::Message> heard;
  std::optional<protocol::Ended> ended;
  bool is_open = true;
};

class Network final : public ports::Links {
 public:
  AgentPeer& dial(ports::LinkHandler& handler, const AgentPeer::Options& options, Now now) {
    const ports::LinkId id{++last_};
    handler.on_link_open(id, "peer " + std::to_string(id.value), now);
    auto& peer = *peers_.emplace(id, std::make_unique<AgentPeer>(options, id, now)).first->second;
    return peer;
  }
  /// What is on its way arrives; false if nothing was.
  bool exchange(ports::LinkHandler& handler, Now now) {
    bool moved = false;
    for (auto& [id, peer] : peers_) {
      if (!peer->is_open) continue;
      Bytes up;
      peer->session->take_output(now, SIZE_MAX, up);
      if (!up.empty()) handler.on_link_bytes(id, up, now, now.mono);
      moved |= deliver(handler, *peer, now) || !up.empty();
    }
    for (const auto id : std::exchange(closing_, {})) {
      if (!peers_.contains(id)) continue;  // the test's own
      AgentPeer& peer = *peers_.at(id);
      if (!std::exchange(peer.is_open, false)) continue;
      deliver(handler, peer, now);
      handler.on_link_closed(id, now);
      peer.session->on_closed(now);
      peer.collect();
      moved = true;
    }
    return moved;
  }
  void hang_up(ports::LinkHandler& handler, AgentPeer& peer, Now now) {
    if (!std::exchange(peer.is_open, false)) return;
    handler.on_link_closed(peer.link, now);
    peer.session->on_closed(now);
  }
  /// The process at the other end has gone.
  void drop_all() {
    for (auto& [id, peer] : peers_) peer->is_open = false;
    closing_.clear();
  }
  void on_timer(Now now) {
    for (auto& [id, peer] : peers_)
      if (peer->is_open) peer->session->on_timer(now);
  }

  void wake(ports::LinkId /*link*/) override {}  // exchange() asks everybody
  void close(ports::LinkId link) override { closing_.push_back(link); }

 private:
  static bool deliver(ports::LinkHandler& handler, AgentPeer& peer, Now now) {
    Bytes down;
    handler.take_link_output(peer.link, now, SIZE_MAX, down);
    if (!down.empty()) peer.session->on_bytes(down, now, now.mono);
    peer.collect();
    return !down.empty();
  }

  std::map<ports::LinkId, std::unique_ptr<AgentPeer>> peers_;
  std::vector<ports::LinkId> closing_;
  std::uint64_t last_ = 0;
};

// Small messages that are good as they are.
[[nodiscard]] inline AttemptRef ref(std::uint64_t job, std::uint32_t index = 0, std::uint32_t attempt = 1) {
  return {{JobId{job}, 0, index}, attempt};
}
[[nodiscard]] inline protocol::AgentInfo agent_info(std::string name, std::int64_t cpu_millis = 4000) {
  protocol::AgentInfo info;
  info.name = std::move(name);
  info.host = "box";
  info.version = "1";
  info.resources.cpu_millis = cpu_millis;
  info.resources.memory_bytes = std::int64_t{8} << 30;
  info.drivers = {"exec", "noop"};
  info.window = 100;
  return info;
}
[[nodiscard]] inline protocol::StatusUpdate update(const AttemptRef& ref, std::uint32_t number, TaskStatus status) {
  protocol::StatusUpdate made;
  made.ref = ref;
  made.number = number;
  made.status = status;
  if (status != TaskStatus::pending) made.started_ms = kWallMs;
  if (has_ended(status)) {
    made.ended_ms = kWallMs + 1;
    made.reason = EndReason::exit;
    made.exit_code = status == TaskStatus::failed ? 3 : 0;
  }
  return made;
}
[[nodiscard]] inline protocol::StatusUpdate report(const AttemptRef& ref, float progress, std::vector<protocol::Metric> metrics = {}) {
  protocol::StatusUpdate made = update(ref, 0, TaskStatus::running);
  made.progress = progress;
  made.metrics = std::move(metrics);
  return made;
}
[[nodiscard]] inline protocol::LogChunk log_chunk(const AttemptRef& ref, std::uint64_t offset, std::string_view text) {
  protocol::LogChunk chunk;
  chunk.ref = ref;
  chunk.offset = offset;
  chunk.bytes.assign(text.begin(), text.end());
  return chunk;
}

}  // namespace stint::scheduler::testing
