#pragma once

#include <vector>

#include "apps/stint-conform/case.hpp"
#include "apps/stint-conform/scheduler_subject.hpp"

namespace stint::conform::scheduler {

[[nodiscard]] std::vector<SchedulerCase> greeting_cases();
[[nodiscard]] std::vector<SchedulerCase> handshake_cases();
[[nodiscard]] std::vector<SchedulerCase> hello_cases();
[[nodiscard]] std::vector<SchedulerCase> replay_cases();
[[nodiscard]] std::vector<SchedulerCase> order_cases();
[[nodiscard]] std::vector<SchedulerCase> meaning_cases();
[[nodiscard]] std::vector<SchedulerCase> work_cases();
[[nodiscard]] std::vector<SchedulerCase> output_cases();
[[nodiscard]] std::vector<SchedulerCase> provisional_cases();
[[nodiscard]] std::vector<SchedulerCase> enrol_cases();
[[nodiscard]] std::vector<SchedulerCase> enrol_frame_cases();
[[nodiscard]] std::vector<SchedulerCase> revocation_cases();
[[nodiscard]] std::vector<SchedulerCase> key_cases();  ///< they rotate: one at a time, after all others
[[nodiscard]] std::vector<SchedulerCase> tls_cases();
[[nodiscard]] std::vector<SchedulerCase> web_socket_cases();

}  // namespace stint::conform::scheduler
