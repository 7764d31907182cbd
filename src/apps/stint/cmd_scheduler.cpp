#include <unistd.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "apps/scheduler_host/run_scheduler.hpp"
#include "apps/stint/command_line.hpp"
#include "apps/stint/files.hpp"
#include "apps/stint/report.hpp"
#include "client/context.hpp"
#include "client/exit_status.hpp"

namespace stint::cli {
namespace {

struct SchedulerArguments {
  std::string listen = "127.0.0.1:7464";
  std::string log_level = "info";
  bool insecure_plaintext = false;
  bool is_port_fixed = false;
  int ready_fd = -1;
};

bool is_loopback(const std::string& host) { return host == "localhost" || host == "::1" || host.starts_with("127."); }

/// What `start` would refuse, found without starting.
Result<client::ServerAddress> check(const SchedulerArguments& arguments, const std::string& state_dir) {
  // Port 0 lets the system choose; a client's address never has it.
  const bool is_any_port = arguments.listen.ends_with(":0");
  STINT_TRY(client::ServerAddress address, client::parse_server(is_any_port ? arguments.listen + "1" : arguments.listen));
  if (is_any_port) address.port = 0;
  if (!is_loopback(address.host) && !arguments.insecure_plaintext)
    return fail(Errc::forbidden, "--listen " + arguments.listen +
                                     " is beyond this machine, and there is no TLS in this version; --insecure-plaintext allows it");
  STINT_TRY_VOID(make_private_dir(state_dir));
  if (::access(state_dir.c_str(), W_OK | X_OK) != 0) return fail(Errc::forbidden, state_dir + " cannot be written by this user");
  return address;
}

int check_config(const CommonOptions& options, const SchedulerArguments& arguments) {
  const auto state_dir = find_state_dir(options);
  if (!state_dir) return report_error(options, state_dir.error());
  const auto address = check(arguments, *state_dir);
  if (!address) return report_error(options, address.error());
  const std::string url = client::to_url(*address);
  print_line(options.json ? "{\"valid\":true,\"listen\":" + json_string(url) + ",\"state_dir\":" + json_string(*state_dir) + "}"
                          : "valid: listens on " + url + ", state in " + *state_dir);
  return client::kExitOk;
}

int start(const CommonOptions& options, const SchedulerArguments& arguments) {
  const auto state_dir = find_state_dir(options);
  if (!state_dir) return report_error(options, state_dir.error());
  if (const auto address = check(arguments, *state_dir); !address) return report_error(options, address.error());
  apps::SchedulerHostOptions host;
  host.state_dir = *state_dir;
  host.listen = arguments.listen;
  host.port_fallback = !arguments.is_port_fixed;
  host.insecure_plaintext = arguments.insecure_plaintext;
  host.ready_fd = arguments.ready_fd;
  host.log_level = arguments.log_level;
  return apps::run_scheduler(host);
}

void add_options(CLI::App& command, SchedulerArguments& arguments) {
  command.add_option("--listen", arguments.listen, "HOST:PORT for agents and the API; the next free port if this one is taken")
      ->capture_default_str();
  command.add_flag("--fixed-port", arguments.is_port_fixed, "Fail if the port is taken");
  command.add_flag("--insecure-plaintext", arguments.insecure_plaintext,
                   "Allow an address beyond this machine: frames are signed, but not secret");
  command.add_option("--log-level", arguments.log_level, "debug, info, warn or error")
      ->check(CLI::IsMember({"debug", "info", "warn", "error"}))
      ->capture_default_str();
}

}  // namespace

void add_scheduler_commands(CLI::App& app, CommandLine& line) {
  CLI::App* scheduler = app.add_subcommand("scheduler", "The scheduler");
  scheduler->require_subcommand(1);
  auto arguments = std::make_shared<SchedulerArguments>();

  CLI::App* start_command =
      add_command(*scheduler, line, "start", "Run a scheduler in the foreground, on SQLite in the state directory",
                  "  stint scheduler start --state-dir /var/lib/stint\n\n"
                  "Writes context.json (0600; address and token) into the state directory: commands with the same --state-dir use it.");
  add_options(*start_command, *arguments);
  start_command->add_option("--ready-fd", arguments->ready_fd, "Write a line to this descriptor when requests are served");
  start_command->callback([&line, arguments] { line.action = [&line, arguments] { return start(line.common, *arguments); }; });

  CLI::App* check_command = add_command(*scheduler, line, "check-config", "Check what `start` would be given; nothing is started", "");
  add_options(*check_command, *arguments);
  check_command->callback([&line, arguments] { line.action = [&line, arguments] { return check_config(line.common, *arguments); }; });
}

}  // namespace stint::cli
