#include "adapters/exec/spawner.hpp"

#include <sys/eventfd.h>

#include <cerrno>
#include <utility>

#include "adapters/exec/limits.hpp"
#include "adapters/exec/system.hpp"

namespace stint::exec {

Spawner::~Spawner() {
  {
    const std::lock_guard lock(mutex_);
    is_ending_ = true;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

Status Spawner::open() {
  event_ = UniqueFd{::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)};
  if (!event_) return fail_errno("eventfd", errno);
  return {};
}

void Spawner::order(Number number, SpawnSpec spec) {
  {
    const std::lock_guard lock(mutex_);
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

void Spawner::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [&] { return is_ending_ || !orders_.empty(); });
    if (is_ending_) return;
    const Order order = std::move(orders_.front());
    orders_.pop_front();
    lock.unlock();
    auto spawned = spawn(order.spec);
    lock.lock();
    outcomes_.push_back({order.number, std::move(spawned)});
    const std::uint64_t one = 1;
    if (outcomes_.size() == 1) static_cast<void>(::write(event_.get(), &one, sizeof one));
  }
}

}  // namespace stint::exec
