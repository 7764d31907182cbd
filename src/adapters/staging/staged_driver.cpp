#include "adapters/staging/staged_driver.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <variant>

#include "adapters/staging/outputs.hpp"
#include "adapters/staging/transfer.hpp"

namespace stint::staging {
namespace {

using Files = std::vector<FileRef>;

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};
template <class... F>
Overloaded(F...) -> Overloaded<F...>;

std::int64_t now_unix_ms() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

bool has_own_directory(const ports::StageSpec& stage) { return stage.own_directory || stage.inputs || !stage.files.empty(); }

/// Everything an attempt finds when it starts.
Status bring(const ports::StageSpec& stage, const AttemptDir& dir, Checkpoint* checkpoint, Cache& cache, ports::BlobClient& client) {
  STINT_TRY_VOID(dir.make());
  if (stage.inputs) STINT_TRY_VOID(lay_out(stage.inputs, dir.work(), cache, client));
  STINT_TRY_VOID(lay_out(stage.files, dir.work(), cache, client));
  if (stage.needs_inputs) STINT_TRY_VOID(lay_out(stage.needs_inputs, dir.inputs(), cache, client));
  if (stage.is_batch) STINT_TRY_VOID(replace_file(dir.items(), stage.item));
  if (checkpoint != nullptr) STINT_TRY_VOID(checkpoint->fill(stage.checkpoint_from, cache, client));
  return dir.save_stage(stage);
}

/// Where a file lies that was declared as an output, if it was written to the wrong place.
std::string hint_at(const ports::StageSpec& stage, const AttemptDir& dir) {
  const auto misplaced = std::find_if(stage.outputs.begin(), stage.outputs.end(), [&](const std::string& pattern) {
    return !exists(dir.outputs() + "/" + pattern) && exists(dir.work() + "/" + pattern);
  });
  if (misplaced == stage.outputs.end()) return {};
  return "; '" + *misplaced + "' lies in the working directory: write it to \"$STINT_OUTPUTS/" + *misplaced + "\"";
}

Result<Files> take_outputs(const ports::StageSpec& stage, const AttemptDir& dir, ports::BlobClient& client) {
  auto found = find_outputs(dir.outputs(), stage.outputs);
  if (!found) return fail(found.error().code, found.error().detail + hint_at(stage, dir));
  STINT_TRY(auto files, push(*found, client));
  STINT_TRY_VOID(dir.save_left(files));
  return files;
}

}  // namespace

Result<std::unique_ptr<StagedDriver>> StagedDriver::make(ports::Driver& inner, Connect connect, StagedDriverOptions options, Log& log) {
  Fd event_fd{::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)};
  if (!event_fd) return fail_errno("eventfd");
  return std::unique_ptr<StagedDriver>{new StagedDriver{inner, std::move(connect), std::move(options), std::move(event_fd), log}};
}

StagedDriver::StagedDriver(ports::Driver& inner, Connect connect, StagedDriverOptions options, Fd event_fd, Log& log)
    : inner_(inner),
      connect_(std::move(connect)),
      options_(std::move(options)),
      attempts_root_(options_.state_dir + "/attempts"),
      checkpoints_root_(options_.state_dir + "/checkpoints"),
      event_fd_(std::move(event_fd)),
      log_(log),
      cache_(options_.state_dir + "/cache", options_.cache_bytes),
      workers_(limits::kWorkers) {
  find_what_was_left();
}

StagedDriver::~StagedDriver() {
  for (auto& [ref, staged] : staged_) {
    staged.stop->raise();
    staged.ticks_stop->raise();
  }
}

/// Directories of attempts that an earlier process has staged: the inner driver's word will tell which of them are still there.
void StagedDriver::find_what_was_left() {
  for (const auto& ref : AttemptDir::list(attempts_root_)) {
    auto stage = AttemptDir{attempts_root_, ref}.load_stage();
    auto& staged = add(ref, stage ? std::move(*stage) : ports::StageSpec{});
    if (!stage) staged.trouble = stage.error().detail;
    staged.phase = Phase::running;
    staged.is_started = true;
  }
}

StagedDriver::Staged& StagedDriver::add(const AttemptRef& ref, ports::StageSpec stage) {
  Staged staged{AttemptDir{attempts_root_, ref}};
  staged.stage = std::move(stage);
  staged.stop = std::make_shared<StopFlag>();
  staged.ticks_stop = std::make_shared<StopFlag>();
  if (staged.stage.checkpoint) staged.checkpoint = std::make_shared<Checkpoint>(checkpoints_root_, ref);
  return staged_.insert_or_assign(ref, std::move(staged)).first->second;
}

