#include "adapters/exec/attempt.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>

#include "adapters/exec/limits.hpp"
#include "adapters/exec/system.hpp"
#include "base/assert.hpp"

namespace stint::exec {
namespace {

constexpr const char* kReportVariable = "STINT_REPORT";

/// `90 s`, `1500 ms`.
std::string show_limit(Duration limit) {
  const std::int64_t ms = to_ms(limit);
  return ms % 1000 == 0 ? std::to_string(ms / 1000) + " s" : std::to_string(ms) + " ms";
}

/// The submitter's directory as this machine sees it: the same inode on the same boot, or at least a directory of that name.
/// Errors: unavailable  another agent may see it.
Result<UniqueFd> open_workdir(const ports::LaunchSpec& spec) {
  const std::string path = spec.workdir.empty() ? "/" : spec.workdir;
  UniqueFd dir{::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)};
  if (!dir) return fail(Errc::unavailable, "directory " + path + ": " + errno_text(errno));
  struct stat status{};
  if (spec.submit_boot_id == boot_id() && spec.workdir_inode != 0 &&
      (::fstat(dir.get(), &status) != 0 || status.st_ino != spec.workdir_inode)) {
    return fail(Errc::unavailable, "directory " + path + ": not the one the job was submitted from (inode " +
                                       std::to_string(status.st_ino) + ", submitted from inode " + std::to_string(spec.workdir_inode) +
                                       ")");
  }
  return dir;
}

}  // namespace

Attempt::Attempt(ports::LaunchSpec spec, AttemptHost& host, bool for_ready_child)
    : timeout_(std::min(spec.timeout, limits::kDeadlineMax)), kill_grace_(std::min(spec.kill_grace, limits::kDeadlineMax)) {
  ended_.ref = spec.ref;
  if (const Status prepared = prepare(std::move(spec), host, for_ready_child); !prepared) end_unstarted(prepared.error(), host);
}

Attempt::Attempt(const AttemptRef& ref, EndReason reason, std::string detail) {
  ended_.ref = ref;
  end_unstarted(reason, std::move(detail));
}

Status Attempt::prepare(ports::LaunchSpec spec, AttemptHost& host, bool for_ready_child) {
  STINT_TRY(UniqueFd workdir, open_workdir(spec));
  auto cgroup = host.cgroups.make(spec.resources, for_ready_child);
  if (!cgroup) return fail(Errc::unavailable, cgroup.error().detail);
  cgroup_ = std::move(*cgroup);
  std::erase_if(spec.env, [](const auto& entry) { return entry.first == kReportVariable; });
  spec.env.emplace_back(kReportVariable, host.state.path() + "/run/" + report_name(spec.ref));
  order_.emplace(SpawnSpec{std::move(spec.command), std::move(spec.env), std::move(workdir), host.null_file.get(), cgroup_.number(),
                           cgroup_.entries(), cgroup_.limits_memory(), host.open_files});
  return {};
}

std::optional<SpawnSpec> Attempt::take_order(AttemptHost& host) {
  if (stop_wanted_) give_up(host);
  return std::exchange(order_, std::nullopt);
}

void Attempt::give_up(AttemptHost& host) {
  if (has_ended()) return;
  host.cgroups.remove(std::move(cgroup_));
  order_.reset();
  end_unstarted(EndReason::cancelled, "stopped before it was started");
}

void Attempt::on_spawned(Result<Spawned> spawned, Instant now, AttemptHost& host) {
  STINT_ASSERT(phase_ == Phase::starting);
  if (!spawned) return end_unstarted(spawned.error(), host);
  phase_ = Phase::running;
  pid_ = spawned->pid;
  ended_.started_ms = spawned->started_ms;
  channel(Stream::out).pipe = std::move(spawned->out);
  channel(Stream::err).pipe = std::move(spawned->err);
  if (timeout_ > Duration::zero()) deadline_ = now + timeout_;
  if (stop_wanted_) stop(*stop_wanted_, now);
}

void Attempt::end_unstarted(const Error& why, AttemptHost& host) {
  host.cgroups.remove(std::move(cgroup_));
  end_unstarted(why.code == Errc::unavailable ? EndReason::refused : EndReason::start_failed, why.detail);
}

