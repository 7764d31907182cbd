#include <unistd.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "apps/stint-agent/run_agent.hpp"
#include "apps/stint/agent_key.hpp"
#include "apps/stint/command_line.hpp"
#include "apps/stint/connection.hpp"
#include "apps/stint/follow.hpp"
#include "apps/stint/json_output.hpp"
#include "apps/stint/report.hpp"
#include "apps/stint/terminal.hpp"
#include "base/utc.hpp"
#include "client/exit_status.hpp"
#include "client/text.hpp"
#include "client/watch_pages.hpp"
#include "core/model/quantity.hpp"

namespace stint::cli {
namespace {

constexpr std::size_t kAgentsMax = 100'000;
constexpr std::size_t kClaimsShown = 3;

std::string join(const std::vector<std::string>& words, const char* separator) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : separator) + word;
  return text;
}

std::string agent_path(const std::string& name) { return "/v1/agents/" + client::encode_segment(name); }

/// `2/4` of what is used and there; `-` if there is nothing.
std::string used_text(std::int64_t used, std::int64_t all, std::string (*show)(std::int64_t)) {
  return all == 0 ? "-" : show(used) + "/" + show(all);
}
std::string show_count(std::int64_t count) { return std::to_string(count); }

constexpr Duration kPersonShown = std::chrono::hours{24};  ///< after she was seen

/// Machines unless they were revoked; a person while she holds something or was seen lately: who has answered once is not listed for ever.
bool is_shown(const client::AgentView& agent) {
  if (agent.state == "revoked") return false;
  if (!agent.is_person || agent.running > 0) return true;
  const auto seen = parse_utc(agent.last_seen_at);
  return seen && wall_now() - *seen < kPersonShown;
}

std::string claimed_tasks(const client::AgentView& person) {
  std::vector<std::string> tasks;
  for (const auto& claim : person.claims) tasks.push_back(claim.task);
  if (tasks.size() > kClaimsShown) tasks.resize(kClaimsShown);
  return join(tasks, ", ") + (person.running > tasks.size() ? ", …" : "");
}

/// When the first of her claims runs out.
std::string first_lease(const client::AgentView& person) {
  std::string first;
  for (const auto& claim : person.claims)
    if (first.empty() || claim.lease_until < first) first = claim.lease_until;
  return client::show_time(first);
}

void add_person(client::Table& people, const client::AgentView& person) {
  people.add({person.name, person.state, std::to_string(person.running), claimed_tasks(person), first_lease(person),
              client::show_ago(person.last_seen_at, wall_now())});
}

int list(const CommonOptions& options, bool is_all) {
  Connection connection(options, Patience::short_);
  const auto page = connection.api().list("/v1/agents", {}, kAgentsMax);
  if (!page) return report_error(options, page.error());
  if (options.json) {
    print_line(to_json(*page));
    return client::kExitOk;
  }
  client::Table table({{"AGENT"},
                       {"STATE", client::Align::left, client::style_of_state},
                       {"CPU"},
                       {"MEMORY"},
                       {"GPU"},
                       {"RUNNING", client::Align::right},
                       {"TYPES"},
                       {"SEEN"},
                       {"SKEW"},
                       {"NOTES"}});
  client::Table people({{"PERSON"},
                        {"STATE", client::Align::left, client::style_of_state},
                        {"HOLDS", client::Align::right},
                        {"TASKS"},
                        {"UNTIL"},
                        {"SEEN"}});
  for (const std::string& item : page->items) {
    const auto agent = client::parse_agent_view(item);
    if (!agent) return report_error(options, agent.error());
    if (!is_all && !is_shown(*agent)) continue;
    if (agent->is_person) {
      add_person(people, *agent);
      continue;
    }
    table.add({agent->name, agent->state, used_text(agent->used.cpu_millis, agent->resources.cpu_millis, client::show_cpu),
               used_text(agent->used.memory_bytes, agent->resources.memory_bytes, client::show_bytes),
               used_text(agent->used.gpus, agent->resources.gpus, show_count), std::to_string(agent->running),
               agent->types.empty() || agent->types.size() == kAgentTypes ? "all" : join(agent->types, ","),
               agent->state == "connected" ? "now" : client::show_ago(agent->last_seen_at, wall_now()),
               agent->skew_ms ? std::to_string(*agent->skew_ms) + " ms" : "-", join(agent->notes, "; ")});
  }
  if (table.is_empty()) notice("no agents; `stint agent token --name NAME --key-file FILE` makes a key for one");
  if (!table.is_empty()) write_all(STDOUT_FILENO, table.render(paint_of(STDOUT_FILENO)));
  if (!people.is_empty()) write_all(STDOUT_FILENO, (table.is_empty() ? "" : "\n") + people.render(paint_of(STDOUT_FILENO)));
  return client::kExitOk;
}

