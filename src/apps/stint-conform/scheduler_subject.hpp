#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "apps/stint-conform/handshake.hpp"

namespace stint::conform {

/// Where the scheduler listens, and how to make it hand out and cancel work.
struct SchedulerTarget {
  std::string host;
  std::string port;
  std::vector<Identity> agents;  ///< one for each case that runs at the same time
  std::string submit;            ///< command: one exec task; empty: cases that need work are skipped
  std::string cancel;            ///< command with {job}
};

/// What an agent keeps over its connections.
struct AgentStart {
  Token16 instance{};
  Token16 boot{};
  std::uint64_t connect = 0;
};
[[nodiscard]] AgentStart make_start();

/// Plays the agent. One object per case; cases that run at the same time have agents of their own.
class SchedulerSubject {
 public:
  SchedulerSubject(const SchedulerTarget& target, const Identity& identity, AgentStart& start, std::mutex& work)
      : target_(target), identity_(identity), start_(start), work_(work, std::defer_lock) {}

  [[nodiscard]] const Identity& identity() const { return identity_; }
  [[nodiscard]] AgentStart& start() { return start_; }
  [[nodiscard]] const SchedulerTarget& target() const { return target_; }

  [[nodiscard]] Checked<Peer> connect() const;
  /// Nonce and connect counter are new.
  [[nodiscard]] protocol::Hello make_hello() const { return make_hello(start_); }
  [[nodiscard]] protocol::Hello make_hello(AgentStart& start) const;

  /// HELLO and HELLO_ACK; nothing else was said.
  [[nodiscard]] Checked<Session> shake_hands() { return shake_hands(make_hello()); }
  [[nodiscard]] Checked<Session> shake_hands(const protocol::Hello& hello);
  /// Until Reconcile; nothing is offered, so nothing is assigned.
  [[nodiscard]] Checked<Session> establish() { return establish(make_hello()); }
  [[nodiscard]] Checked<Session> establish(const protocol::Hello& hello) { return establish(hello, idle_resume()); }
  [[nodiscard]] Checked<Session> establish(const protocol::Hello& hello, const protocol::Resume& resume);
  [[nodiscard]] protocol::Resume idle_resume() const;

  /// HelloAck of the last handshake.
  [[nodiscard]] const protocol::HelloAck& ack() const { return ack_; }
  [[nodiscard]] const Greeted& greeted() const { return greeted_; }
  [[nodiscard]] const Bytes& said_hello() const { return said_hello_; }

  // ---- work: one case at a time
  [[nodiscard]] protocol::Resume working_resume() const;
  [[nodiscard]] Checked<Session> establish_for_work();
  /// Submits one task and waits for its assignment.
  [[nodiscard]] Checked<AttemptRef> take_work(Session& session);
  [[nodiscard]] Check cancel(const AttemptRef& ref) const;
  /// Ends an attempt, so that no later session is given it again.
  [[nodiscard]] static Check finish(Session& session, const AttemptRef& ref, std::uint32_t number);

 private:
  const SchedulerTarget& target_;
  const Identity& identity_;
  AgentStart& start_;
  std::unique_lock<std::mutex> work_;
  protocol::HelloAck ack_;
  Greeted greeted_;
  Bytes said_hello_;
};

/// An update as agents make them.
[[nodiscard]] protocol::StatusUpdate make_update(const AttemptRef& ref, std::uint32_t number, TaskStatus status);
/// The acknowledgement of this update comes.
[[nodiscard]] Check expect_ack(Session& session, const AttemptRef& ref, std::uint32_t number);

}  // namespace stint::conform
