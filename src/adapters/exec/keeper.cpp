#include "adapters/exec/keeper.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <csignal>

#include "adapters/exec/standing.hpp"
#include "adapters/exec/system.hpp"
#include "base/assert.hpp"

namespace stint::exec {
namespace {

std::string name_of(const AttemptRef& ref) {
  std::string name = report_name(ref);
  name.erase(name.rfind('.'));
  return name;
}

std::size_t index_of(Attempt::Stream stream) { return static_cast<std::size_t>(stream); }

/// Removes report files of attempts that died with an earlier keeper: nothing is held at a start.
void remove_stale_reports(int run_dir) {
  DIR* const listing = ::fdopendir(::fcntl(run_dir, F_DUPFD_CLOEXEC, 0));
  if (listing == nullptr) return;
  while (const dirent* entry = ::readdir(listing)) {
    if (parse_report_name(entry->d_name)) ::unlinkat(run_dir, entry->d_name, 0);
  }
  ::closedir(listing);
}

}  // namespace

Result<std::unique_ptr<Keeper>> Keeper::make(StateDir state, UniqueFd listener, UniqueFd lock, Log& log, KeeperOptions options) {
  STINT_TRY(Epoll epoll, Epoll::make());
  STINT_TRY(Spool spool, Spool::open(state));
  std::unique_ptr<Keeper> keeper{new Keeper{std::move(state), std::move(lock), log, options, std::move(epoll), std::move(spool)}};
  STINT_TRY_VOID(keeper->set_up(std::move(listener)));
  return keeper;
}

Keeper::Keeper(StateDir state, UniqueFd lock, Log& log, KeeperOptions options, Epoll epoll, Spool spool)
    : state_(std::move(state)),
      lock_(std::move(lock)),
      log_(log),
      options_(options),
      epoll_(std::move(epoll)),
      spool_(std::move(spool)),
      cgroups_(Cgroups::find(state_)),
      host_{state_, spool_, cgroups_, epoll_, {}, {}, {}} {}

Status Keeper::set_up(UniqueFd listener) {
  listener_ = std::move(listener);
  host_.null_file = UniqueFd{::open("/dev/null", O_RDONLY | O_CLOEXEC)};
  if (!host_.null_file) return fail_errno("/dev/null", errno);
  STINT_TRY(host_.run_dir, state_.open_dir("run"));
  remove_stale_reports(host_.run_dir.get());

  ::getrlimit(RLIMIT_NOFILE, &host_.open_files);
  const rlimit raised{host_.open_files.rlim_max, host_.open_files.rlim_max};
  ::setrlimit(RLIMIT_NOFILE, &raised);  // two pipes for each task
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);   // orphans of a task stay below us, where the guard finds them

  sigset_t signals;
  ::sigemptyset(&signals);
  for (const int each : {SIGCHLD, SIGTERM, SIGINT}) ::sigaddset(&signals, each);
  ::sigprocmask(SIG_BLOCK, &signals, nullptr);
  signals_ = UniqueFd{::signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC)};
  inotify_ = UniqueFd{::inotify_init1(IN_NONBLOCK | IN_CLOEXEC)};
  if (!signals_) return fail_errno("signalfd", errno);
  STINT_TRY_VOID(spawner_.open());
  const std::string run = state_.path() + "/run";
  if (!inotify_ || ::inotify_add_watch(inotify_.get(), run.c_str(), IN_MODIFY | IN_CREATE | IN_MOVED_TO) < 0) {
    log_.warn("cannot watch " + run + " (" + errno_text(errno) + "): report lines are read when a task ends");
    inotify_.reset();
  }
  if (!epoll_.add(listener_.get(), EPOLLIN, tag(Source::listener)) || !epoll_.add(signals_.get(), EPOLLIN, tag(Source::signal)) ||
      !epoll_.add(spawner_.event_fd(), EPOLLIN, tag(Source::spawner)) ||
      (inotify_ && !epoll_.add(inotify_.get(), EPOLLIN, tag(Source::inotify)))) {
    return fail_errno("epoll", errno);
  }
  for (const std::string& note : cgroups_.notes()) log_.warn(note);
  return {};
}