// --- what the agent asks for

void StagedDriver::start(ports::LaunchSpec spec) {
  if (!spec.stage) return inner_.start(std::move(spec));
  const auto ref = spec.ref;
  auto& staged = add(ref, std::move(*spec.stage));
  spec.stage.reset();
  staged.launch = std::move(spec);
  post(ref, staged, [this, stage = staged.stage, dir = staged.dir, checkpoint = staged.checkpoint](const Stop& stop) -> Result<Files> {
    const auto client = reach(stage.token, Patience::endless, stop);
    STINT_TRY_VOID(bring(stage, dir, checkpoint.get(), cache_, *client));
    return Files{};
  });
}

void StagedDriver::stop(const AttemptRef& ref, StopMode mode) {
  const auto found = staged_.find(ref);
  if (found == staged_.end()) return inner_.stop(ref, mode);
  auto& staged = found->second;
  staged.is_stopped = true;
  switch (staged.phase) {
    case Phase::fetching: return fail_to_stage(ref, staged, EndReason::cancelled, "stopped before it was started");
    case Phase::running: return inner_.stop(ref, mode);
    case Phase::told: return;
    case Phase::ending: break;
  }
  const bool has_succeeded = staged.ended->reason == EndReason::exit && staged.ended->exit_code == 0;
  if (!has_succeeded && mode == StopMode::graceful) return staged.stop->raise_in(limits::kStopPatience);  // its checkpoint may get through
  staged.stop->raise();
  if (has_succeeded) {
    tell_stopped(staged);
  } else {
    tell(staged, *staged.ended);
  }
  wake();
}

void StagedDriver::request_output(const AttemptRef& ref, std::uint8_t stream, std::uint64_t offset, std::size_t max_bytes) {
  const auto found = staged_.find(ref);
  if (found == staged_.end() || found->second.is_started) return inner_.request_output(ref, stream, offset, max_bytes);
  auto& requests = found->second.requests;  // asked of the inner driver when it knows the attempt
  std::erase_if(requests, [&](const Request& request) { return request.stream == stream; });
  requests.push_back({stream, offset, max_bytes});
}

void StagedDriver::release(const AttemptRef& ref) {
  const auto found = staged_.find(ref);
  if (found == staged_.end()) return inner_.release(ref);
  auto& staged = found->second;
  if (staged.is_started) inner_.release(ref);
  if (staged.is_gone) return;
  staged.is_released = true;
  staged.stop->raise();
  staged.ticks_stop->raise();
  if (!staged.is_busy) clear(ref, staged);
}

std::vector<ports::DriverEvent> StagedDriver::take_events() {
  std::uint64_t count = 0;
  static_cast<void>(::read(event_fd_.get(), &count, sizeof count));
  std::vector<Done> done;
  {
    const std::lock_guard lock(done_mutex_);
    done.swap(done_);
  }
  for (auto& each : done) on_done(std::move(each));
  for (auto& event : inner_.take_events()) on_inner(std::move(event));
  return std::exchange(events_, {});
}

// --- jobs

void StagedDriver::wake() {
  const std::uint64_t one = 1;
  static_cast<void>(::write(event_fd_.get(), &one, sizeof one));
}

void StagedDriver::post(const AttemptRef& ref, Staged& staged, std::function<Result<Files>(const Stop&)> job) {
  staged.is_busy = true;
  staged.stop = std::make_shared<StopFlag>();
  workers_.post([this, ref, job = std::move(job), stop = staged.stop] {
    Done done{ref, stop->is_raised() ? Result<Files>{fail(Errc::unavailable, "stopped")} : job(stop)};
    {
      const std::lock_guard lock(done_mutex_);
      done_.push_back(std::move(done));
    }
    wake();
  });
}

std::unique_ptr<ports::BlobClient> StagedDriver::reach(const std::string& token, Patience patience, Stop stop) const {
  return connect_(token, patience, [stop = std::move(stop)] { return stop->is_raised(); });
}

void StagedDriver::on_done(Done done) {
  const auto found = staged_.find(done.ref);
  if (found == staged_.end()) return;
  auto& staged = found->second;
  staged.is_busy = false;
  if (staged.is_gone) {
    if (!done.outcome) log_.warn("files of an attempt are left behind: " + done.outcome.error().detail);
    staged_.erase(found);
    return;
  }
  if (staged.is_released) return clear(done.ref, staged);
  if (staged.phase == Phase::fetching) return on_fetched(done.ref, staged, done.outcome);
  if (staged.phase == Phase::ending) return on_pushed(staged, std::move(done.outcome));
}

