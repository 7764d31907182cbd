#include <getopt.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>
#include <utility>

#include "adapters/exec/keeper.hpp"
#include "adapters/exec/keeper_launch.hpp"

namespace {

using stint::exec::UniqueFd;

constexpr int kUsageError = 2;
constexpr const char* kUsage =
    "usage: stint-keeper --state-dir DIR [--idle-exit SECONDS]\n"
    "\n"
    "Runs the task processes of the agent of DIR and outlives it. Agents start it by themselves; SIGTERM ends its tasks, then itself.\n"
    "\n"
    "  --state-dir DIR       the agent's state directory; its socket, lock, spool and report files lie there\n"
    "  --idle-exit SECONDS   end when there was no agent and nothing held for so long (default 60)\n"
    "  --inherited           lock and listening socket are descriptors 3 and 4 (for agents)\n"
    "  --version\n";

/// Lines on stderr, which is STATE/keeper.log when an agent started us.
class StderrLog final : public stint::Log {
 public:
  void write(stint::LogLevel level, std::string message) override {
    constexpr const char* kNames[] = {"debug", "info", "warn", "error"};
    const std::time_t now = std::time(nullptr);
    std::tm utc{};
    ::gmtime_r(&now, &utc);
    char when[32];
    std::strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &utc);
    std::fprintf(stderr, "%s %s stint-keeper[%d] %s\n", when, kNames[static_cast<int>(level)], static_cast<int>(::getpid()),
                 message.c_str());
  }
};

struct Options {
  std::string state_dir;
  stint::exec::KeeperOptions keeper;
  bool inherited = false;
};

/// Ends the process on --help, --version and what it does not understand.
Options parse(int argc, char** argv) {
  static const option kOptions[] = {{"state-dir", required_argument, nullptr, 's'},
                                    {"idle-exit", required_argument, nullptr, 'i'},
                                    {"inherited", no_argument, nullptr, 'n'},
                                    {"version", no_argument, nullptr, 'v'},
                                    {"help", no_argument, nullptr, 'h'},
                                    {nullptr, 0, nullptr, 0}};
  Options options;
  for (int c = 0; (c = ::getopt_long(argc, argv, "", kOptions, nullptr)) != -1;) {
    switch (c) {
      case 's': options.state_dir = optarg; break;
      case 'i': options.keeper.idle_exit = std::chrono::seconds{std::strtol(optarg, nullptr, 10)}; break;
      case 'n': options.inherited = true; break;
      case 'v': std::printf("stint-keeper %s\n", STINT_VERSION); std::exit(0);
      case 'h': std::fputs(kUsage, stdout); std::exit(0);
      default: std::fputs(kUsage, stderr); std::exit(kUsageError);
    }
  }
  if (options.state_dir.empty() || optind < argc) {
    std::fputs(kUsage, stderr);
    std::exit(kUsageError);
  }
  return options;
}

struct Place {
  UniqueFd lock;
  UniqueFd listener;
};

stint::Result<Place> take_place(const stint::exec::StateDir& state, bool inherited) {
  if (inherited) return Place{UniqueFd{stint::exec::kLockDescriptor}, UniqueFd{stint::exec::kListenDescriptor}};
  STINT_TRY(auto lock, state.try_lock());
  if (!lock) return stint::fail(stint::Errc::already_exists, "a keeper of " + state.path() + " is running");
  STINT_TRY(UniqueFd listener, state.listen());
  return Place{std::move(*lock), std::move(listener)};
}

int fail_with(stint::Log& log, const stint::Error& error) {
  log.error(error.detail);
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = parse(argc, argv);
  StderrLog log;
  auto state = stint::exec::StateDir::open(options.state_dir);
  if (!state) return fail_with(log, state.error());
  auto place = take_place(*state, options.inherited);
  if (!place) return fail_with(log, place.error());
  if (::chdir("/") != 0) log.warn("cannot leave the current directory");

  return stint::exec::run_guarded(place->listener, [&] {
    auto keeper = stint::exec::Keeper::make(std::move(*state), std::move(place->listener), std::move(place->lock), log, options.keeper);
    if (!keeper) return fail_with(log, keeper.error());
    (*keeper)->run();
    return 0;
  });
}