void Keeper::run() {
  idle_since_ = now_boottime();
  for (;;) {
    spawn_waiting();
    tell_in_time(now_boottime());
    flush_connections();
    if (shutdown_until_ && (!has_tasks() || now_boottime() >= *shutdown_until_)) break;
    if (idle_since_ && now_boottime() - *idle_since_ >= options_.idle_exit) break;
    if (waiting_.empty() && !shutdown_until_ && spawner_.lacks_ready()) spawner_.make_ready(cgroups_.reserve());
    epoll_.set_timer(next_moment());
    const auto events = epoll_.wait(Epoll::Wait::yes);
    const Instant now = now_boottime();
    for (const epoll_event& event : events) on_event(event.data.u64, event.events, now);
    on_time(now);
    const bool idle = is_idle();
    if (!idle) idle_since_.reset();
    if (idle && !idle_since_) idle_since_ = now;
  }
  log_.info(shutdown_until_ ? "told to end: no task is left" : "idle without an agent: nothing is held that one could come for");
  spawner_.end();
  cgroups_.remove_all();
}

/// No agent, and nothing is held; or only ended tasks are, for an agent that cannot come since the state directory was removed.
bool Keeper::is_idle() const {
  if (agent_ != 0) return false;
  return held_.empty() || (!has_tasks() && !state_.is_there());
}

bool Keeper::has_tasks() const { return !by_pid_.empty() || !deadlines_.empty() || !waiting_.empty() || !spawning_.empty(); }

std::optional<Instant> Keeper::next_moment() const {
  std::optional<Instant> next;
  const auto consider = [&](std::optional<Instant> at) {
    if (at && (!next || *at < *next)) next = at;
  };
  if (!deadlines_.empty()) consider(deadlines_.begin()->first);
  consider(spool_retry_);
  consider(tell_at_);
  consider(shutdown_until_);
  if (idle_since_) consider(*idle_since_ + options_.idle_exit);
  if (!idle_since_ && agent_ == 0 && by_pid_.empty())
    consider(now_boottime() + std::max<Duration>(options_.idle_exit, limits::kStateDirLook));  // is the directory still there?
  for (const auto& [number, connection] : connections_) {
    if (!connection.role) consider(connection.since + limits::kHelloWithin);
  }
  return next;
}

void Keeper::on_time(Instant now) {
  while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
    const Number number = deadlines_.begin()->second;
    Held& held = held_.at(number);
    held.attempt->on_deadline(now, host_);
    changed(number, held);
  }
  if (spool_retry_ && *spool_retry_ <= now) retry_spool();
  for (auto& [number, connection] : connections_) {
    if (!connection.role && !connection.closing && connection.since + limits::kHelloWithin <= now) refuse(connection, "no hello");
  }
}

void Keeper::on_event(std::uint64_t event_tag, std::uint32_t events, Instant now) {
  const Number number = number_of(event_tag);
  switch (source_of(event_tag)) {
    case Source::listener: accept_connections(now); break;
    case Source::signal: {
      signalfd_siginfo info{};
      while (::read(signals_.get(), &info, sizeof info) == sizeof info) {
        if (info.ssi_signo != SIGCHLD) begin_shutdown(now);
      }
      on_children(now);
      break;
    }
    case Source::inotify: on_reports(); break;
    case Source::spawner: on_outcomes(now); break;
    case Source::connection: on_connection(number, events, now); break;
    case Source::out:
    case Source::err: {
      const auto at = held_.find(number);
      const auto stream = source_of(event_tag) == Source::out ? Attempt::Stream::out : Attempt::Stream::err;
      if (at != held_.end() && !at->second.paused[index_of(stream)]) read_output(number, at->second, stream);
      break;
    }
  }
}

