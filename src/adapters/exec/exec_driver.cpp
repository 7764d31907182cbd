#include "adapters/exec/exec_driver.hpp"

#include <algorithm>

#include "adapters/exec/keeper_launch.hpp"
#include "adapters/exec/system.hpp"

namespace stint::exec {
namespace {

constexpr std::uint64_t kSocketTag = 1;

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};
template <class... F>
Overloaded(F...) -> Overloaded<F...>;

/// At least what the message takes.
std::size_t size_of(const ports::LaunchSpec& spec) {
  std::size_t size = 1024 + spec.workdir.size() + 4 * spec.gpus.size();
  for (const std::string& argument : spec.command) size += 4 + argument.size();
  for (const auto& [name, value] : spec.env) size += 8 + name.size() + value.size();
  return size;
}

}  // namespace

Result<std::unique_ptr<ExecDriver>> ExecDriver::make(const ExecDriverOptions& options, Log& log) {
  STINT_TRY(StateDir state, StateDir::open(options.state_dir));
  STINT_TRY(Epoll epoll, Epoll::make());
  std::unique_ptr<ExecDriver> driver{new ExecDriver{std::move(state), options.keeper_binary, std::move(epoll), log}};
  driver->retry_at_ = now_boottime();
  driver->arm_timer();
  return driver;
}

// --- what the agent asks for

void ExecDriver::start(ports::LaunchSpec spec) {
  if (!is_ready_) return log_.warn("the keeper is away: an attempt was not started");
  if (const std::size_t size = size_of(spec); size > limits::kMessageMax) {
    ports::DriverEnded ended;
    ended.ref = spec.ref;
    ended.reason = EndReason::start_failed;
    ended.ended_ms = now_unix_ms();
    ended.detail = "command and environment of " + std::to_string(size) + " bytes, limit " + std::to_string(limits::kMessageMax);
    events_.emplace_back(std::move(ended));
    return arm_timer();
  }
  const message::Leash leash{spec.ref, spec.stop_after};
  if (prepared_ == spec.ref) {
    send(message::Proceed{spec.ref});
    prepared_.reset();
  } else {
    send(message::Start{std::move(spec)});
  }
  if (leash.stop_after > Duration::zero() && knows_leash()) send(leash);
}

void ExecDriver::prepare(const ports::LaunchSpec& spec) {
  if (!is_ready_ || !knows_prepare() || size_of(spec) > limits::kMessageMax) return;
  send(message::Prepare{spec});
  prepared_ = spec.ref;
}

void ExecDriver::set_alone_since(Instant since) {
  alone_ = message::Alone{std::max<std::int64_t>(1, since.time_since_epoch().count())};
  if (knows_leash()) send(*alone_);
}

void ExecDriver::stop(const AttemptRef& ref, StopMode mode) { send(message::Stop{ref, mode}); }

void ExecDriver::request_output(const AttemptRef& ref, std::uint8_t stream, std::uint64_t offset, std::size_t max_bytes) {
  send(message::RequestOutput{ref, stream, offset, max_bytes});
}

void ExecDriver::release(const AttemptRef& ref) {
  if (prepared_ == ref) prepared_.reset();
  send(message::Release{ref});
}

std::vector<std::string> ExecDriver::notes() const {
  std::vector<std::string> notes = keeper_notes_;
  if (!trouble_.empty()) notes.push_back("no task can run: " + trouble_);
  return notes;
}

std::vector<ports::DriverEvent> ExecDriver::take_events() {
  for (const message::ReportSeen& seen : std::exchange(handed_out_, {})) send(seen);
  if (stream_) receive();
  if (!stream_ && retry_at_ && *retry_at_ <= now_boottime()) reach_keeper();
  flush();
  std::vector<ports::DriverEvent> events = std::exchange(events_, {});
  arm_timer();
  return events;
}

// --- the connection

void ExecDriver::reach_keeper() {
  retry_at_.reset();
  if (auto socket = state_.connect()) return greet(std::move(*socket));
  auto socket = start_keeper();
  if (!socket) return try_later(socket.error().detail);
  greet(std::move(*socket));
}

