#include <cstdio>
#include <cstdlib>

#include "apps/stint-agent/options.hpp"
#include "apps/stint-agent/run_agent.hpp"

int main(int argc, char** argv) {
  constexpr int kUsageError = 2;
  const auto command = stint::parse_command_line(argc, argv);
  if (!command) {
    std::fprintf(stderr, "stint-agent: %s\n", command.error().detail.c_str());
    return kUsageError;
  }
  switch (command->kind) {
    case stint::Command::Kind::help: std::fputs(stint::kAgentUsage, stdout); return EXIT_SUCCESS;
    case stint::Command::Kind::version: std::puts("stint-agent " STINT_VERSION); return EXIT_SUCCESS;
    case stint::Command::Kind::run: break;
  }
  return stint::run_agent(command->options);
}
