#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <memory>

#include "apps/stint/command_line.hpp"
#include "apps/stint/connection.hpp"
#include "apps/stint/dev_cell.hpp"
#include "apps/stint/dev_state.hpp"
#include "apps/stint/files.hpp"
#include "apps/stint/follow.hpp"
#include "apps/stint/interrupts.hpp"
#include "apps/stint/report.hpp"
#include "client/context.hpp"
#include "client/exit_status.hpp"
#include "client/text.hpp"

namespace stint::cli {
namespace {

using namespace std::chrono_literals;

constexpr Duration kStopTimeout = 45s;  // agents, keepers and the scheduler have less each
constexpr std::size_t kAgentsShown = 1000;

struct DevArguments {
  DevOptions dev;
  bool is_detached = false;
};

/// Options that reach the scheduler of this state directory, whatever the environment says.
Result<CommonOptions> options_of(const DevState& state, const CommonOptions& given) {
  STINT_TRY(const std::string text, read_file(state.dir() + "/context.json"));
  STINT_TRY(const client::Context context, client::parse_context(text));
  CommonOptions here = given;
  here.state_dir = state.dir();
  here.server = context.server;
  return here;
}

Result<client::Page> list_connected(const CommonOptions& here) {
  Connection connection(here, Patience::short_);
  STINT_TRY(client::Page page, connection.api().list("/v1/agents", {}, kAgentsShown));
  std::erase_if(page.items, [](const std::string& item) {
    const auto agent = client::parse_agent_view(item);
    return !agent || agent->is_person || agent->state == "disconnected" || agent->state == "revoked";
  });
  return page;
}

std::string status_json(const DevState& state, std::int64_t pid, const std::string& server, const client::Page& agents) {
  std::string items;
  for (const std::string& item : agents.items) items += (items.empty() ? "" : ",") + item;
  return "{\"running\":true,\"pid\":" + std::to_string(pid) + ",\"server\":" + json_string(server) +
         ",\"state_dir\":" + json_string(state.dir()) + ",\"agents\":[" + items + "]}";
}

void print_agents(const client::Page& agents) {
  for (const std::string& item : agents.items) {
    const auto agent = client::parse_agent_view(item);
    if (!agent) continue;
    print_line("  agent " + agent->name + ": " + client::show_resources(agent->resources) + (agent->resources.gpus == 0 ? ", no GPU" : ""));
    for (const std::string& note : agent->notes) print_line("    note: " + note);
  }
}

/// Address, agents, and three lines to paste.
int print_summary(const CommonOptions& options, const DevState& state, std::int64_t pid) {
  const auto here = options_of(state, options);
  if (!here) return report_error(options, here.error());
  const auto agents = list_connected(*here);
  if (!agents) return report_error(options, agents.error());
  if (options.json) {
    print_line(status_json(state, pid, here->server, *agents));
    return client::kExitOk;
  }
  print_line("stint dev: scheduler on " + here->server + ", state in " + state.dir());
  print_agents(*agents);
  const auto found_without_options = find_state_dir({});
  const bool is_default = found_without_options && *found_without_options == state.dir();
  print_line("Try:");
  if (!is_default) print_line("  export STINT_STATE_DIR=" + state.dir());
  print_line("  stint run -- echo hello");
  print_line("  stint run --array 0-9 -- sh -c 'echo task $STINT_INDEX'");
  if (is_default) print_line("  stint jobs");
  return client::kExitOk;
}

/// Starts the cell, says so, and keeps it up until a signal. `tell_ready` is called once, with the error if it did not start.
template <class TellReady>
int run_cell(DevState& state, const DevOptions& options, TellReady tell_ready) {
  install_interrupt_handlers();
  DevCell cell(state, options);
  Status started = state.write_record();
  if (started) started = cell.start();
  tell_ready(started);
  if (started) {
    cell.supervise();
    notice("stopping: running tasks are ended, and run again after the next `stint dev`");
  }
  cell.stop();
  return started ? client::kExitOk : client::kExitStint;
}

int run_foreground(const CommonOptions& options, DevState& state, const DevOptions& dev) {
  if (const Status locked = state.lock(); !locked) return report_error(options, locked.error());
  const int status = run_cell(state, dev, [&](const Status& started) {
    if (!started && (interrupts_seen() > 0 || wants_to_leave())) return notice("interrupted before it was ready; stopping");
    if (!started) {
      report_error(options, started.error());
      return;
    }
    print_summary(options, state, ::getpid());
    if (!options.json) print_line("Ctrl-C ends it, and its tasks.");
  });
  if (status == client::kExitOk) notice("stopped; jobs and their output stay in " + state.dir());
  return status;
}

/// The daemon's side: a session of its own, its notices in dev.log. It tells its parent "ok" or what went wrong.
[[noreturn]] void run_detached(DevState& state, const DevOptions& dev, int to_parent) {
  ::setsid();
  const int null = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  const int log = ::open(state.log_path().c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  ::dup2(null, STDIN_FILENO);
  ::dup2(log >= 0 ? log : null, STDOUT_FILENO);
  ::dup2(log >= 0 ? log : null, STDERR_FILENO);
  const int status = run_cell(state, dev, [&](const Status& started) {
    write_all(to_parent, started ? "ok" : started.error().detail);
    ::close(to_parent);
  });
  ::_exit(status);
}

int run_background(const CommonOptions& options, DevState& state, const DevOptions& dev) {
  if (const Status locked = state.lock(); !locked) return report_error(options, locked.error());
  int channel[2];
  if (::pipe2(channel, O_CLOEXEC) != 0) return report_error(options, {Errc::io, "pipe2 failed"});
  const pid_t daemon = ::fork();
  if (daemon < 0) return report_error(options, {Errc::io, "fork failed"});
  if (daemon == 0) run_detached(state, dev, channel[1]);
  ::close(channel[1]);
  std::string answer;
  char buffer[4096];
  for (ssize_t size = 0; (size = ::read(channel[0], buffer, sizeof buffer)) > 0;) answer.append(buffer, static_cast<std::size_t>(size));
  if (answer == "ok") return print_summary(options, state, daemon);
  return report_error(options, {Errc::io, answer.empty() ? "stint dev died while it started; see " + state.log_path() : answer});
}

int start(const CommonOptions& options, const DevArguments& arguments) {
  const auto dir = find_state_dir(options);
  if (!dir) return report_error(options, dir.error());
  DevState state(*dir);
  return arguments.is_detached ? run_background(options, state, arguments.dev) : run_foreground(options, state, arguments.dev);
}

int stop(const CommonOptions& options) {
  const auto dir = find_state_dir(options);
  if (!dir) return report_error(options, dir.error());
  const DevState state(*dir);
  const auto process = state.find_process();
  if (!process) return report_error(options, process.error());
  if (*process) {
    ::kill(static_cast<pid_t>((*process)->pid), SIGTERM);
    const Instant deadline = now() + kStopTimeout;
    while (exec::is_alive(**process) && now() < deadline) ::poll(nullptr, 0, 20);
    if (exec::is_alive(**process))
      return report_error(options, {Errc::io, "process " + std::to_string((*process)->pid) + " does not end; see " + state.log_path()});
  }
  // After a kill -9 of `stint dev` itself its keepers and tasks are still there.
  const Status stopped = stop_keepers(state);
  state.clean_up();
  if (!stopped) return report_error(options, stopped.error());
  if (options.json)
    print_line("{\"stopped\":" + std::string(*process ? "true" : "false") + ",\"state_dir\":" + json_string(state.dir()) + "}");
  else
    print_line(*process ? "stopped" : "nothing runs in " + state.dir());
  return client::kExitOk;
}

int show_status(const CommonOptions& options) {
  const auto dir = find_state_dir(options);
  if (!dir) return report_error(options, dir.error());
  const DevState state(*dir);
  const auto process = state.find_process();
  if (!process) return report_error(options, process.error());
  if (*process) return print_summary(options, state, (*process)->pid);
  if (options.json)
    print_line("{\"running\":false,\"pid\":null,\"server\":null,\"state_dir\":" + json_string(state.dir()) + ",\"agents\":[]}");
  else
    print_line("nothing runs in " + state.dir() + "; `stint dev` starts a scheduler and an agent");
  return client::kExitSomeFailed;
}

}  // namespace

void add_dev_commands(CLI::App& app, CommandLine& line) {
  CLI::App* dev = add_command(app, line, "dev", "A scheduler and agents on this machine: no root, no configuration",
                              "  stint dev                       in the foreground; Ctrl-C ends everything\n"
                              "  stint dev --detach --agents 3   returns when it is ready\n"
                              "  stint dev status\n"
                              "  stint dev stop                  ends agents, keepers and tasks too\n\n"
                              "Several agents share the machine's CPUs and memory evenly.");
  auto arguments = std::make_shared<DevArguments>();
  dev->add_flag("-d,--detach", arguments->is_detached, "Return when the API answers and all agents are connected");
  dev->add_option("--agents", arguments->dev.agents, "How many agents")->check(CLI::Range(1, 64))->capture_default_str();
  dev->add_option("--listen", arguments->dev.listen, "HOST:PORT; the next free port if this one is taken")->capture_default_str();
  dev->require_subcommand(0, 1);
  CLI::App* stop_command = add_command(*dev, line, "stop", "End it, with its keepers and tasks", "");
  CLI::App* status_command = add_command(*dev, line, "status", "Address and agents; exit status 1 if nothing runs", "");
  dev->callback([&line, dev, arguments] {
    if (dev->get_subcommands().empty()) line.action = [&line, arguments] { return start(line.common, *arguments); };
  });
  stop_command->callback([&line] { line.action = [&line] { return stop(line.common); }; });
  status_command->callback([&line] { line.action = [&line] { return show_status(line.common); }; });
}

}  // namespace stint::cli
