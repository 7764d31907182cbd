#include "apps/stint/connection.hpp"

#include <unistd.h>

#include "apps/stint/files.hpp"
#include "apps/stint/interrupts.hpp"
#include "apps/stint/report.hpp"
#include "apps/stint/terminal.hpp"
#include "client/context.hpp"

namespace stint::cli {
namespace {

constexpr Duration kShortPatience = std::chrono::seconds{10};
constexpr Duration kLongPatience = std::chrono::minutes{15};
constexpr Duration kGlanceTimeout = std::chrono::milliseconds{80};
constexpr Duration kImpatientTimeout = std::chrono::seconds{5};

std::string trimmed(std::string text) {
  text.erase(text.find_last_not_of(" \t\r\n") + 1);
  return text;
}

Result<std::string> context_path(const CommonOptions& options) {
  STINT_TRY(const std::string state_dir, find_state_dir(options));
  return state_dir + "/context.json";
}

Result<client::Context> read_context(const std::string& path) {
  const auto text = read_file(path);
  if (!text && text.error().code == Errc::not_found)
    return fail(Errc::not_found,
                "no scheduler known: " + path + " does not exist; start one with `stint dev`, or name one with --server or STINT_SERVER");
  if (!text) return tl::unexpected<Error>(text.error());
  auto context = client::parse_context(*text);
  if (!context) return fail(context.error().code, path + ": " + context.error().detail);
  return context;
}

/// What options and environment say; the rest is left empty.
Result<Target> chosen_target(const CommonOptions& options) {
  Target target;
  target.server = options.server.empty() ? environment("STINT_SERVER") : options.server;
  if (!target.server.empty()) target.server_from = options.server.empty() ? "STINT_SERVER" : "--server";
  if (options.token_file.empty()) {
    target.token = environment("STINT_TOKEN");
  } else {
    STINT_TRY(std::string text, read_file(options.token_file));
    target.token = trimmed(std::move(text));
    if (target.token.empty()) return fail(Errc::invalid_argument, options.token_file + ": no token in it");
  }
  if (!target.token.empty()) target.token_from = options.token_file.empty() ? "STINT_TOKEN" : options.token_file;
  return target;
}

client::Api::Options api_options(Patience patience) {
  client::Api::Options options;
  if (patience == Patience::none || patience == Patience::glance) {
    options.patience = Duration::zero();
    options.timeout = patience == Patience::none ? kImpatientTimeout : kGlanceTimeout;
    return options;
  }
  options.patience = patience == Patience::long_ ? kLongPatience : kShortPatience;
  // Not into a pipe: there stderr is the task's alone.
  options.on_outage = [](const Error& error) {
    if (is_terminal(STDERR_FILENO) && !wants_to_leave()) notice(error.detail + "; trying again");
  };
  return options;
}

}  // namespace

Result<Target> find_target(const CommonOptions& options) {
  STINT_TRY(Target target, chosen_target(options));
  if (!target.server.empty() && !target.token.empty()) return target;
  const auto path = context_path(options);
  const auto context = path ? read_context(*path) : Result<client::Context>(tl::unexpected<Error>(path.error()));
  if (!context && target.server.empty()) return tl::unexpected<Error>(context.error());
  if (!context) return target;
  if (target.server.empty()) {
    target.server = context->server;
    target.server_from = *path;
  }
  // A token is for its own server only.
  if (target.token.empty() && target.server == context->server) {
    target.token = context->token;
    target.token_from = *path;
  }
  return target;
}

Result<adapters::HttpEndpoint> find_endpoint(const CommonOptions& options) {
  STINT_TRY(const Target target, find_target(options));
  STINT_TRY(const client::ServerAddress address, client::parse_server(target.server));
  return adapters::HttpEndpoint{address.host, address.port, target.token};
}

Connection::Connection(const CommonOptions& options, Patience patience)
    : http_([options] { return find_endpoint(options); },
            [patience] { return wants_to_leave() || (patience == Patience::none && interrupts_seen() > 0); }),
      api_(http_, api_options(patience)) {}

Result<std::uint64_t> find_newest_job(client::Api& api) {
  STINT_TRY(const std::string json, api.get("/v1/jobs/last"));
  STINT_TRY(const client::JobView job, client::parse_job_view(json));
  return job.id;
}

}  // namespace stint::cli
