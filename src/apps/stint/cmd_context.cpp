#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <memory>

#include "apps/stint/command_line.hpp"
#include "apps/stint/connection.hpp"
#include "apps/stint/report.hpp"
#include "client/context.hpp"
#include "client/exit_status.hpp"
#include "client/glyphs.hpp"
#include "client/text.hpp"

namespace stint::cli {
namespace {

namespace json = boost::json;

/// What the scheduler says of itself and of the token; null where it does not answer.
struct Answers {
  json::value info, caller;
  std::string problem;  ///< why something is null; empty: nothing is
};

json::value ask(client::Api& api, const char* path, std::string& problem) {
  const auto answer = api.get(path);
  if (!answer && problem.empty()) problem = answer.error().detail;
  json::error_code failed;
  json::value value = answer ? json::parse(*answer, failed) : json::value(nullptr);
  return value;
}

Answers ask_scheduler(const CommonOptions& options) {
  Connection connection(options, Patience::none);
  Answers answers;
  answers.caller = ask(connection.api(), "/v1/whoami", answers.problem);
  if (answers.problem.empty()) answers.info = ask(connection.api(), "/v1/info", answers.problem);
  return answers;
}

std::string text_of(const json::value& object, const char* key) {
  const json::value* value = object.is_object() ? object.get_object().if_contains(key) : nullptr;
  return value != nullptr && value->is_string() ? client::printable(std::string_view(value->get_string())) : std::string();
}

std::string scopes_of(const json::value& caller) {
  std::string text;
  const json::value* scopes = caller.is_object() ? caller.get_object().if_contains("scopes") : nullptr;
  if (scopes == nullptr || !scopes->is_array()) return text;
  for (const json::value& scope : scopes->get_array())
    if (scope.is_string()) text += (text.empty() ? "" : ", ") + std::string(scope.get_string());
  return text;
}

std::string where_from(const std::string& from) {
  if (from == "--server" || from.starts_with("STINT_")) return from;
  return from.ends_with("/context.json") ? "the context file " + from : "the file " + from;
}

void print_context(const Target& target, const Answers& answers) {
  print_line("server   " + target.server + ", from " + where_from(target.server_from));
  std::string token = target.token.empty() ? "none" : "from " + where_from(target.token_from);
  if (!answers.caller.is_null()) {
    const std::string ends = text_of(answers.caller, "expires_at");
    token = text_of(answers.caller, "name") + " (" + scopes_of(answers.caller) + "), " +
            (ends.empty() ? "without an end" : "until " + client::show_time(ends) + " UTC") + ", " + token;
  }
  print_line("token    " + token);
  if (answers.info.is_null()) return;
  print_line("cell     " + text_of(answers.info, "cell") + ", version " + text_of(answers.info, "version") + ", up since " +
             client::show_time(text_of(answers.info, "started_at")) + " UTC");
  print_line("state    " + text_of(answers.info, "state_dir") + " where the scheduler runs");
}

std::string context_json(const Target& target, const Answers& answers) {
  return json::serialize(json::object{{"server", target.server},
                                      {"server_from", target.server_from},
                                      {"token_from", target.token.empty() ? json::value(nullptr) : json::value(target.token_from)},
                                      {"token", answers.caller},
                                      {"scheduler", answers.info},
                                      {"problem", answers.problem.empty() ? json::value(nullptr) : json::value(answers.problem)}});
}

int show_context(const CommonOptions& options, bool only_address) {
  const auto target = find_target(options);
  if (!target) return report_error(options, target.error());
  if (const auto address = client::parse_server(target->server); !address) return report_error(options, address.error());
  if (only_address && !options.json) {
    print_line(target->server);
    return client::kExitOk;
  }
  const Answers answers = ask_scheduler(options);
  if (options.json)
    print_line(context_json(*target, answers));
  else
    print_context(*target, answers);
  if (answers.problem.empty()) return client::kExitOk;
  notice(answers.problem);
  return client::kExitSomeFailed;
}

}  // namespace

void add_context_command(CLI::App& app, CommandLine& line) {
  CLI::App* command = add_command(app, line, "context", "Which scheduler the commands speak to, with which token, and what says so",
                                  "  stint context\n"
                                  "  curl \"$(stint context --address)/healthz\"\n\n"
                                  "Exit status 1 if the scheduler does not answer, or does not know the token.");
  auto only_address = std::make_shared<bool>(false);
  command->add_flag("--address", *only_address, "Print the address alone; nobody is asked");
  command->callback([&line, only_address] { line.action = [&line, only_address] { return show_context(line.common, *only_address); }; });
}

}  // namespace stint::cli