int show(const CommonOptions& options, const std::string& name) {
  Connection connection(options, Patience::short_);
  const auto agent = connection.api().get(agent_path(name));
  if (!agent) return report_error(options, agent.error());
  if (options.json) {
    print_line(*agent);
    return client::kExitOk;
  }
  const auto view = client::parse_agent_view(*agent);
  if (!view) return report_error(options, view.error());
  for (const client::StyledLine& styled : client::agent_lines(*view, wall_now()))
    print_line(styled.paint(paint_of(STDOUT_FILENO), styled.width()));
  return client::kExitOk;
}

struct TokenArguments {
  std::string name;
  std::string key_file;
};

int make_token(const CommonOptions& options, const TokenArguments& arguments) {
  Connection connection(options, Patience::short_);
  const auto key = register_agent(connection.api(), arguments.name);
  if (!key) return report_error(options, key.error());
  if (const Status written = write_key_file(arguments.key_file, *key); !written) return report_error(options, written.error());
  if (options.json) {
    print_line("{\"name\":" + json_string(key->name) + ",\"number\":" + std::to_string(key->number) +
               ",\"key_file\":" + json_string(arguments.key_file) + ",\"server\":" + json_string(key->server) + "}");
    return client::kExitOk;
  }
  print_line("agent " + key->name + " (number " + std::to_string(key->number) + "): key in " + arguments.key_file + "; start it with");
  print_line("  stint agent start --key-file " + arguments.key_file);
  return client::kExitOk;
}

int revoke(const CommonOptions& options, const std::string& name) {
  Connection connection(options, Patience::short_);
  const auto answer = connection.api().post(agent_path(name) + "/revoke", "{}", client::Api::Repeat::always);
  if (!answer) return report_error(options, answer.error());
  print_line(options.json ? *answer : name + ": revoked; its key is worth nothing any more");
  return client::kExitOk;
}

