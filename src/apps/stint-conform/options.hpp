#pragma once

#include <string>
#include <vector>

#include "apps/stint-conform/agent_subject.hpp"
#include "apps/stint-conform/scheduler_subject.hpp"
#include "base/result.hpp"

namespace stint::conform {

struct Command {
  enum class Kind { scheduler, agent, help, version };
  Kind kind = Kind::help;
  SchedulerTarget scheduler;
  AgentTarget agent;
  int jobs = 4;
  std::vector<std::string> chosen;  ///< beginnings of ids; empty: all
  bool is_list = false;
  bool is_json = false;
};

/// Errors:  invalid_argument  the detail names the option, its value and what was expected.
[[nodiscard]] Result<Command> parse_command_line(int argc, char** argv);

extern const char* const kUsage;

}  // namespace stint::conform
