#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "apps/stint-conform/enrol.hpp"
#include "apps/stint-conform/handshake.hpp"
#include "apps/stint-conform/process.hpp"
#include "apps/stint-conform/tls.hpp"

namespace stint::conform {

/// How the agent is started, and what it can be asked to do.
struct AgentTarget {
  std::string start;  ///< command with {server}, {pins}, {key_file} and {state_dir}
  std::string join;   ///< the same with {token}; empty: cases that need it are skipped
  std::set<std::string> without;  ///< features that it lacks
  std::string driver = "exec";
  /// What tasks of each kind run: arguments, by kind (limits of kinds: docs of the option).
  std::map<std::string, std::vector<std::string>> commands;
};

/// What a case asks of the handshake; the rest is as it should be.
struct AckSpec {
  std::uint32_t heartbeat_ms = 10'000;
  std::uint32_t log_credit = 64;
  std::uint32_t report_credit = 64;
  std::uint32_t body_limit = 2U << 20;
};

/// Plays the scheduler. Starts an agent of its own for each case, in a folder of its own, and ends it afterwards.
class AgentSubject {
 public:
  explicit AgentSubject(const AgentTarget& target);

  [[nodiscard]] const AgentTarget& target() const { return target_; }
  [[nodiscard]] const Identity& identity() const { return identity_; }
  [[nodiscard]] Background& process() { return process_; }
  [[nodiscard]] std::string log_end() const;

  // ---- TLS and enrolment: before the agent is started
  /// From now on the server is named with https://, the agent knows these pins, and accept() shows what `show` says.
  void speak_tls(std::vector<Pin> pins, const TlsShow& show);
  void show(const TlsShow& show) { show_ = show; }
  /// The outcome of the last handshake.
  [[nodiscard]] const TlsOutcome& shaken() const { return shaken_; }
  /// The next connection, with nothing said on it.
  [[nodiscard]] Checked<Socket> accept_socket(Duration patience = limits::kStartPatience);
  /// Runs the command that joins. accept() starts no agent meanwhile.
  [[nodiscard]] Check start_join(const std::string& token);
  [[nodiscard]] Checked<Asked> accept_enrol(const Ticket& ticket);
  /// The command that joins has ended; its exit status.
  [[nodiscard]] Checked<int> join_ended(Duration patience = limits::kPatience);
  /// Who we have made it; from now on accept() starts it as such.
  void become(const Identity& identity);
  /// The cell knows it by this from now on.
  void play(const Identity& identity) { identity_ = identity; }
  [[nodiscard]] bool has_key_file() const;

  /// The next connection; starts the agent if it does not run.
  [[nodiscard]] Checked<Peer> accept(Duration patience = limits::kStartPatience);
  /// True if nobody connects for so long.
  [[nodiscard]] bool is_quiet(Duration length);

  /// HELLO was read, nothing answered.
  struct Caller {
    Peer peer;
    Greeting greeting;
  };
  [[nodiscard]] Checked<Caller> greet();
  [[nodiscard]] protocol::HelloAck make_ack(const Greeting& greeting, const AckSpec& spec) const;
  [[nodiscard]] protocol::HelloAck make_ack(const Greeting& greeting) const { return make_ack(greeting, AckSpec{}); }
  [[nodiscard]] Bytes ack_frame(const protocol::HelloAck& ack, Edit edit = {}) const;
  /// HELLO_ACK was sent.
  [[nodiscard]] Checked<Session> shake_hands() { return shake_hands(AckSpec{}); }
  [[nodiscard]] Checked<Session> shake_hands(const AckSpec& spec);
  /// Resume came; it is in `resume()`.
  [[nodiscard]] Checked<Session> greet_and_resume() { return greet_and_resume(AckSpec{}); }
  [[nodiscard]] Checked<Session> greet_and_resume(const AckSpec& spec);
  /// Reconcile was sent: every attempt held is kept, with `acked` as the last update acknowledged.
  [[nodiscard]] Checked<Session> establish() { return establish(AckSpec{}); }
  [[nodiscard]] Checked<Session> establish(const AckSpec& spec, std::uint32_t acked = 0);

  [[nodiscard]] const protocol::Resume& resume() const { return resume_; }
  [[nodiscard]] const Greeting& greeting() const { return greeting_; }

  // ---- work
  /// The next attempt, of a job of its own.
  [[nodiscard]] AttemptRef next_attempt() { return {{JobId{++jobs_}, 0, 0}, 1}; }
  /// A task of this kind; skips if the agent has no command for it.
  [[nodiscard]] Checked<protocol::TaskTemplate> make_task(const std::string& kind) const;
  [[nodiscard]] Checked<AttemptRef> assign(Session& session, const std::string& kind);

 private:
  [[nodiscard]] Check start();
  [[nodiscard]] Check prepare();
  [[nodiscard]] Check start_command(const std::string& command, const std::string& token);
  [[nodiscard]] std::string server() const;

  const AgentTarget& target_;
  Identity identity_;
  TemporaryFolder folder_;
  Listener listener_;
  Background process_;
  bool is_prepared_ = false;
  bool is_joining_ = false;  ///< the process is the command that joins
  bool is_joined_ = false;   ///< it has made the key file itself
  std::vector<Pin> pins_;
  std::optional<TlsShow> show_;
  TlsOutcome shaken_;
  protocol::Resume resume_;
  Greeting greeting_;
  std::uint64_t jobs_ = 0;
};

/// The next update of this attempt with a number above 0; others are dropped.
[[nodiscard]] Checked<protocol::StatusUpdate> take_update(Session& session, const AttemptRef& ref);
/// Acknowledges every update of the attempt until one says that it has ended; that one is returned, acknowledged.
[[nodiscard]] Checked<protocol::StatusUpdate> take_end(Session& session, const AttemptRef& ref);
void acknowledge(Session& session, const protocol::StatusUpdate& update);

}  // namespace stint::conform