struct StartArguments {
  std::string key_file, name, cpu, memory, gpu, storage, cache_size;
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

Result<std::int64_t> parse_gpus(std::string_view text) {
  std::int64_t gpus = 0;
  const bool is_number = CLI::detail::lexical_cast(std::string(text), gpus);
  if (!is_number || gpus < 0 || gpus > 9999)
    return fail(Errc::invalid_argument, "expected a number of whole GPUs, got \"" + std::string(text) + "\"");
  return gpus;
}

Result<AgentHostOptions> make_host_options(const CommonOptions& options, const StartArguments& arguments) {
  AgentHostOptions host;
  host.key_file = arguments.key_file;
  host.name = arguments.name;
  host.state_dir = options.state_dir;
  if (!options.server.empty()) host.servers.push_back(options.server);
  STINT_TRY_VOID(set_amount(host.cpu_millis, "--cpu", arguments.cpu, core::parse_cpu));
  STINT_TRY_VOID(set_amount(host.memory_bytes, "--memory", arguments.memory, core::parse_bytes));
  STINT_TRY_VOID(set_amount(host.gpus, "--gpu", arguments.gpu, parse_gpus));
  STINT_TRY_VOID(set_amount(host.storage_bytes, "--storage", arguments.storage, core::parse_bytes));
  STINT_TRY_VOID(set_amount(host.cache_bytes, "--cache-size", arguments.cache_size, core::parse_bytes));
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
  host.insecure_plaintext = arguments.insecure_plaintext;
  return host;
}

void add_start_command(CLI::App& agent, CommandLine& line) {
  CLI::App* command =
      add_command(agent, line, "start", "Take tasks from a scheduler and run them here, in the foreground",
                  "  stint agent start --key-file box7.json\n"
                  "  stint agent start --key-file box7.json --cpu 8 --memory 32Gi --gpu 2 --type trainer --label zone=b\n\n"
                  "What is not declared is what the machine has.\n"
                  "SIGTERM: leaves; tasks run on and are found again at the next start. SIGINT: takes nothing new and ends when its tasks\n"
                  "have; a second one ends the tasks.");
  auto arguments = std::make_shared<StartArguments>();
  command->add_option("--key-file", arguments->key_file, "Who this agent is; `stint agent token` writes it")->required();
  command->add_option("--name", arguments->name, "Shown in `stint agent list` [the key file's]");
  command->add_option("--cpu", arguments->cpu, "Cores offered: 8, 500m");
  command->add_option("--memory", arguments->memory, "Memory offered: 32Gi");
  command->add_option("--gpu", arguments->gpu, "Whole GPUs offered");
  command->add_option("--storage", arguments->storage, "Disk offered: 100Gi");
  command->add_option("--cache-size", arguments->cache_size, "Files fetched for tasks, kept for the next ones: 20Gi");
  command->add_option("--type", arguments->types, "trainer, inferencer, crawler, labeller, rater; may be given again [all]")
      ->allow_extra_args(false);
  command->add_option("--label", arguments->labels, "KEY=VALUE; may be given again")->allow_extra_args(false);
  command->add_option("--shared-path", arguments->shared_paths, "A directory that other machines see under the same path")
      ->allow_extra_args(false);
  command->add_flag("--insecure-plaintext", arguments->insecure_plaintext,
                    "Allow a scheduler beyond this machine: frames are signed, but not secret");
  command->callback([&line, arguments] {
    line.action = [&line, arguments] {
      const auto host = make_host_options(line.common, *arguments);
      return host ? run_agent(*host) : usage_error(line.common, host.error().detail);
    };
  });
}

}  // namespace

void add_agent_commands(CLI::App& app, CommandLine& line) {
  CLI::App* agent = app.add_subcommand("agent", "Agents: the workers that take tasks");
  agent->require_subcommand(1);
  add_start_command(*agent, line);

  auto is_all = std::make_shared<bool>(false);
  CLI::App* list_command = add_command(*agent, line, "list", "List agents with what they offer and what they cannot enforce",
                                       "  stint agent list\n  stint agent list --all --json");
  list_command->add_flag("--all", *is_all, "Also those that were revoked, and people who hold nothing and were not seen for a day");
  list_command->callback([&line, is_all] { line.action = [&line, is_all] { return list(line.common, *is_all); }; });

  auto name = std::make_shared<std::string>();
  CLI::App* show_command = add_command(*agent, line, "show", "All that is known of one agent", "  stint agent show box7");
  show_command->add_option("name", *name, "The agent's name")->required();
  show_command->callback([&line, name] { line.action = [&line, name] { return show(line.common, *name); }; });

  auto token = std::make_shared<TokenArguments>();
  CLI::App* token_command = add_command(*agent, line, "token", "Register an agent and write its key file (0600)",
                                        "  stint agent token --name box7 --key-file box7.json");
  token_command->add_option("--name", token->name, "The agent's name")->required();
  token_command->add_option("--key-file", token->key_file, "File to write")->required();
  token_command->callback([&line, token] { line.action = [&line, token] { return make_token(line.common, *token); }; });

  add_drain_command(*agent, line);

  CLI::App* revoke_command = add_command(*agent, line, "revoke", "Make an agent's key worthless at once", "  stint agent revoke box7");
  revoke_command->add_option("name", *name, "The agent's name")->required();
  revoke_command->callback([&line, name] { line.action = [&line, name] { return revoke(line.common, *name); }; });
}

}  // namespace stint::cli
