#pragma once

#include <sys/epoll.h>

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "adapters/exec/fd.hpp"
#include "base/result.hpp"
#include "base/time.hpp"

namespace stint::exec {

/// epoll with one timer on CLOCK_BOOTTIME. Level-triggered: who does not take everything is told again.
class Epoll {
 public:
  static Result<Epoll> make();

  [[nodiscard]] int fd() const { return epoll_.get(); }
  /// `tag` comes back with each event of `fd`. False if the descriptor cannot be watched.
  bool add(int fd, std::uint32_t events, std::uint64_t tag) const { return control(EPOLL_CTL_ADD, fd, events, tag); }
  bool modify(int fd, std::uint32_t events, std::uint64_t tag) const { return control(EPOLL_CTL_MOD, fd, events, tag); }
  void remove(int fd) const { control(EPOLL_CTL_DEL, fd, 0, 0); }

  /// The timer is level-triggered too: fd() stays readable from `at` on, until another moment is set.
  void set_timer(std::optional<Instant> at);

  enum class Wait { no, yes };
  /// Events that have arrived; the timer's are left out.
  [[nodiscard]] std::span<const epoll_event> wait(Wait wait);

 private:
  bool control(int operation, int fd, std::uint32_t events, std::uint64_t tag) const;

  UniqueFd epoll_;
  UniqueFd timer_;
  std::optional<Instant> timer_at_;
  std::array<epoll_event, 64> events_{};
};

}  // namespace stint::exec
