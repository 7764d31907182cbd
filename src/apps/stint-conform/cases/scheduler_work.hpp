#pragma once

#include "apps/stint-conform/scheduler_subject.hpp"

/// A scheduler's work, as its cases begin. One case at a time has the only agent that works.
namespace stint::conform::scheduler {

/// An attempt that nobody has ever had.
[[nodiscard]] AttemptRef unknown_attempt(std::uint32_t index = 0);
[[nodiscard]] protocol::HeldAttempt held(const AttemptRef& ref, TaskStatus status, std::uint32_t last_update);

/// A session with one attempt assigned.
struct Work {
  Session session;
  AttemptRef ref;
};
[[nodiscard]] Checked<Work> begin_work(SchedulerSubject& subject);
void say(Work& work, std::uint32_t number, TaskStatus status);
/// The same agent again, with that attempt held.
[[nodiscard]] Checked<protocol::AttemptVerdict> come_back(SchedulerSubject& subject, Work& work, TaskStatus status,
                                                          std::uint32_t last_update);

}  // namespace stint::conform::scheduler
