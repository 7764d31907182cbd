#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/json.hpp>
#include <memory>

#include "adapters/agent_host/address.hpp"
#include "apps/stint/agent_key.hpp"
#include "apps/stint/command_line.hpp"
#include "apps/stint/connection.hpp"
#include "apps/stint/json_output.hpp"
#include "apps/stint/report.hpp"
#include "apps/stint/terminal.hpp"
#include "base/task_words.hpp"
#include "client/exit_status.hpp"
#include "client/text.hpp"
#include "core/model/agent.hpp"
#include "core/model/quantity.hpp"

namespace stint::cli {
namespace {

constexpr std::size_t kTokensMax = 1'000'000;  // those that ended are listed for a while
constexpr const char* kPath = "/v1/agents/tokens";
constexpr Duration kLifeMax = std::chrono::hours{24} * 30;  // as the scheduler has it; it judges too

struct TokenArguments {
  std::string name, key_file, ttl, address;
  std::vector<std::string> types, labels;
};

std::string join(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ",") + word;
  return text;
}

Result<std::string> labels_json(const std::vector<std::string>& labels) {
  std::string text;
  for (const std::string& label : labels) {
    const std::size_t equals = label.find('=');
    if (equals == std::string::npos || equals == 0)
      return fail(Errc::invalid_argument, "--label: expected KEY=VALUE, got \"" + label + "\"");
    text += (text.empty() ? "" : ",") + json_string(label.substr(0, equals)) + ":" + json_string(label.substr(equals + 1));
  }
  return "{" + text + "}";
}

Result<std::string> make_request(const TokenArguments& arguments) {
  STINT_TRY(const std::string labels, labels_json(arguments.labels));
  std::string types;
  for (const std::string& type : arguments.types)
    if (!parse_agent_type(type))
      return fail(Errc::invalid_argument, "--type: expected trainer, inferencer, crawler, labeller or rater, got \"" + type + "\"");
  if (!arguments.name.empty() && !core::is_agent_name(arguments.name))
    return fail(Errc::invalid_argument, "--name: 1 to 64 letters, digits, `-`, `_` or `.`, and not `tokens`");
  for (const std::string& type : arguments.types) types += (types.empty() ? "" : ",") + json_string(type);
  std::string body = "{\"types\":[" + types + "],\"labels\":" + labels;
  if (!arguments.name.empty()) body += ",\"name\":" + json_string(arguments.name);
  if (!arguments.ttl.empty()) {
    const auto ttl = core::parse_duration(arguments.ttl);
    if (!ttl) return fail(Errc::invalid_argument, "--ttl: " + ttl.error().detail);
    if (*ttl < std::chrono::milliseconds{1}) return fail(Errc::invalid_argument, "--ttl: the token would have expired already");
    if (*ttl > kLifeMax) return fail(Errc::invalid_argument, "--ttl: 30d at most, got " + arguments.ttl);
    body += ",\"ttl_ms\":" + std::to_string(to_ms(*ttl));
  }
  return body + "}";
}

/// `--address box` is that host with the scheduler's port.
Result<std::string> pick_address(const TokenArguments& arguments, const client::EnrolTokenView& token) {
  if (token.addresses.empty()) return fail(Errc::corrupt, "the scheduler says no address");
  if (arguments.address.empty()) return token.addresses.front();
  STINT_TRY(auto address, agent_host::parse_address(arguments.address));
  const bool has_port = arguments.address.ends_with(":" + address.port);
  STINT_TRY(const auto own, agent_host::parse_address(token.addresses.front()));
  if (!has_port) address.port = own.port;
  return address.text();
}

int print_json(std::string_view answer, const std::string& line) {
  boost::json::object object = boost::json::parse(answer).as_object();  // parse_enrol_token_view has read it
  object["line"] = line;
  print_line(boost::json::serialize(object));
  return client::kExitOk;
}

int make_token(const CommonOptions& options, const TokenArguments& arguments) {
  const auto request = make_request(arguments);
  if (!request) return usage_error(options, request.error().detail);
  Connection connection(options, Patience::short_);
  const auto answer = connection.api().post(kPath, *request, client::Api::Repeat::when_not_done);
  if (!answer) return report_error(options, answer.error());
  const auto token = client::parse_enrol_token_view(*answer);
  if (!token) return report_error(options, token.error());
  const auto address = pick_address(arguments, *token);
  if (!address) return report_error(options, address.error());
  const std::string line = "stint agent join " + *address + " " + token->token;
  if (options.json) return print_json(*answer, line);
  notice("paste this on the new machine, until " + client::show_time(token->expires_at) + " UTC; it lets one agent in, once:");
  print_line(line);
  if (arguments.address.empty() && token->addresses.size() > 1)
    notice("the scheduler also has " + join({token->addresses.begin() + 1, token->addresses.end()}) + "; --address chooses");
  return client::kExitOk;
}

int make_key_file(const CommonOptions& options, const TokenArguments& arguments) {
  if (arguments.name.empty()) return usage_error(options, "--name is missing: who is the key for?");
  if (!arguments.types.empty() || !arguments.labels.empty() || !arguments.ttl.empty() || !arguments.address.empty())
    return usage_error(options, "--key-file makes the key here and now: --ttl, --type, --label and --address are for a token to paste");
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

int list_tokens(const CommonOptions& options, bool is_all) {
  Connection connection(options, Patience::short_);
  const auto page = connection.api().list(kPath, {}, kTokensMax);
  if (!page) return report_error(options, page.error());
  if (options.json) {
    print_line(to_json(*page));
    return client::kExitOk;
  }
  client::Table table({{"TOKEN"}, {"NAME"}, {"TYPES"}, {"LABELS"}, {"STATE"}, {"AGENT"}, {"EXPIRES"}, {"BY"}});
  for (const std::string& item : page->items) {
    const auto token = client::parse_enrol_token_view(item);
    if (!token) return report_error(options, token.error());
    if (!is_all && token->state != "usable") continue;
    table.add({token->id, token->name.empty() ? "any" : token->name, token->types.empty() ? "all" : join(token->types),
               token->labels.empty() ? "-" : join(token->labels), token->state, token->agent.empty() ? "-" : token->agent,
               client::show_time(token->expires_at), token->created_by});
  }
  if (table.is_empty()) notice("no token is open; `stint agent token` prints the line with which a machine joins");
  if (!table.is_empty()) write_all(STDOUT_FILENO, table.render());
  return client::kExitOk;
}

int revoke_token(const CommonOptions& options, const std::string& word) {
  Connection connection(options, Patience::short_);
  const auto answer = connection.api().remove(std::string(kPath) + "/" + client::encode_segment(word));
  if (!answer) return report_error(options, answer.error());
  print_line(options.json ? *answer : word + ": revoked; nobody joins with it any more");
  return client::kExitOk;
}

void add_token(CLI::App& agent, CommandLine& line) {
  auto arguments = std::make_shared<TokenArguments>();
  CLI::App* command =
      add_command(agent, line, "token", "Print the line with which a new machine joins",
                  "  stint agent token\n"
                  "  stint agent token --name box7 --type trainer --label zone=b --ttl 1h\n"
                  "  stint agent token --name box7 --key-file box7.json\n\n"
                  "The token lets one agent in, once, until it expires. Types and labels bind that agent for ever. With\n"
                  "--key-file the agent's key is made here and written to a file (0600): copy it over a way that you trust.");
  command->add_option("--name", arguments->name, "What the agent will be called [it chooses: its host's name]");
  command->add_option("--ttl", arguments->ttl, "How long the token is good: 1h, 2d; 30d at most [15m]");
  command->add_option("--type", arguments->types, "The agent may serve this type only: trainer, inferencer, ...; may be given again [all]")
      ->allow_extra_args(false);
  command->add_option("--label", arguments->labels, "KEY=VALUE; the agent has exactly these; may be given again [it says its own]")
      ->allow_extra_args(false);
  command->add_option("--address", arguments->address, "HOST[:PORT] under which the new machine finds the scheduler");
  command->add_option("--key-file", arguments->key_file, "Register the agent now and write its key to this file");
  command->callback([&line, arguments] {
    line.action = [&line, arguments] {
      return arguments->key_file.empty() ? make_token(line.common, *arguments) : make_key_file(line.common, *arguments);
    };
  });
}

struct TokensArguments {
  bool is_all = false;
  std::string revoke;
};

}  // namespace

void add_agent_token_commands(CLI::App& agent, CommandLine& line) {
  add_token(agent, line);
  auto arguments = std::make_shared<TokensArguments>();
  CLI::App* command =
      add_command(agent, line, "tokens", "List the tokens with which machines may join, or take one back",
                  "  stint agent tokens\n  stint agent tokens --all --json\n  stint agent tokens --revoke 9f3c52d1a0b7e846");
  CLI::Option* all = command->add_flag("--all", arguments->is_all, "Those that were used, expired or revoked too");
  command->add_option("--revoke", arguments->revoke, "Let nobody in with this token any more: its id, or the name it gives")->excludes(all);
  command->callback([&line, arguments] {
    line.action = [&line, arguments] {
      return arguments->revoke.empty() ? list_tokens(line.common, arguments->is_all) : revoke_token(line.common, arguments->revoke);
    };
  });
}

}  // namespace stint::cli
