#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "base/random.hpp"
#include "base/timer_wheel.hpp"
#include "bench/scale/swarm.hpp"
#include "net/byte_stream.hpp"
#include "net/tls.hpp"
#include "protocol/counters.hpp"

namespace stint::bench {

/// The swarm's process: one thread, epoll.
class SwarmLoop {
 public:
  /// `wake_fd` becomes readable when counters.to_complete has risen, and is at its end when the swarm shall go.
  SwarmLoop(SwarmOptions options, std::vector<SwarmAgent> agents, SwarmCounters& counters, int wake_fd);
  ~SwarmLoop();
  SwarmLoop(const SwarmLoop&) = delete;
  SwarmLoop& operator=(const SwarmLoop&) = delete;

  [[nodiscard]] Status run();

 private:
  using MemberId = Id<struct MemberTag>;
  enum class Stage : std::uint8_t { away, connecting, shaking_hands, open };
  struct Member {
    SwarmAgent agent;
    Stage stage = Stage::away;
    int fd = -1;
    std::optional<net::ByteStream> stream;
    std::unique_ptr<protocol::Session> session;
    std::uint64_t connects = 0;
    bool is_counted = false;            ///< among those that are on their way
    bool waits_to_write = false;
    bool is_watched_for_room = false;   ///< epoll was told so
    Instant empty_since{};
    Bytes output;
    std::size_t written = 0;
    std::deque<AttemptRef> held;
  };

  void dial_some(Now now);
  void dial(MemberId id, Now now);
  void serve(MemberId id, Now now);
  void go_on_connecting(Member& member, Now now);
  void begin_session(Member& member, Now now);
  void read(Member& member, Now now);
  void flush(MemberId id, Member& member, Now now);
  void take_events(Member& member);
  void take_message(Member& member, const protocol::Message& message);
  void hang_up(MemberId id, Member& member, Now now);
  void arrive(Member& member);
  void watch(MemberId id, Member& member);
  void complete_some(Now now);
  void complete(Member& member, std::uint64_t most, Now now);
  [[nodiscard]] bool take_wakes();

  SwarmOptions options_;
  SwarmCounters& shared_;
  int wake_fd_;
  int epoll_ = -1;
  std::vector<Member> members_;
  std::deque<std::pair<Instant, MemberId>> to_dial_;
  std::size_t on_their_way_ = 0;
  std::uint64_t completed_ = 0;
  TimerWheel<MemberId> deadlines_;
  protocol::SessionCounters session_counters_;
  std::shared_ptr<protocol::SessionScratch> scratch_ = protocol::make_session_scratch();
  std::unique_ptr<net::TlsClient> tls_;
  Prng random_;
  Bytes in_;
};

}  // namespace stint::bench
