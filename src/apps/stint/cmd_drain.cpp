#include <CLI/CLI.hpp>
#include <chrono>
#include <memory>
#include <thread>

#include "apps/stint/command_line.hpp"
#include "apps/stint/connection.hpp"
#include "apps/stint/interrupts.hpp"
#include "apps/stint/report.hpp"
#include "client/exit_status.hpp"
#include "client/text.hpp"
#include "core/model/quantity.hpp"

namespace stint::cli {
namespace {

constexpr std::chrono::milliseconds kAskAgain{250};

struct DrainArguments {
  std::string name;
  std::string deadline;
  bool is_undone = false;
  bool waits = false;
};

std::string agent_path(const std::string& name) { return "/v1/agents/" + client::encode_segment(name); }

/// What `--deadline` says, in milliseconds; -1 without it.
Result<std::int64_t> read_deadline(const DrainArguments& arguments) {
  if (arguments.deadline.empty()) return -1;
  if (arguments.is_undone) return fail(Errc::invalid_argument, "--deadline and --undo exclude each other");
  const auto deadline = core::parse_duration(arguments.deadline);
  if (!deadline) return fail(Errc::invalid_argument, "--deadline: " + deadline.error().detail);
  return to_ms(*deadline);
}

std::string describe(const DrainArguments& arguments) {
  if (arguments.is_undone) return arguments.name + ": takes tasks again";
  const std::string rest = arguments.deadline.empty()
                               ? "what it runs goes on"
                               : "what it still runs in " + arguments.deadline + " is stopped and placed elsewhere, at no cost of a retry";
  return arguments.name + ": takes no new tasks; " + rest;
}

bool is_to_leave() { return wants_to_leave() || interrupts_seen() > 0; }

/// Until the agent runs nothing, or is taken back into service by somebody else.
Result<std::string> wait_until_empty(client::Api& api, const DrainArguments& arguments, const CommonOptions& options) {
  std::uint64_t told = 0;
  for (;;) {
    STINT_TRY(const std::string json, api.get(agent_path(arguments.name)));
    STINT_TRY(const auto agent, client::parse_agent_view(json));
    if (agent.running == 0 && agent.used == Resources{}) return json;  // what was stopped holds until it has gone
    if (agent.state == "connected") return fail(Errc::conflict, arguments.name + ": takes tasks again, somebody has undone the drain");
    if (is_to_leave()) return fail(Errc::unavailable, "left; " + arguments.name + " goes on draining");
    if (!options.json && agent.running != told) notice(arguments.name + ": " + std::to_string(agent.running) + " still running");
    told = agent.running;
    std::this_thread::sleep_for(kAskAgain);
  }
}

int drain(const CommonOptions& options, const DrainArguments& arguments) {
  if (arguments.waits && arguments.is_undone) return usage_error(options, "--wait and --undo exclude each other");
  const auto deadline_ms = read_deadline(arguments);
  if (!deadline_ms) return usage_error(options, deadline_ms.error().detail);
  Connection connection(options, arguments.waits ? Patience::long_ : Patience::short_);
  std::string body = arguments.is_undone ? "{\"draining\":false" : "{\"draining\":true";
  if (*deadline_ms >= 0) body += ",\"deadline_ms\":" + std::to_string(*deadline_ms);
  auto answer = connection.api().post(agent_path(arguments.name) + "/drain", body + "}", client::Api::Repeat::always);
  if (!answer) return report_error(options, answer.error());
  if (!options.json) print_line(describe(arguments));
  if (arguments.waits) {
    install_interrupt_handlers();
    answer = wait_until_empty(connection.api(), arguments, options);
    if (!answer && is_to_leave()) return client::kExitCancelled;
    if (!answer) return report_error(options, answer.error());
    if (!options.json) print_line(arguments.name + ": runs nothing any more");
  }
  if (options.json) print_line(*answer);
  return client::kExitOk;
}

}  // namespace

void add_drain_command(CLI::App& agent, CommandLine& line) {
  CLI::App* command = add_command(agent, line, "drain", "Give an agent no new tasks",
                                  "  stint agent drain box7\n"
                                  "  stint agent drain box7 --deadline 10m --wait && ssh box7 sudo reboot\n"
                                  "  stint agent drain --undo box7\n\n"
                                  "The last word counts: a second drain without --deadline takes the deadline back.");
  auto arguments = std::make_shared<DrainArguments>();
  command->add_option("name", arguments->name, "The agent's name")->required();
  command->add_option("--deadline", arguments->deadline, "Stop what still runs after that time; it is placed elsewhere: 10m, 2h, 0");
  command->add_flag("--wait", arguments->waits, "Return when it runs nothing any more");
  command->add_flag("--undo", arguments->is_undone, "Let it take tasks again");
  command->callback([&line, arguments] { line.action = [&line, arguments] { return drain(line.common, *arguments); }; });
}

}  // namespace stint::cli
