#pragma once

#include "apps/stint-agent/join_cell.hpp"
#include "apps/stint-agent/run_agent.hpp"
#include "base/result.hpp"

namespace stint {

struct Command {
  enum class Kind { run, join, help, version };
  Kind kind = Kind::run;
  AgentHostOptions options;
  JoinOptions join;
};

/// Errors:  invalid_argument  the detail names the option, its value and what was expected.
[[nodiscard]] Result<Command> parse_command_line(int argc, char** argv);

extern const char* const kAgentUsage;

}  // namespace stint
