#pragma once

#include <vector>

#include "apps/stint-conform/case.hpp"
#include "apps/stint-conform/scheduler_subject.hpp"

namespace stint::conform::scheduler {

[[nodiscard]] std::vector<SchedulerCase> greeting_cases();

}  // namespace stint::conform::scheduler
