#pragma once

#include <functional>
#include <string>
#include <vector>

#include "apps/stint-conform/agent_subject.hpp"
#include "apps/stint-conform/case.hpp"
#include "apps/stint-conform/report.hpp"
#include "apps/stint-conform/scheduler_subject.hpp"

namespace stint::conform {

/// Cases at the same time: one for each agent of the target.
[[nodiscard]] Summary run_against_scheduler(const std::vector<SchedulerCase>& cases, const SchedulerTarget& target);
/// Every case starts an agent of its own.
[[nodiscard]] Summary run_against_agent(const std::vector<AgentCase>& cases, const AgentTarget& target, int jobs);

}  // namespace stint::conform
