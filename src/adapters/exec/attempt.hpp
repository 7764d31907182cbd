#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <optional>

#include "adapters/exec/cgroups.hpp"
#include "adapters/exec/epoll.hpp"
#include "adapters/exec/limits.hpp"
#include "adapters/exec/report_reader.hpp"
#include "adapters/exec/spawn.hpp"
#include "adapters/exec/spool.hpp"
#include "ports/driver.hpp"

namespace stint::exec {

/// What all attempts of a keeper share.
struct AttemptHost {
  const StateDir& state;
  Spool& spool;
  Cgroups& cgroups;
  const Epoll& epoll;     ///< where pipes are watched
  UniqueFd null_file;     ///< everybody's stdin
  UniqueFd run_dir;       ///< where report files appear
  rlimit open_files{};    ///< what tasks get
};

/// One attempt: its process group, pipes, spooled output, report file and result. A state machine that is told what the kernel reports.
///
///   starting ──▶ running, or ended if that is not possible
///
///   running ──stop, timeout──▶ stopping ──grace over──▶ killed        the main process may end in each of them
///      └───────────┴──────────────┴─▶ draining ──both pipes at their end, or kDrain over──▶ ended
///
/// Stragglers: when the main process has ended, what is left of its process group (and of its cgroup, if it has one) is killed.
class Attempt {
 public:
  enum class Phase { starting, running, stopping, killed, draining, ended };
  enum class Stream : std::uint8_t { out = 0, err = 1 };
  static constexpr std::array<Stream, 2> kStreams{Stream::out, Stream::err};
  enum class ReadResult { idle, more, spool_full };

  /// Prepares the start of the process; if that is not possible the attempt has ended already, with the reason.
  /// `for_ready_child`: in the group where one waits.
  Attempt(ports::LaunchSpec spec, AttemptHost& host, bool for_ready_child);
  /// Never started: ended with `reason`.
  Attempt(const AttemptRef& ref, EndReason reason, std::string detail);

  [[nodiscard]] const AttemptRef& ref() const { return ended_.ref; }
  [[nodiscard]] Phase phase() const { return phase_; }
  [[nodiscard]] bool has_ended() const { return phase_ == Phase::ended; }
  [[nodiscard]] pid_t pid() const { return pid_; }  ///< 0: was never started
  [[nodiscard]] std::int64_t started_ms() const { return ended_.started_ms; }
  /// Call on_deadline() then.
  [[nodiscard]] std::optional<Instant> deadline() const;
  /// -1 when it is at its end.
  [[nodiscard]] int pipe(Stream stream) const { return channel(stream).pipe.get(); }
  [[nodiscard]] const SpooledStream& output(Stream stream) const { return channel(stream).spooled; }
  /// The result, with the sizes of the output; only when has_ended().
  [[nodiscard]] const ports::DriverEnded& ended() const { return ended_; }

  /// What take_order() would give; nullptr: nothing.
  [[nodiscard]] const SpawnSpec* order() const { return order_ ? &*order_ : nullptr; }
  /// What to spawn; asked once, and answered by on_spawned(). None: it has ended meanwhile.
  [[nodiscard]] std::optional<SpawnSpec> take_order(AttemptHost& host);
  /// It is not wanted any more, and its order was not taken.
  void give_up(AttemptHost& host);
  void on_spawned(Result<Spawned> spawned, Instant now, AttemptHost& host);

  /// Spools what the pipe holds, within a turn's share. With spool_full call again when there may be room; nothing is lost meanwhile,
  /// the task waits in write(2).
  [[nodiscard]] ReadResult read_output(Stream stream, AttemptHost& host);
  void stop(ports::Driver::StopMode mode, Instant now);
  /// Gives the grace at most `limit`: the keeper itself is about to go.
  void limit_grace(Duration limit);
  /// The main process has ended as `info` (of waitid) says, and is not reaped yet: its process group still is its own.
  void on_exit(const siginfo_t& info, Instant now, AttemptHost& host);
  void on_deadline(Instant now, AttemptHost& host);
  /// How long it may run on without its scheduler; zero: as long as it wants.
  void set_leash(Duration stop_after) { stop_after_ = std::min(stop_after, limits::kDeadlineMax); }
  /// Since when it is without; nullopt: it is not.  False: that is nothing to this attempt.
  [[nodiscard]] bool set_alone_since(std::optional<Instant> since);

  [[nodiscard]] ReportLines read_report(const AttemptHost& host);
  [[nodiscard]] ReportReader& report() { return report_; }

  /// Gives back spool and report file; nothing may be asked of the attempt afterwards.
  void release(AttemptHost& host);

 private:
  struct Channel {
    UniqueFd pipe;
    SpooledStream spooled;
    Bytes unspooled;  ///< taken from the pipe, not taken by the disk
  };

  [[nodiscard]] Channel& channel(Stream stream) { return channels_[static_cast<std::size_t>(stream)]; }
  [[nodiscard]] const Channel& channel(Stream stream) const { return channels_[static_cast<std::size_t>(stream)]; }
  [[nodiscard]] Status prepare(ports::LaunchSpec spec, AttemptHost& host, bool for_ready_child);
  /// `why`: unavailable  this machine cannot run it now: `refused`, since another may.
  ///        others       the command's fault: `start_failed`.
  void end_unstarted(const Error& why, AttemptHost& host);
  void begin_stop(EndReason cause, Instant now);
  void stop_alone(Instant now);
  void kill_group();
  bool keep(Channel& to, ByteView bytes, AttemptHost& host);
  static void close_pipe(Channel& from, const AttemptHost& host);
  void finish_if_drained(AttemptHost& host);
  void finish(AttemptHost& host);
  void end_unstarted(EndReason reason, std::string detail);

  Phase phase_ = Phase::starting;
  std::optional<SpawnSpec> order_;                              ///< until it is taken
  std::optional<ports::Driver::StopMode> stop_wanted_;          ///< while it is starting
  pid_t pid_ = 0;
  Duration timeout_{0};
  Duration kill_grace_{0};
  std::optional<Instant> deadline_;
  Duration stop_after_{0};
  std::optional<Instant> leash_end_;  ///< stopped as lost then, and no earlier cause counts any more
  std::array<Channel, 2> channels_;
  std::uint64_t spooled_bytes_ = 0;  ///< both streams, the marker left out
  std::uint64_t dropped_bytes_ = 0;
  TaskCgroup cgroup_;
  ReportReader report_;
  ports::DriverEnded ended_;
};

}  // namespace stint::exec