void StagedDriver::on_fetched(const AttemptRef& ref, Staged& staged, const Result<Files>& outcome) {
  if (!outcome)
    return fail_to_stage(ref, staged, EndReason::stage_failed, "its files could not be brought here: " + outcome.error().detail);
  launch(ref, staged);
}

void StagedDriver::launch(const AttemptRef& ref, Staged& staged) {
  auto spec = std::move(*staged.launch);
  staged.launch.reset();
  if (has_own_directory(staged.stage)) {
    spec.workdir = staged.dir.work();
    spec.submit_boot_id.clear();
    spec.workdir_inode = 0;
  }
  set_variable(spec.env, "STINT_INPUTS", staged.dir.inputs());
  set_variable(spec.env, "STINT_OUTPUTS", staged.dir.outputs());
  if (staged.checkpoint) set_variable(spec.env, "STINT_CHECKPOINT_DIR", staged.checkpoint->path());
  if (staged.stage.is_batch) set_variable(spec.env, "STINT_ITEM", staged.dir.items());
  staged.phase = Phase::running;
  staged.is_started = true;
  inner_.start(std::move(spec));
  for (const auto& request : std::exchange(staged.requests, {}))
    inner_.request_output(ref, request.stream, request.offset, request.max_bytes);
  if (staged.checkpoint) watch_checkpoint(staged.checkpoint, staged.stage.token, staged.ticks_stop);
  staged.is_watched = true;
}

/// Also called by the workers: it knows nothing of `staged_`.
void StagedDriver::watch_checkpoint(std::shared_ptr<Checkpoint> checkpoint, std::string token, Stop stop) {
  auto job = [this, checkpoint = std::move(checkpoint), token = std::move(token), stop = std::move(stop)]() mutable {
    if (stop->is_raised()) return;
    const auto client = reach(token, Patience::brief, stop);
    static_cast<void>(checkpoint->push(*client));  // the next time, or the end, tries again
    watch_checkpoint(std::move(checkpoint), std::move(token), std::move(stop));
  };
  workers_.post(std::move(job), options_.checkpoint_interval);
}

void StagedDriver::sweep_checkpoints() {
  if (!exists(checkpoints_root_)) return;
  std::set<std::string> in_use;
  for (const auto& [ref, staged] : staged_)
    if (staged.checkpoint && !staged.is_gone) in_use.insert(staged.checkpoint->path());
  auto gone = Checkpoint::sweep(checkpoints_root_, in_use);
  if (gone.empty()) return;
  workers_.post([gone = std::move(gone)] {
    for (const auto& path : gone) static_cast<void>(remove_tree(path));
  });
}

// --- what the inner driver says

void StagedDriver::on_inner(ports::DriverEvent event) {
  std::visit(Overloaded{
                 [&](ports::DriverEnded& e) { on_inner_ended(std::move(e)); },
                 [&](ports::DriverHeld& e) {
                   on_inner_held(e);
                   events_.emplace_back(e);
                 },
                 [&](ports::DriverReady&) { on_inner_ready(); },
                 [&](ports::DriverGone& e) {
                   on_inner_gone();
                   events_.emplace_back(std::move(e));
                 },
                 [&](auto& e) { events_.emplace_back(std::move(e)); },
             },
             event);
}

void StagedDriver::on_inner_held(const ports::DriverHeld& event) {
  held_.insert(event.ref);
  const auto found = staged_.find(event.ref);
  if (found == staged_.end() || event.ended) return;
  auto& staged = found->second;
  if (!staged.checkpoint || staged.phase != Phase::running || std::exchange(staged.is_watched, true)) return;
  watch_checkpoint(staged.checkpoint, staged.stage.token, staged.ticks_stop);
}

/// Attempts that are on their way to their start are held by this driver; those that only a directory speaks of are gone.
void StagedDriver::on_inner_ready() {
  for (auto& [ref, staged] : staged_) {
    if (staged.phase == Phase::fetching && !staged.is_released) events_.emplace_back(ports::DriverHeld{ref, false});
    if (!staged.is_started || held_.contains(ref) || staged.is_released) continue;
    staged.phase = Phase::told;  // the agent finds it lost
    staged.is_released = true;
    staged.stop->raise();
    staged.ticks_stop->raise();
    if (!staged.is_busy) clear(ref, staged);
  }
  held_.clear();
  events_.emplace_back(ports::DriverReady{});
  sweep_checkpoints();
}

