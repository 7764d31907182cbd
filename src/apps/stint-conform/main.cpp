#include <algorithm>
#include <csignal>
#include <cstdio>

#include "apps/stint-conform/options.hpp"
#include "apps/stint-conform/runner.hpp"

namespace stint::conform {
namespace {

constexpr int kUsageError = 2;

/// S1 is a section, and not the beginning of S10; S1.0 are the first nine of it.
bool is_chosen(const std::string& id, const std::string& beginning) {
  return id.starts_with(beginning.find('.') == std::string::npos ? beginning + "." : beginning);
}

template <class Subject>
std::vector<Case<Subject>> choose(std::vector<Case<Subject>> cases, const std::vector<std::string>& chosen) {
  if (chosen.empty()) return cases;
  std::erase_if(cases, [&](const auto& tried) {
    return std::none_of(chosen.begin(), chosen.end(), [&](const auto& id) { return is_chosen(tried.id, id); });
  });
  return cases;
}

template <class Subject>
int list(const std::vector<Case<Subject>>& cases) {
  for (const auto& tried : cases) std::printf("%-7s %s\n        %s\n", tried.id.c_str(), tried.title.c_str(), tried.sentence.c_str());
  return 0;
}

int report(const Summary& summary, bool is_json) {
  is_json ? print_json(summary, stdout) : print_table(summary, stdout);
  return summary.exit_status();
}

int refuse_choice() {
  std::fputs("stint-conform: no case of that number; --list shows them\n", stderr);
  return kUsageError;
}

int run(const Command& command) {
  switch (command.kind) {
    case Command::Kind::help: std::fputs(kUsage, stdout); return 0;
    case Command::Kind::version: std::printf("stint-conform %s\n", STINT_VERSION); return 0;
    case Command::Kind::scheduler: {
      const auto cases = choose(scheduler_cases(), command.chosen);
      if (cases.empty()) return refuse_choice();
      return command.is_list ? list(cases) : report(run_against_scheduler(cases, command.scheduler), command.is_json);
    }
    case Command::Kind::agent: {
      const auto cases = choose(agent_cases(), command.chosen);
      if (cases.empty()) return refuse_choice();
      return command.is_list ? list(cases) : report(run_against_agent(cases, command.agent, command.jobs), command.is_json);
    }
  }
  return kUsageError;
}

}  // namespace
}  // namespace stint::conform

int main(int argc, char** argv) {
  const auto command = stint::conform::parse_command_line(argc, argv);
  if (!command) {
    std::fprintf(stderr, "stint-conform: %s\n", command.error().detail.c_str());
    return stint::conform::kUsageError;
  }
  std::signal(SIGPIPE, SIG_IGN);
  return stint::conform::run(*command);
}