/// Starts a keeper if there is none: whoever gets the lock knows that nothing of an earlier one runs any more.
Result<UniqueFd> ExecDriver::start_keeper() {
  STINT_TRY(auto lock, state_.try_lock());
  if (!lock) return fail(Errc::unavailable, "a keeper is starting or ending");
  if (std::exchange(was_ready_, false)) {
    events_.emplace_back(ports::DriverGone{"the keeper (pid " + std::to_string(keeper_.pid) + ") died, and its tasks with it"});
  }
  STINT_TRY(UniqueFd listener, state_.listen());
  STINT_TRY_VOID(launch_keeper(binary_, state_, std::move(*lock), std::move(listener)));
  return state_.connect();
}

void ExecDriver::greet(UniqueFd socket) {
  stream_.emplace(std::move(socket));
  wants_write_ = false;
  epoll_.add(stream_->fd(), EPOLLIN, kSocketTag);
  stream_->send(message::Hello{});
}

void ExecDriver::disconnect(const std::string& why) {
  stream_.reset();
  prepared_.reset();
  attaching_.clear();
  if (std::exchange(is_ready_, false)) log_.warn("connection to the keeper lost: " + why);
  try_later(trouble_.empty() ? why : std::string{trouble_});
}

void ExecDriver::try_later(const std::string& why) {
  trouble_ = why;
  retry_at_ = now_boottime() + retry_delay_;
  retry_delay_ = std::min(2 * retry_delay_, limits::kRetryMax);
}

void ExecDriver::receive() {
  const auto received = stream_->receive();
  for (;;) {
    auto message = stream_->take();
    if (!message) return disconnect(message.error().detail);
    if (!*message) break;
    on_message(std::move(**message));
  }
  if (!received) disconnect(received.error().detail);
}

void ExecDriver::on_message(Message message) {
  std::visit(Overloaded{
                 [&](message::Welcome& m) {
                   keeper_ = std::move(m.keeper);
                   keeper_notes_ = std::move(m.notes);
                   keeper_version_ = m.version;
                   if (!knows_leash())
                     keeper_notes_.emplace_back("its keeper is of an older version: on_disconnect: stop_after is not enforced");
                   trouble_.clear();
                   retry_delay_ = limits::kRetryMin;
                 },
                 [&](message::Refused& m) {
                   log_.error("the keeper refuses: " + m.detail);
                   trouble_ = std::move(m.detail);
                   retry_delay_ = limits::kRetryMax;
                 },
                 [&](ports::DriverHeld& m) { attaching_.emplace_back(m); },
                 [&](ports::DriverReady& m) {
                   std::move(attaching_.begin(), attaching_.end(), std::back_inserter(events_));
                   attaching_.clear();
                   events_.emplace_back(m);
                   is_ready_ = was_ready_ = true;
                   if (alone_ && knows_leash()) send(*alone_);
                 },
                 [&](message::Report& m) {
                   events_.emplace_back(ports::DriverReport{m.ref, std::move(m.lines), m.cut_lines});
                   handed_out_.push_back({m.ref, m.end});
                 },
                 [&](ports::DriverStarted& m) { events_.emplace_back(m); },
                 [&](ports::DriverOutput& m) { events_.emplace_back(std::move(m)); },
                 [&](ports::DriverEnded& m) { events_.emplace_back(std::move(m)); },
                 [&](auto&) { log_.warn("the keeper sent what only agents send: ignored"); },
             },
             message);
}

/// While the keeper is away a request has no one to go to; DriverReady makes the agent compare anyway.
void ExecDriver::send(const Message& message) {
  if (!is_ready_) return;
  stream_->send(message);
  flush();
}

/// A broken connection is noticed by receive(), which takes first what was said before it broke.
void ExecDriver::flush() {
  if (!stream_) return;
  static_cast<void>(stream_->flush());
  const bool wants_write = stream_->unsent() > 0;
  if (wants_write == wants_write_) return;
  wants_write_ = wants_write;
  epoll_.modify(stream_->fd(), wants_write ? EPOLLIN | EPOLLOUT : EPOLLIN, kSocketTag);
}

/// The timer stands in for everything that is not the socket: the next try, events made here, and reports to acknowledge.
void ExecDriver::arm_timer() {
  const bool at_once = !events_.empty() || !handed_out_.empty();
  epoll_.set_timer(at_once ? std::optional{now_boottime()} : retry_at_);
}

}  // namespace stint::exec
