#pragma once

#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "apps/stint-conform/enrol.hpp"
#include "apps/stint-conform/handshake.hpp"
#include "apps/stint-conform/tls.hpp"

namespace stint::conform {

/// Where the scheduler listens, and how to make it hand out and cancel work.
struct SchedulerTarget {
  std::string host;
  std::string port;
  std::vector<Identity> agents;  ///< one for each case that runs at the same time
  std::set<std::string> without;  ///< features that it lacks
  bool is_tls = false;           ///< every connection but those of cases that try others
  std::string tls_only_host;     ///< of the same implementation, where it must speak TLS; empty: cases that need it are skipped
  std::string tls_only_port;
  // Commands; cases that need one that is empty are skipped. What stands in braces is replaced.
  std::string submit;        ///< hands out one exec task
  std::string cancel;        ///< {job}
  std::string token;         ///< prints an enrolment token, good for {ttl} seconds
  std::string revoke_token;  ///< {token}
  std::string revoke;        ///< {agent}, by name
  std::string rotate;        ///< the older key epoch is accepted for {grace} seconds
  std::string retire;        ///< {key_epoch}, which gets a newer key and no work from then on
  std::string remove;        ///< {key_epoch}, which is refused from then on
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
      : target_(target), identity_(identity), start_(start), work_(work, std::defer_lock), way_(target.is_tls ? Way::tls : Way::plain) {}
  /// The same scheduler, seen by another agent.
  [[nodiscard]] SchedulerSubject as(const Identity& identity, AgentStart& start) const {
    SchedulerSubject other(target_, identity, start, *work_.mutex());
    other.go(way_);
    return other;
  }

  [[nodiscard]] const Identity& identity() const { return identity_; }
  [[nodiscard]] AgentStart& start() { return start_; }
  [[nodiscard]] const SchedulerTarget& target() const { return target_; }

  /// How connections are made; by default as the target says.
  enum class Way { plain, tls, web_socket };
  void go(Way way) { way_ = way; }
  [[nodiscard]] Checked<Socket> dial() const;  ///< TCP, nothing said
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

  // ---- enrolment and keys: by commands, skipped where one is missing
  [[nodiscard]] Checked<Ticket> make_token(std::int64_t ttl_s = 900) const;
  [[nodiscard]] Check revoke_token(const Ticket& ticket) const;
  /// A new agent of this scheduler, whom nobody else plays.
  [[nodiscard]] Checked<Identity> enrol() const;
  [[nodiscard]] Check revoke(const Identity& agent) const;
  [[nodiscard]] Check rotate(std::int64_t grace_s = 3600) const;
  [[nodiscard]] Check retire(std::uint16_t key_epoch) const;
  [[nodiscard]] Check remove(std::uint16_t key_epoch) const;

  // ---- work: one case at a time
  [[nodiscard]] protocol::Resume working_resume() const;
  [[nodiscard]] Checked<Session> establish_for_work() { return establish_for_work(working_resume()); }
  [[nodiscard]] Checked<Session> establish_for_work(const protocol::Resume& resume);
  /// Submits one task and waits for its assignment.
  [[nodiscard]] Checked<AttemptRef> take_work(Session& session);
  /// As take_work, with the list that names it.
  struct Given {
    protocol::AssignmentList list;
    AttemptRef ref;
  };
  [[nodiscard]] Checked<Given> take_list(Session& session);
  [[nodiscard]] Check cancel(const AttemptRef& ref) const;
  /// Ends an attempt, so that no later session is given it again.
  [[nodiscard]] static Check finish(Session& session, const AttemptRef& ref, std::uint32_t number);

 private:
  [[nodiscard]] static Checked<std::string> run(const char* option, const std::string& command,
                                                const std::vector<std::pair<std::string, std::string>>& values);

  const SchedulerTarget& target_;
  const Identity& identity_;
  AgentStart& start_;
  std::unique_lock<std::mutex> work_;
  Way way_;
  protocol::HelloAck ack_;
  Greeted greeted_;
  Bytes said_hello_;
};

/// An update as agents make them.
[[nodiscard]] protocol::StatusUpdate make_update(const AttemptRef& ref, std::uint32_t number, TaskStatus status);
/// The acknowledgement of this update comes.
[[nodiscard]] Check expect_ack(Session& session, const AttemptRef& ref, std::uint32_t number);

}  // namespace stint::conform