// --- attempts

void Keeper::start(ports::LaunchSpec spec) {
  if (by_ref_.contains(spec.ref)) return;  // said twice; what became of it was or will be told
  hold(next_number_++, make_attempt(std::move(spec)));
}

std::unique_ptr<Attempt> Keeper::make_attempt(ports::LaunchSpec spec) {
  if (shutdown_until_) return std::make_unique<Attempt>(spec.ref, EndReason::refused, "the keeper is ending");
  if (held_.size() >= limits::kAttemptsMax) {
    return std::make_unique<Attempt>(
        spec.ref, EndReason::refused,
        "the keeper holds " + std::to_string(held_.size()) + " attempts, limit " + std::to_string(limits::kAttemptsMax));
  }
  return std::make_unique<Attempt>(std::move(spec), host_, spawner_.has_ready());
}

void Keeper::hold(Number number, std::unique_ptr<Attempt> attempt) {
  by_ref_[attempt->ref()] = number;
  Held& held = held_[number];
  held.attempt = std::move(attempt);
  if (!held.attempt->has_ended() && !spawning_.contains(number)) waiting_.push_back(number);
  changed(number, held);
}

/// One alone is started here and now, unless a child is ready for it: another thread would take it up later. Many are left to the spawner,
/// a few at a time.
void Keeper::spawn_waiting() {
  const bool is_alone = waiting_.size() == 1 && spawning_.empty();
  while (!waiting_.empty() && spawning_.size() < limits::kSpawnsAtOnce) {
    const Number number = waiting_.front();
    waiting_.pop_front();
    Held& held = held_.at(number);
    auto order = held.attempt->take_order(host_);
    if (!order) {
      changed(number, held);
    } else if (is_alone && !spawner_.is_ready_for(*order)) {
      const StandsBack stands_back;
      on_spawned(number, spawn(*order), now_boottime());
    } else {
      spawning_.insert(number);
      spawner_.order(number, std::move(*order));
    }
  }
}

void Keeper::on_spawned(Number number, Result<Spawned> spawned, Instant now) {
  const auto at = held_.find(number);
  if (at == held_.end()) return on_unprepared(number, std::move(spawned), now);
  Held& held = at->second;
  held.attempt->on_spawned(std::move(spawned), now, host_);
  if (!held.attempt->has_ended()) by_pid_[held.attempt->pid()] = number;
  for (const Attempt::Stream stream : Attempt::kStreams) watch(number, held, stream);
  changed(number, held);
}

void Keeper::on_outcomes(Instant now) {
  for (auto& [number, spawned] : spawner_.take_outcomes()) {
    spawning_.erase(number);
    on_spawned(number, std::move(spawned), now);
  }
  if (stranger_) on_children(now);
}

void Keeper::watch(Number number, const Held& held, Attempt::Stream stream) {
  const int fd = held.attempt->pipe(stream);
  if (fd >= 0) epoll_.add(fd, EPOLLIN, tag(stream == Attempt::Stream::out ? Source::out : Source::err, number));
}

void Keeper::read_output(Number number, Held& held, Attempt::Stream stream) {
  bool& paused = held.paused[index_of(stream)];
  const bool was_paused = paused;
  paused = held.attempt->read_output(stream, host_) == Attempt::ReadResult::spool_full;
  if (paused && !was_paused) {
    if (const int fd = held.attempt->pipe(stream); fd >= 0) epoll_.remove(fd);  // it would be readable all the time
    if (!spool_retry_) log_.warn("the spool's disk is full: tasks that write wait until there is room");
    spool_retry_ = now_boottime() + limits::kSpoolRetry;
  } else if (!paused && was_paused) {
    watch(number, held, stream);
  }
  changed(number, held);
}