void Attempt::end_unstarted(EndReason reason, std::string detail) {
  phase_ = Phase::ended;
  ended_.reason = reason;
  ended_.detail = std::move(detail);
  ended_.ended_ms = now_unix_ms();
  ended_.started_ms = 0;
}

Attempt::ReadResult Attempt::read_output(Stream stream, AttemptHost& host) {
  static std::array<std::uint8_t, limits::kOutputChunk> buffer;  // one keeper, one thread
  Channel& from = channel(stream);
  if (!from.unspooled.empty() && !keep(from, Bytes{std::move(from.unspooled)}, host)) return ReadResult::spool_full;
  for (int chunk = 0; chunk < limits::kChunksPerTurn; ++chunk) {
    if (!from.pipe) {
      finish_if_drained(host);
      return ReadResult::idle;
    }
    const ssize_t n = ::read(from.pipe.get(), buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return ReadResult::idle;
    if (n <= 0) {
      close_pipe(from, host);
      continue;
    }
    if (!keep(from, {buffer.data(), static_cast<std::size_t>(n)}, host)) return ReadResult::spool_full;
  }
  return ReadResult::more;
}

/// False if the disk is full; the rest is held until the next try.
bool Attempt::keep(Channel& to, ByteView bytes, AttemptHost& host) {
  const std::uint64_t room = limits::kSpoolPerAttempt - std::min(spooled_bytes_, limits::kSpoolPerAttempt);
  const ByteView within = bytes.first(std::min<std::size_t>(bytes.size(), room));
  const std::size_t kept = host.spool.append(to.spooled, within);
  spooled_bytes_ += kept;
  if (kept < within.size()) {
    to.unspooled.assign(bytes.begin() + static_cast<std::ptrdiff_t>(kept), bytes.end());
    return false;
  }
  to.unspooled.clear();
  if (within.size() < bytes.size()) {
    if (dropped_bytes_ == 0) {
      const std::string marker =
          "\n[stint: output limit of " + std::to_string(limits::kSpoolPerAttempt) + " bytes per attempt reached, the rest is dropped]\n";
      static_cast<void>(host.spool.append(to.spooled, as_bytes(marker)));
    }
    dropped_bytes_ += bytes.size() - within.size();
  }
  return true;
}

void Attempt::stop(ports::Driver::StopMode mode, Instant now) {
  if (phase_ == Phase::draining || phase_ == Phase::ended) return;
  if (phase_ == Phase::starting) {
    if (stop_wanted_ != ports::Driver::StopMode::kill) stop_wanted_ = mode;
    return;
  }
  if (mode == ports::Driver::StopMode::kill) kill_grace_ = Duration::zero();
  if (phase_ == Phase::running || kill_grace_ == Duration::zero()) begin_stop(EndReason::cancelled, now);
}

void Attempt::limit_grace(Duration limit) { kill_grace_ = std::min(kill_grace_, limit); }

/// The first cause is the one that counts: a task that is cancelled while its timeout is being enforced has timed out.
void Attempt::begin_stop(EndReason cause, Instant now) {
  if (ended_.reason == EndReason::exit) ended_.reason = cause;
  if (kill_grace_ <= Duration::zero()) {
    phase_ = Phase::killed;
    deadline_.reset();
    kill_group();
    return;
  }
  phase_ = Phase::stopping;
  deadline_ = now + kill_grace_;
  ::kill(-pid_, SIGTERM);
  ::kill(-pid_, SIGCONT);  // a stopped process would not see it
}

void Attempt::kill_group() {
  ::kill(-pid_, SIGKILL);
  cgroup_.kill_all();
}

void Attempt::on_exit(const siginfo_t& info, Instant now, AttemptHost& host) {
  const bool by_itself = info.si_code == CLD_EXITED;
  if (by_itself) {
    ended_.exit_code = info.si_status;
  } else {
    ended_.signal = info.si_status;
  }
  if (ended_.reason == EndReason::exit && !(by_itself && info.si_status == 0) && cgroup_.oom_kills() > 0) {
    ended_.reason = EndReason::oom;  // also when a shell reports its child's death as 137
    ended_.detail = "killed by the kernel at the task's memory limit";
  } else if (ended_.reason == EndReason::exit && !by_itself) {
    ended_.reason = EndReason::signal;
  }
  ended_.ended_ms = now_unix_ms();
  kill_group();
  phase_ = Phase::draining;
  deadline_ = now + limits::kDrain;
  for (const Stream stream : kStreams) static_cast<void>(read_output(stream, host));
  finish_if_drained(host);
}

std::optional<Instant> Attempt::deadline() const {
  if (phase_ == Phase::starting) return std::nullopt;
  if (!leash_end_ || phase_ == Phase::draining || phase_ == Phase::ended || phase_ == Phase::killed) return deadline_;
  return deadline_ ? std::min(*deadline_, *leash_end_) : *leash_end_;
}

bool Attempt::set_alone_since(std::optional<Instant> since) {
  if (stop_after_ <= Duration::zero() || has_ended()) return false;
  leash_end_.reset();
  if (since) leash_end_ = *since + stop_after_;
  return true;
}

/// The scheduler starts another attempt one lease after the same time, as far as it knows: this one must have gone by then.
void Attempt::stop_alone(Instant now) {
  const Instant last = *leash_end_ + limits::kLeashKill;
  leash_end_.reset();
  if (phase_ == Phase::running)
    ended_.detail = "no session with the scheduler for " + std::to_string(to_ms(stop_after_)) + " ms (stop_after)";
  const Duration left = std::max(last - now, Duration::zero());
  if (phase_ == Phase::stopping) {
    deadline_ = std::min(*deadline_, now + left);
    return;
  }
  kill_grace_ = std::min(kill_grace_, left);
  begin_stop(EndReason::lost, now);
}

void Attempt::on_deadline(Instant now, AttemptHost& host) {
  const bool may_be_stopped = phase_ == Phase::running || phase_ == Phase::stopping;
  if (may_be_stopped && leash_end_ && *leash_end_ <= now) stop_alone(now);
  if (!deadline_ || *deadline_ > now) return;
  switch (phase_) {
    case Phase::running:
      ended_.detail = "timed out after " + show_limit(timeout_);
      begin_stop(EndReason::timeout, now);
      break;
    case Phase::stopping:
      kill_grace_ = Duration::zero();
      begin_stop(ended_.reason, now);
      break;
    case Phase::draining: {
      bool waits_for_disk = false;
      for (const Stream stream : kStreams) waits_for_disk |= read_output(stream, host) == ReadResult::spool_full;
      if (has_ended()) break;
      if (waits_for_disk) {
        deadline_ = now + limits::kDrain;
        break;
      }
      finish(host);
      break;
    }
    case Phase::starting:
    case Phase::killed:
    case Phase::ended: deadline_.reset(); break;
  }
}

/// Closing alone would not end the watch: a child that has not come to exec yet holds a copy, and the pipe would be readable all the time.
void Attempt::close_pipe(Channel& from, const AttemptHost& host) {
  if (!from.pipe) return;
  host.epoll.remove(from.pipe.get());
  from.pipe.reset();
}

void Attempt::finish_if_drained(AttemptHost& host) {
  if (phase_ != Phase::draining) return;
  for (const Channel& each : channels_) {
    if (each.pipe || !each.unspooled.empty()) return;
  }
  finish(host);
}

void Attempt::finish(AttemptHost& host) {
  phase_ = Phase::ended;
  deadline_.reset();
  for (Channel& each : channels_) close_pipe(each, host);
  ended_.stdout_bytes = output(Stream::out).size();
  ended_.stderr_bytes = output(Stream::err).size();
  if (dropped_bytes_ > 0) {
    if (!ended_.detail.empty()) ended_.detail += "; ";
    ended_.detail +=
        std::to_string(dropped_bytes_) + " bytes of output over the limit of " + std::to_string(limits::kSpoolPerAttempt) + " dropped";
  }
  host.cgroups.remove(std::move(cgroup_));
}

ReportLines Attempt::read_report(const AttemptHost& host) {
  const auto until = has_ended() ? ReportReader::Until::end_of_file : ReportReader::Until::last_line_end;
  return report_.read(host.run_dir.get(), report_name(ref()).c_str(), until);
}

void Attempt::release(AttemptHost& host) {
  STINT_ASSERT(has_ended());
  for (Channel& each : channels_) host.spool.release(each.spooled);
  ::unlinkat(host.run_dir.get(), report_name(ref()).c_str(), 0);
}

}  // namespace stint::exec
