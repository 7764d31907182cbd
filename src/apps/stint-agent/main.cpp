#include <cstdio>
#include <cstdlib>

#include "apps/stint-agent/options.hpp"
#include "apps/stint-agent/run_agent.hpp"

namespace {

constexpr int kUsageError = 2;
constexpr int kOwnError = 125;

int join(const stint::JoinOptions& options) {
  const auto joined = stint::join_cell(options);
  if (!joined) {
    std::fprintf(stderr, "stint-agent: %s\n", joined.error().detail.c_str());
    return joined.error().code == stint::Errc::invalid_argument ? kUsageError : kOwnError;
  }
  std::printf("agent %s (number %llu) %s: key in %s; start it with\n  stint-agent --key-file %s\n", joined->name.c_str(),
              static_cast<unsigned long long>(joined->agent.value), joined->was_there ? "had joined already" : "has joined",
              joined->key_file.c_str(), joined->key_file.c_str());
  return EXIT_SUCCESS;
}

}  // namespace

int main(int argc, char** argv) {
  const auto command = stint::parse_command_line(argc, argv);
  if (!command) {
    std::fprintf(stderr, "stint-agent: %s\n", command.error().detail.c_str());
    return kUsageError;
  }
  switch (command->kind) {
    case stint::Command::Kind::help: std::fputs(stint::kAgentUsage, stdout); return EXIT_SUCCESS;
    case stint::Command::Kind::version: std::puts("stint-agent " STINT_VERSION); return EXIT_SUCCESS;
    case stint::Command::Kind::join: return join(command->join);
    case stint::Command::Kind::run: break;
  }
  return stint::run_agent(command->options);
}