/// The agent takes all of them for lost, and releases them.
void StagedDriver::on_inner_gone() {
  for (auto& [ref, staged] : staged_) {
    staged.phase = Phase::told;
    staged.stop->raise();
    staged.ticks_stop->raise();
  }
}

void StagedDriver::on_inner_ended(ports::DriverEnded event) {
  const auto found = staged_.find(event.ref);
  if (found == staged_.end()) return static_cast<void>(events_.emplace_back(std::move(event)));
  const auto ref = event.ref;
  auto& staged = found->second;
  if (staged.phase != Phase::running) return;  // told again, to a connection that was lost meanwhile
  staged.ticks_stop->raise();
  const bool has_succeeded = event.reason == EndReason::exit && event.exit_code == 0;
  staged.ended = std::move(event);
  staged.phase = Phase::ending;
  if (has_succeeded && staged.is_stopped && !staged.stage.outputs.empty()) return tell_stopped(staged);
  if (has_succeeded && !staged.trouble.empty()) return on_pushed(staged, fail(Errc::corrupt, staged.trouble));
  if (has_succeeded) return push_outputs(ref, staged);
  if (staged.checkpoint) return push_checkpoint(ref, staged);
  tell(staged, *staged.ended);
}

void StagedDriver::push_outputs(const AttemptRef& ref, Staged& staged) {
  if (staged.stage.outputs.empty()) return on_pushed(staged, Files{});
  if (auto left = staged.dir.load_left()) return on_pushed(staged, std::move(*left));
  post(ref, staged, [this, stage = staged.stage, dir = staged.dir](const Stop& stop) -> Result<Files> {
    const auto client = reach(stage.token, Patience::endless, stop);
    return take_outputs(stage, dir, *client);
  });
}

/// Nobody waits for the checkpoint of an attempt that was stopped: it gets a chance, not all the time it may take.
void StagedDriver::push_checkpoint(const AttemptRef& ref, Staged& staged) {
  const auto patience = staged.is_stopped ? Patience::brief : Patience::endless;
  post(ref, staged, [this, patience, token = staged.stage.token, checkpoint = staged.checkpoint](const Stop& stop) -> Result<Files> {
    const auto client = reach(token, patience, stop);
    STINT_TRY_VOID(checkpoint->push(*client));
    return Files{};
  });
}

void StagedDriver::on_pushed(Staged& staged, Result<Files> outcome) {
  auto ended = *staged.ended;
  const bool has_succeeded = ended.reason == EndReason::exit && ended.exit_code == 0;
  if (outcome) ended.outputs = std::move(*outcome);
  if (!outcome && has_succeeded) {
    ended.reason = EndReason::output_missing;
    ended.detail = outcome.error().detail;
  }
  if (!outcome && !has_succeeded) log_.warn("a checkpoint did not reach the scheduler: " + outcome.error().detail);
  tell(staged, std::move(ended));
}

void StagedDriver::tell(Staged& staged, ports::DriverEnded ended) {
  staged.phase = Phase::told;
  events_.emplace_back(std::move(ended));
}

/// It had ended well, but nobody waits for its outputs any more.
void StagedDriver::tell_stopped(Staged& staged) {
  auto ended = *staged.ended;
  ended.reason = EndReason::cancelled;
  ended.detail = "stopped before its outputs were taken";
  tell(staged, std::move(ended));
}

void StagedDriver::fail_to_stage(const AttemptRef& ref, Staged& staged, EndReason reason, std::string detail) {
  staged.stop->raise();
  staged.launch.reset();
  ports::DriverEnded ended;
  ended.ref = ref;
  ended.reason = reason;
  ended.ended_ms = now_unix_ms();
  ended.detail = std::move(detail);
  tell(staged, std::move(ended));
  wake();
}

void StagedDriver::clear(const AttemptRef& ref, Staged& staged) {
  staged.is_gone = true;
  const bool is_complete = staged.ended && staged.ended->reason == EndReason::exit && staged.ended->exit_code == 0;
  post(ref, staged, [dir = staged.dir, checkpoint = staged.checkpoint, is_complete](const Stop&) -> Result<Files> {
    STINT_TRY_VOID(remove_tree(dir.path()));
    if (checkpoint && is_complete) STINT_TRY_VOID(checkpoint->remove());
    if (checkpoint) checkpoint->leave();
    return Files{};
  });
  staged.stop = std::make_shared<StopFlag>();  // that job is not stopped by anybody
  if (staged.checkpoint) sweep_checkpoints();
}

}  // namespace stint::staging
