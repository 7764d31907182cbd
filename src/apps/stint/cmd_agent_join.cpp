#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>

#include "apps/stint-agent/environment.hpp"
#include "apps/stint-agent/join_cell.hpp"
#include "apps/stint-agent/run_agent.hpp"
#include "apps/stint/command_line.hpp"
#include "apps/stint/json_output.hpp"
#include "apps/stint/report.hpp"
#include "client/exit_status.hpp"
#include "core/model/quantity.hpp"

namespace stint::cli {
namespace {

struct StartArguments {
  std::string key_file, name, cpu, memory, gpu, storage, cache_size, prefetch;
  std::vector<std::string> types, labels, shared_paths;
  bool insecure_plaintext = false;
};

template <class Parse>
Status set_amount(std::optional<std::int64_t>& target, const char* option, const std::string& text, Parse parse) {
  if (text.empty()) return {};
  const auto amount = parse(text);
  if (!amount) return fail(Errc::invalid_argument, std::string(option) + ": " + amount.error().detail);
  target = *amount;
  return {};
}

Result<std::int64_t> parse_count(std::string_view text) {
  std::int64_t count = 0;
  const bool is_number = CLI::detail::lexical_cast(std::string(text), count);
  if (!is_number || count < 0 || count > 9999)
    return fail(Errc::invalid_argument, "expected a whole number from 0 to 9999, got \"" + std::string(text) + "\"");
  return count;
}

/// What `stint agent join` wrote here.
Result<std::string> find_key_file(const CommonOptions& options) {
  STINT_TRY(const std::string base, find_base_dir(options.state_dir));
  std::string path = joined_key_file(base);
  if (std::error_code ignored; std::filesystem::exists(path, ignored)) return path;
  return fail(Errc::not_found,
              path +
                  " is not there: this machine has not joined yet; `stint agent token` where the scheduler is prints the line "
                  "to paste here, or name a key file with --key-file");
}

Result<AgentHostOptions> make_host_options(const CommonOptions& options, const StartArguments& arguments) {
  AgentHostOptions host;
  host.key_file = arguments.key_file;
  if (host.key_file.empty()) {
    STINT_TRY(host.key_file, find_key_file(options));
  }
  host.name = arguments.name;
  host.state_dir = options.state_dir;
  if (!options.server.empty()) host.servers.push_back(options.server);
  STINT_TRY_VOID(set_amount(host.cpu_millis, "--cpu", arguments.cpu, core::parse_cpu));
  STINT_TRY_VOID(set_amount(host.memory_bytes, "--memory", arguments.memory, core::parse_bytes));
  STINT_TRY_VOID(set_amount(host.gpus, "--gpu", arguments.gpu, parse_count));
  STINT_TRY_VOID(set_amount(host.storage_bytes, "--storage", arguments.storage, core::parse_bytes));
  STINT_TRY_VOID(set_amount(host.cache_bytes, "--cache-size", arguments.cache_size, core::parse_bytes));
  STINT_TRY_VOID(set_amount(host.prefetch, "--prefetch", arguments.prefetch, parse_count));
  for (const std::string& word : arguments.types) {
    const auto type = parse_agent_type(word);
    if (!type)
      return fail(Errc::invalid_argument, "--type: expected trainer, inferencer, crawler, labeller or rater, got \"" + word + "\"");
    host.types.push_back(*type);
  }
  for (const std::string& label : arguments.labels) {
    const std::size_t equals = label.find('=');
    if (equals == std::string::npos || equals == 0)
      return fail(Errc::invalid_argument, "--label: expected KEY=VALUE, got \"" + label + "\"");
    host.labels.emplace_back(label.substr(0, equals), label.substr(equals + 1));
  }
  host.shared_paths = arguments.shared_paths;
  host.tls.cell_pin = options.cell_pin;
  host.tls.ca_file = options.ca_file;
  host.insecure_plaintext = arguments.insecure_plaintext;
  return host;
}

/// What the machine offers; what is not declared is what it has.
void add_offer_options(CLI::App& command, StartArguments& arguments) {
  command.add_option("--cpu", arguments.cpu, "Cores offered: 8, 500m");
  command.add_option("--memory", arguments.memory, "Memory offered: 32Gi");
  command.add_option("--gpu", arguments.gpu, "Whole GPUs offered");
  command.add_option("--storage", arguments.storage, "Disk offered: 100Gi");
  command.add_option("--cache-size", arguments.cache_size, "Files fetched for tasks, kept for the next ones: 20Gi");
  command.add_option("--prefetch", arguments.prefetch, "Short tasks that may wait here for CPUs to become free; 0: none [2 for each CPU]");
  command.add_option("--type", arguments.types, "trainer, inferencer, crawler, labeller, rater; may be given again [all]")
      ->allow_extra_args(false);
  command.add_option("--label", arguments.labels, "KEY=VALUE; may be given again")->allow_extra_args(false);
  command.add_option("--shared-path", arguments.shared_paths, "A directory that other machines see under the same path")
      ->allow_extra_args(false);
  command.add_flag("--insecure-plaintext", arguments.insecure_plaintext,
                   "Speak to a scheduler beyond this machine without TLS: everybody on the way can read it");
}

void add_start_command(CLI::App& agent, CommandLine& line) {
  CLI::App* command =
      add_command(agent, line, "start", "Take tasks from a scheduler and run them here, in the foreground",
                  "  stint agent start\n"
                  "  stint agent start --key-file box7.json --cpu 8 --memory 32Gi --gpu 2 --type trainer --label zone=b\n\n"
                  "What is not declared is what the machine has.\n"
                  "SIGTERM: leaves; tasks run on and are found again at the next start. SIGINT: takes nothing new and ends when its tasks\n"
                  "have; a second one ends the tasks.");
  auto arguments = std::make_shared<StartArguments>();
  command->add_option("--key-file", arguments->key_file, "Who this agent is; written by join or `stint agent token` [STATE/agent.json]");
  command->add_option("--name", arguments->name, "Shown in `stint agent list` [the key file's]");
  add_offer_options(*command, *arguments);
  command->callback([&line, arguments] {
    line.action = [&line, arguments] {
      const auto host = make_host_options(line.common, *arguments);
      return host ? run_agent(*host) : usage_error(line.common, host.error().detail);
    };
  });
}

struct JoinArguments {
  std::string server, token, timeout;
  bool starts = false;
  StartArguments start;
};

Result<JoinOptions> make_join_options(const CommonOptions& options, const JoinArguments& arguments) {
  JoinOptions join;
  join.server = arguments.server;
  join.token = arguments.token;
  join.name = arguments.start.name;
  join.key_file = arguments.start.key_file;
  join.state_dir = options.state_dir;
  join.tls.cell_pin = options.cell_pin;
  join.tls.ca_file = options.ca_file;
  join.insecure_plaintext = arguments.start.insecure_plaintext;
  if (arguments.timeout.empty()) return join;
  const auto timeout = core::parse_duration(arguments.timeout);
  if (!timeout) return fail(Errc::invalid_argument, "--timeout: " + timeout.error().detail);
  join.timeout = *timeout;
  return join;
}

int say_joined(const CommonOptions& options, const Joined& joined) {
  if (options.json) {
    print_line("{\"name\":" + json_string(joined.name) + ",\"number\":" + std::to_string(joined.agent.value) +
               ",\"key_file\":" + json_string(joined.key_file) + ",\"server\":" + json_string(joined.server) + "}");
    return client::kExitOk;
  }
  print_line("agent " + joined.name + " (number " + std::to_string(joined.agent.value) + ")" +
             (joined.was_there ? " had joined already" : " has joined") + ": key in " + joined.key_file + "; start it with");
  print_line("  stint agent start --key-file " + joined.key_file);
  return client::kExitOk;
}

int join(const CommonOptions& options, const JoinArguments& arguments) {
  const auto wanted = make_join_options(options, arguments);
  if (!wanted) return usage_error(options, wanted.error().detail);
  const auto joined = join_cell(*wanted);
  if (!joined && joined.error().code == Errc::invalid_argument) return usage_error(options, joined.error().detail);
  if (!joined) return report_error_as_it_is(options, joined.error());  // it says what to do
  if (!arguments.starts) return say_joined(options, *joined);
  StartArguments start = arguments.start;
  start.key_file = joined->key_file;
  start.name = joined->name;
  const auto host = make_host_options(options, start);
  if (!host) return usage_error(options, host.error().detail);
  notice("agent " + joined->name + " (number " + std::to_string(joined->agent.value) + "): key in " + joined->key_file + "; starts");
  return run_agent(*host);
}

void add_join_command(CLI::App& agent, CommandLine& line) {
  CLI::App* command =
      add_command(agent, line, "join", "Make this machine an agent of a cell, with the line that `stint agent token` printed",
                  "  stint agent join box1:7464 st1_...\n"
                  "  stint agent join box1:7464 st1_... --start --cpu 8 --gpu 2\n\n"
                  "Makes this machine's own key, trades the token for its number, and writes the key file (0600). The same line may be\n"
                  "used again here, until the token expires, if the answer was lost. Waits for a scheduler that cannot be reached.");
  auto arguments = std::make_shared<JoinArguments>();
  command->add_option("address", arguments->server, "HOST[:PORT] of the scheduler")->required();
  command->add_option("token", arguments->token, "The word that begins with st1_")->required();
  command->add_option("--name", arguments->start.name, "What the agent will be called, if the token does not say [this host's name]");
  command->add_option("--key-file", arguments->start.key_file, "File to write [STATE/agent.json]");
  command->add_option("--timeout", arguments->timeout, "How long to wait for a scheduler that cannot be reached [5m]");
  command->add_flag("--start", arguments->starts, "Then take tasks, as `stint agent start`; what the machine offers may be said here");
  add_offer_options(*command, arguments->start);
  command->callback([&line, arguments] { line.action = [&line, arguments] { return join(line.common, *arguments); }; });
}

}  // namespace

void add_agent_join_commands(CLI::App& agent, CommandLine& line) {
  add_join_command(agent, line);
  add_start_command(agent, line);
}

}  // namespace stint::cli
