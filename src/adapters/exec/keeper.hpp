#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include "adapters/exec/attempt.hpp"
#include "adapters/exec/epoll.hpp"
#include "adapters/exec/limits.hpp"
#include "adapters/exec/message_stream.hpp"
#include "adapters/exec/spawner.hpp"
#include "base/log.hpp"

namespace stint::exec {

struct KeeperOptions {
  Duration idle_exit = limits::kIdleExit;
};

/// The process beside an agent that is parent of all its tasks. It outlives the agent's death and upgrade, so it is small, has one thread
/// and decides nothing: it starts, stops, times out, collects output and reports, and says what happened to whichever agent is connected.
///
/// Thread:  one, and those of the spawner, which see nothing but what they are ordered; SIGCHLD, SIGTERM and SIGINT are blocked.
class Keeper {
 public:
  /// `listener` and `lock` as of StateDir.
  static Result<std::unique_ptr<Keeper>> make(StateDir state, UniqueFd listener, UniqueFd lock, Log& log, KeeperOptions options);

  /// Until it is told to go, or nobody needs it any longer. No task is left then.
  void run();

 private:
  using Number = std::uint64_t;  ///< of an attempt or a connection, never used again: a late event finds nobody

  /// An event's tag: what it speaks of in the upper byte, the attempt's or connection's number in the rest.
  enum class Source : std::uint8_t { listener = 1, signal, inotify, connection, out, err, spawner };
  static constexpr int kSourceShift = 56;
  static constexpr std::uint64_t tag(Source source, Number number = 0) {
    return std::uint64_t{static_cast<std::uint8_t>(source)} << kSourceShift | number;
  }
  static constexpr Source source_of(std::uint64_t tag) { return static_cast<Source>(tag >> kSourceShift); }
  static constexpr Number number_of(std::uint64_t tag) { return tag & ((std::uint64_t{1} << kSourceShift) - 1); }

  struct Connection {
    explicit Connection(UniqueFd socket) : stream(std::move(socket)) {}
    MessageStream stream;
    std::optional<Role> role;  ///< after Hello
    Instant since{};
    bool wants_write = false;
    bool closing = false;  ///< goes when what was said to it is sent, or cannot be
  };

  /// How much of one stream the agent wants.
  struct Request {
    std::uint64_t offset = 0;
    std::uint64_t bytes = 0;
  };

  /// An attempt and what the connected agent was told of it.
  struct Held {
    std::unique_ptr<Attempt> attempt;
    std::optional<Instant> deadline;  ///< as it stands in deadlines_
    std::array<Request, 2> requests;
    std::array<bool, 2> paused{};  ///< not watched while the spool is full
    bool told_started = false;
    bool told_ended = false;
    bool report_changed = false;
    bool is_dirty = false;
  };

  struct Prepared {
    Number number;
    std::unique_ptr<Attempt> attempt;
  };

  Keeper(StateDir state, UniqueFd lock, Log& log, KeeperOptions options, Epoll epoll, Spool spool);
  Status set_up(UniqueFd listener);

  [[nodiscard]] bool is_idle() const;
  [[nodiscard]] bool has_tasks() const;
  [[nodiscard]] std::optional<Instant> next_moment() const;
  void on_time(Instant now);
  void on_event(std::uint64_t tag, std::uint32_t events, Instant now);

  void accept_connections(Instant now);
  void on_connection(Number number, std::uint32_t events, Instant now);
  void flush_connections();
  void refuse(Connection& connection, std::string detail);
  void on_message(Number number, Message message, Instant now);
  void on_hello(Number number, const message::Hello& hello);
  void attach(Number number);
  void on_agent_message(Message message, Instant now);
  void lose_agent();
  void set_alone_since(std::optional<Instant> since);

  void start(ports::LaunchSpec spec);
  void prepare(ports::LaunchSpec spec);
  void proceed(const AttemptRef& ref);
  void forget_prepared();
  void on_unprepared(Number number, Result<Spawned> spawned, Instant now);
  [[nodiscard]] std::unique_ptr<Attempt> make_attempt(ports::LaunchSpec spec);
  void spawn_waiting();
  void on_spawned(Number number, Result<Spawned> spawned, Instant now);
  void on_outcomes(Instant now);
  [[nodiscard]] bool may_be_ours(pid_t stranger);
  void hold(Number number, std::unique_ptr<Attempt> attempt);
  void release(const AttemptRef& ref);
  void watch(Number number, const Held& held, Attempt::Stream stream);
  void read_output(Number number, Held& held, Attempt::Stream stream);
  void retry_spool();
  void on_children(Instant now);
  void on_reports();
  void on_report(Number number, Held& held);
  void begin_shutdown(Instant now);
  void changed(Number number, Held& held);

  /// Now, or a little later together with what follows.
  void tell_in_time(Instant now);
  /// Says what the agent has not been told yet, as far as its connection takes it.
  void tell();
  /// These three: true if there is more to say at once.
  bool tell_about(Held& held, Connection& agent);
  bool tell_output(Held& held, Connection& agent, Attempt::Stream stream);
  bool tell_report(Held& held, Connection& agent);

  StateDir state_;
  UniqueFd lock_;
  Log& log_;
  KeeperOptions options_;
  Epoll epoll_;
  Spool spool_;
  Cgroups cgroups_;
  AttemptHost host_;
  UniqueFd listener_;
  UniqueFd signals_;
  UniqueFd inotify_;

  Number next_number_ = 1;
  std::map<Number, Connection> connections_;
  Number agent_ = 0;  ///< connection of the agent; 0: none
  std::optional<Instant> alone_since_;  ///< since when no session reaches the tasks; nullopt: one does

  std::map<Number, Held> held_;
  std::unordered_map<AttemptRef, Number> by_ref_;
  std::unordered_map<pid_t, Number> by_pid_;  ///< main processes that have not ended
  std::deque<Number> waiting_;       ///< to be spawned
  std::optional<Prepared> prepared_;  ///< likely to be started next; not held
  std::map<Number, std::unique_ptr<Attempt>> given_up_;  ///< prepared in vain, until their children have ended
  std::set<Number> spawning_;        ///< ordered from the spawner, in the order of their numbers
  /// A child that has ended and is not known, and the last number ordered by then: if all until there are known, it is a task's orphan.
  std::optional<std::pair<pid_t, Number>> stranger_;
  std::set<std::pair<Instant, Number>> deadlines_;
  std::deque<Number> dirty_;  ///< something to tell
  Instant told_at_{};
  std::optional<Instant> tell_at_;  ///< what is in dirty_ waits until then

  std::optional<Instant> spool_retry_;  ///< some pipes are paused
  std::optional<Instant> idle_since_;  ///< see is_idle()
  std::optional<Instant> shutdown_until_;  ///< told to go: nothing is started, and then no task is waited for
  Spawner spawner_;
};

}  // namespace stint::exec
