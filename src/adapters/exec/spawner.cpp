#include "adapters/exec/spawner.hpp"

#include <sys/eventfd.h>
#include <sys/wait.h>

#include <cerrno>
#include <csignal>
#include <utility>

#include "adapters/exec/limits.hpp"
#include "adapters/exec/standing.hpp"
#include "adapters/exec/system.hpp"

namespace stint::exec {
namespace {

constexpr const char* kKilledEarly = "its process was killed before its program was begun";

/// The children get it from their program's start on, see execute().
void block_signals() {
  sigset_t all;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, nullptr);
}

}  // namespace

void Spawner::end() {
  {
    const std::lock_guard lock(mutex_);
    is_ending_ = true;
    if (ready_) ready_->child->dismiss();
  }
  wake_.notify_all();
  ready_wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
  if (ready_thread_.joinable()) ready_thread_.join();
}

Status Spawner::open() {
  event_ = UniqueFd{::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)};
  if (!event_) return fail_errno("eventfd", errno);
  return {};
}

void Spawner::order(Number number, SpawnSpec spec) {
  {
    const std::lock_guard lock(mutex_);
    if (may_take(spec)) {
      if (give_order(*ready_, {number, std::move(spec)})) let_proceed(*ready_);
      return;
    }
    orders_.push_back({number, std::move(spec)});
  }
  if (threads_.size() < limits::kSpawnThreads) threads_.emplace_back([this] { work(); });
  wake_.notify_one();
}

std::vector<Spawner::Outcome> Spawner::take_outcomes() {
  std::uint64_t count = 0;
  static_cast<void>(::read(event_.get(), &count, sizeof count));  // nothing there: nothing to take
  const std::lock_guard lock(mutex_);
  return std::exchange(outcomes_, {});
}

void Spawner::report(Number number, Result<Spawned> spawned) {
  outcomes_.push_back({number, std::move(spawned)});
  const std::uint64_t one = 1;
  if (outcomes_.size() == 1) static_cast<void>(::write(event_.get(), &one, sizeof one));
}

void Spawner::work() {
  block_signals();
  stand_back();
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [&] { return is_ending_ || !orders_.empty(); });
    if (is_ending_) return;
    const Order order = std::move(orders_.front());
    orders_.pop_front();
    lock.unlock();
    auto spawned = spawn(order.spec);
    lock.lock();
    report(order.number, std::move(spawned));
  }
}

// --- the child that is ready

bool Spawner::is_ready_for(const SpawnSpec& spec) {
  const std::lock_guard lock(mutex_);
  return may_take(spec);
}

bool Spawner::may_take(const SpawnSpec& spec) const {
  return ready_ && !ready_->order && !spec.limits_memory && ready_->child->suits(spec);
}

bool Spawner::lacks_ready() {
  const std::lock_guard lock(mutex_);
  return ReadyChild::kIsPossible && !wanted_ && (!ready_ || ready_->order);
}

bool Spawner::has_ready() {
  const std::lock_guard lock(mutex_);
  return ready_ && !ready_->order;
}

void Spawner::make_ready(ReservedCgroup group) {
  {
    const std::lock_guard lock(mutex_);
    wanted_.emplace(std::move(group));
  }
  if (!ready_thread_.joinable()) ready_thread_ = std::thread([this] { keep_ready(); });
  ready_wake_.notify_one();
}

void Spawner::prepare(Number number, SpawnSpec spec) {
  const std::lock_guard lock(mutex_);
  if (may_take(spec)) {
    give_order(*ready_, {number, std::move(spec)});
  } else {
    report(number, fail(Errc::unavailable, kKilledEarly));  // between is_ready_for() and now
  }
}

void Spawner::proceed(Number number) {
  const std::lock_guard lock(mutex_);
  if (Ready* const ready = find_prepared(number)) let_proceed(*ready);
}

void Spawner::give_up(Number number) {
  const std::lock_guard lock(mutex_);
  if (Ready* const ready = find_prepared(number)) ready->child->dismiss();
}

/// None: its outcome is there.
Spawner::Ready* Spawner::find_prepared(Number number) {
  return ready_ && ready_->order && ready_->order->number == number ? &*ready_ : nullptr;
}

/// False: it cannot be executed.
bool Spawner::give_order(Ready& ready, Order order) {
  auto program = make_program(order.spec);
  if (!program) {
    report(order.number, tl::unexpected(std::move(program).error()));
    return false;
  }
  ready.order.emplace(std::move(order));
  ready.program = std::move(*program);
  ready.is_held = true;
  ready.child->order(ready.order->spec, ready.program, ready.pipes.out.write.get(), ready.pipes.err.write.get());
  return true;
}

void Spawner::let_proceed(Ready& ready) {
  ready.is_held = false;
  ready.started_ms = now_unix_ms();
  ready.child->proceed();
}

void Spawner::keep_ready() {
  block_signals();
  stand_back();
  std::unique_lock lock(mutex_);
  for (;;) {
    ready_wake_.wait(lock, [&] { return is_ending_ || wanted_; });
    if (is_ending_) return;
    ReservedCgroup group = std::move(*wanted_);
    lock.unlock();
    auto ready = make_child(std::move(group));
    lock.lock();
    wanted_.reset();
    if (!ready) continue;  // the machine has nothing left: whoever is started now says so
    ready_.emplace(std::move(*ready));
    if (is_ending_) ready_->child->dismiss();
    ReadyChild& child = *ready_->child;
    lock.unlock();
    const ReadyChild::End end = child.wait_until_gone();
    lock.lock();
    Ready gone = std::move(*ready_);
    ready_.reset();
    lock.unlock();
    if (!gone.order) {
      siginfo_t ended{};
      ::waitid(P_PID, static_cast<id_t>(gone.child->pid()), &ended, WEXITED | WNOWAIT);  // then it is out of its group
      lock.lock();
      continue;
    }
    auto spawned = outcome_of(gone, end);
    lock.lock();
    report(gone.order->number, std::move(spawned));
  }
}

Result<Spawner::Ready> Spawner::make_child(ReservedCgroup group) {
  STINT_TRY(OutputPipes pipes, make_output_pipes());
  STINT_TRY(auto child, ReadyChild::make(std::move(group)));
  return Ready{std::move(child), std::move(pipes), std::nullopt, false, {}, 0};
}

Result<Spawned> Spawner::outcome_of(Ready& ready, ReadyChild::End end) {
  const SpawnSpec& spec = ready.order->spec;
  if (end == ReadyChild::End::given_up) return ready.is_held ? fail(Errc::unavailable, kKilledEarly) : spawn(spec);
  if (end == ReadyChild::End::failed) {
    ::waitpid(ready.child->pid(), nullptr, 0);
    return explain(spec, ready.child->failure());
  }
  return Spawned{ready.child->pid(), ready.started_ms, std::move(ready.pipes.out.read), std::move(ready.pipes.err.read)};
}

}  // namespace stint::exec
