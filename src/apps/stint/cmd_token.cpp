#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <memory>

#include "apps/stint/command_line.hpp"
#include "apps/stint/connection.hpp"
#include "apps/stint/json_output.hpp"
#include "apps/stint/report.hpp"
#include "client/exit_status.hpp"
#include "client/text.hpp"
#include "core/model/quantity.hpp"
#include "core/model/scope.hpp"
#include "core/model/similar_word.hpp"

namespace stint::cli {
namespace {

constexpr std::size_t kTokensMax = 1'000'000;  // those that ended are listed too

std::string join(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ",") + word;
  return text;
}

struct CreateArguments {
  std::string name;
  std::vector<std::string> scopes;
  std::string ttl;
};

Result<std::string> scopes_json(const std::vector<std::string>& words) {
  std::vector<std::string_view> known;
  for (const auto scope : core::kScopes) known.push_back(core::to_string(scope));
  std::string text;
  for (const std::string& word : words) {
    if (!core::parse_scope(word))
      return fail(Errc::invalid_argument,
                  "--scope: \"" + word + "\" is none of read, submit, work, operate, admin" + core::suggestion(word, known));
    text += (text.empty() ? "" : ",") + json_string(word);
  }
  return "[" + text + "]";
}

Result<std::string> make_request(const CreateArguments& arguments) {
  STINT_TRY(const std::string scopes, scopes_json(arguments.scopes));
  std::string body = "{\"name\":" + json_string(arguments.name) + ",\"scopes\":" + scopes;
  if (!arguments.ttl.empty()) {
    const auto ttl = core::parse_duration(arguments.ttl);
    if (!ttl) return fail(Errc::invalid_argument, "--ttl: " + ttl.error().detail);
    if (*ttl < std::chrono::milliseconds{1}) return fail(Errc::invalid_argument, "--ttl: the token would have expired already");
    body += ",\"ttl_ms\":" + std::to_string(to_ms(*ttl));
  }
  return body + "}";
}

int create(const CommonOptions& options, const CreateArguments& arguments) {
  const auto request = make_request(arguments);
  if (!request) return usage_error(options, request.error().detail);
  Connection connection(options, Patience::short_);
  const auto answer = connection.api().post("/v1/tokens", *request, client::Api::Repeat::when_not_done);
  if (!answer) return report_error(options, answer.error());
  if (options.json) {
    print_line(*answer);
    return client::kExitOk;
  }
  const auto token = client::parse_token_view(*answer);
  if (!token) return report_error(options, token.error());
  print_line(token->token);
  notice("token " + token->name + " (" + join(token->scopes) + "), " +
         (token->expires_at.empty() ? "without an end" : "until " + client::show_time(token->expires_at) + " UTC") +
         ": keep it now, it is not shown again. Use it with STINT_TOKEN, or in a file with --token-file");
  return client::kExitOk;
}

int list(const CommonOptions& options, bool is_all) {
  Connection connection(options, Patience::short_);
  const auto page = connection.api().list("/v1/tokens", {}, kTokensMax);
  if (!page) return report_error(options, page.error());
  if (options.json) {
    print_line(to_json(*page));
    return client::kExitOk;
  }
  client::Table table({{"TOKEN"}, {"ID", client::Align::right}, {"SCOPES"}, {"STATE"}, {"EXPIRES"}, {"LAST USED"}, {"BY"}});
  for (const std::string& item : page->items) {
    const auto token = client::parse_token_view(item);
    if (!token) return report_error(options, token.error());
    if (!is_all && token->state != "valid") continue;
    table.add({token->name, std::to_string(token->id), join(token->scopes), token->state,
               token->expires_at.empty() ? "never" : client::show_time(token->expires_at), client::show_time(token->last_used_at),
               token->created_by});
  }
  if (table.is_empty()) notice("no tokens but `local`, the context file's; `stint token create NAME --scope read` makes one");
  if (!table.is_empty()) write_all(STDOUT_FILENO, table.render());
  return client::kExitOk;
}

int revoke(const CommonOptions& options, const std::string& name) {
  Connection connection(options, Patience::short_);
  const auto answer = connection.api().remove("/v1/tokens/" + client::encode_segment(name));
  if (!answer) return report_error(options, answer.error());
  print_line(options.json ? *answer : name + ": revoked; it is worth nothing any more");
  return client::kExitOk;
}

}  // namespace

void add_token_commands(CLI::App& app, CommandLine& line) {
  CLI::App* token = app.add_subcommand("token", "API tokens: who may do what");
  token->require_subcommand(1);

  auto arguments = std::make_shared<CreateArguments>();
  CLI::App* create_command =
      add_command(*token, line, "create", "Make a token and print it, once",
                  "  stint token create ci --scope submit --ttl 30d\n"
                  "  stint token create ann --scope work,submit > ann.token\n\n"
                  "read: look. submit: submit jobs, cancel one's own. work: claim and answer tasks. operate: agents, and the\n"
                  "jobs of others. admin: tokens, and all the rest. Each but read includes read.");
  create_command->add_option("name", arguments->name, "Who or what will use it: letters, digits, -, _ and .; shown in events")->required();
  create_command->add_option("--scope", arguments->scopes, "read, submit, work, operate, admin; several with commas, or given again")
      ->required()
      ->allow_extra_args(false)
      ->delimiter(',');
  create_command->add_option("--ttl", arguments->ttl, "How long it is valid: 12h, 30d [without an end]");
  create_command->callback([&line, arguments] { line.action = [&line, arguments] { return create(line.common, *arguments); }; });

  auto is_all = std::make_shared<bool>(false);
  CLI::App* list_command =
      add_command(*token, line, "list", "List tokens; never the tokens themselves", "  stint token list\n  stint token list --all --json");
  list_command->add_flag("--all", *is_all, "Those that expired or were revoked too");
  list_command->callback([&line, is_all] { line.action = [&line, is_all] { return list(line.common, *is_all); }; });

  auto name = std::make_shared<std::string>();
  CLI::App* revoke_command =
      add_command(*token, line, "revoke", "Make a token worthless at once", "  stint token revoke ci\n  stint token revoke 3");
  revoke_command->add_option("name", *name, "The token's name or id")->required();
  revoke_command->callback([&line, name] { line.action = [&line, name] { return revoke(line.common, *name); }; });
}

}  // namespace stint::cli