void Keeper::retry_spool() {
  spool_retry_.reset();
  bool still_full = false;
  for (auto& [number, held] : held_) {
    for (const Attempt::Stream stream : Attempt::kStreams) {
      if (!held.paused[index_of(stream)]) continue;
      if (!still_full) read_output(number, held, stream);
      still_full |= held.paused[index_of(stream)];
    }
  }
  if (still_full) spool_retry_ = now_boottime() + limits::kSpoolRetry;
}

void Keeper::on_children(Instant now) {
  for (;;) {
    siginfo_t info{};
    if (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0) return;
    const auto at = by_pid_.find(info.si_pid);
    if (at != by_pid_.end()) {
      const Number number = at->second;
      Held& held = held_.at(number);
      by_pid_.erase(at);
      if (stranger_ && stranger_->first == info.si_pid) stranger_.reset();
      held.attempt->on_exit(info, now, host_);
      ::waitpid(info.si_pid, nullptr, 0);
      changed(number, held);
    } else if (may_be_ours(info.si_pid)) {
      return;  // on_outcomes() comes back
    } else {
      ::waitpid(info.si_pid, nullptr, 0);  // a task's orphan, of which we are the subreaper
    }
  }
}

/// A task may end before its spawner has said how it is called.
bool Keeper::may_be_ours(pid_t stranger) {
  const bool is_new = !stranger_ || stranger_->first != stranger;
  if (is_new && !spawning_.empty()) stranger_ = {stranger, *spawning_.rbegin()};
  if (!spawning_.empty() && *spawning_.begin() <= stranger_->second) return true;
  stranger_.reset();
  return false;
}

void Keeper::on_reports() {
  alignas(inotify_event) std::array<char, 16384> buffer;
  for (;;) {
    const ssize_t n = ::read(inotify_.get(), buffer.data(), buffer.size());
    if (n <= 0) return;
    for (ssize_t at = 0; at < n;) {
      const auto* event = reinterpret_cast<const inotify_event*>(buffer.data() + at);
      at += static_cast<ssize_t>(sizeof(inotify_event) + event->len);
      if ((event->mask & IN_Q_OVERFLOW) != 0) {
        for (auto& [number, held] : held_) on_report(number, held);
      } else if (const auto ref = event->len > 0 ? parse_report_name(event->name) : std::nullopt) {
        if (const auto held = by_ref_.find(*ref); held != by_ref_.end()) on_report(held->second, held_.at(held->second));
      }
    }
  }
}

void Keeper::on_report(Number number, Held& held) {
  held.report_changed = true;
  changed(number, held);
}

void Keeper::release(const AttemptRef& ref) {
  if (prepared_ && prepared_->attempt->ref() == ref) return forget_prepared();
  const auto at = by_ref_.find(ref);
  if (at == by_ref_.end()) return;
  const auto held = held_.find(at->second);
  if (!held->second.attempt->has_ended()) {
    log_.warn("release of " + name_of(ref) + ", which has not ended: ignored");
    return;
  }
  held->second.attempt->release(host_);
  if (held->second.deadline) deadlines_.erase({*held->second.deadline, at->second});
  held_.erase(held);
  by_ref_.erase(at);
}

void Keeper::begin_shutdown(Instant now) {
  if (shutdown_until_) return;
  forget_prepared();
  shutdown_until_ = now + limits::kShutdownGrace + 2 * limits::kDrain;
  for (auto& [number, held] : held_) {
    held.attempt->limit_grace(limits::kShutdownGrace);
    held.attempt->stop(ports::Driver::StopMode::graceful, now);
    changed(number, held);
  }
}

/// Keeps deadlines_ as the attempt has it, and puts it on the list of those with something to tell.
void Keeper::changed(Number number, Held& held) {
  if (held.deadline != held.attempt->deadline()) {
    if (held.deadline) deadlines_.erase({*held.deadline, number});
    held.deadline = held.attempt->deadline();
    if (held.deadline) deadlines_.emplace(*held.deadline, number);
  }
  if (!std::exchange(held.is_dirty, true)) dirty_.push_back(number);
}

}  // namespace stint::exec
