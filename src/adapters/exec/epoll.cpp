#include "adapters/exec/epoll.hpp"

#include <sys/timerfd.h>

#include <algorithm>
#include <cerrno>

#include "adapters/exec/system.hpp"

namespace stint::exec {
namespace {

constexpr std::uint64_t kTimerTag = ~std::uint64_t{0};

}  // namespace

Result<Epoll> Epoll::make() {
  Epoll made;
  made.epoll_ = UniqueFd{::epoll_create1(EPOLL_CLOEXEC)};
  made.timer_ = UniqueFd{::timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC)};
  if (!made.epoll_ || !made.timer_) return fail_errno("epoll", errno);
  if (!made.add(made.timer_.get(), EPOLLIN, kTimerTag)) return fail_errno("epoll", errno);
  return made;
}

bool Epoll::control(int operation, int fd, std::uint32_t events, std::uint64_t tag) const {
  epoll_event event{};
  event.events = events;
  event.data.u64 = tag;
  return ::epoll_ctl(epoll_.get(), operation, fd, &event) == 0;
}

void Epoll::set_timer(std::optional<Instant> at) {
  if (at == timer_at_) return;
  timer_at_ = at;
  itimerspec spec{};
  if (at) {
    const auto ns = std::max<Duration::rep>(at->time_since_epoch().count(), 1);  // 0 would disarm
    spec.it_value.tv_sec = ns / 1'000'000'000;
    spec.it_value.tv_nsec = ns % 1'000'000'000;
  }
  ::timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &spec, nullptr);
}

std::span<const epoll_event> Epoll::wait(Wait wait) {
  const int n = ::epoll_wait(epoll_.get(), events_.data(), static_cast<int>(events_.size()), wait == Wait::yes ? -1 : 0);
  if (n <= 0) return {};
  const auto end = std::remove_if(events_.begin(), events_.begin() + n, [](const epoll_event& e) { return e.data.u64 == kTimerTag; });
  return {events_.begin(), end};
}

}  // namespace stint::exec
