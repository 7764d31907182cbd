#include "scheduler/api/api.hpp"

#include <utility>

#include "wire/crypto.hpp"

namespace stint::scheduler::api {
namespace {

/// `jobs/12/tasks` -> `jobs`, and the rest without the slash.
std::string_view take_part(std::string_view& path) {
  const auto slash = path.find('/');
  const auto part = path.substr(0, slash);
  path = slash == std::string_view::npos ? std::string_view() : path.substr(slash + 1);
  return part;
}

Answer no_such_route(const ports::HttpRequest& request) {
  return refuse({404, "not_found", request.method + " " + request.path + ": no such route", request.path, "", "see schema/openapi.yaml"});
}

/// `allowed`: as the header Allow wants it (RFC 9110), `GET, POST`.
Answer wrong_method(const ports::HttpRequest& request, const std::string& allowed) {
  const Problem problem{405, "method_not_allowed", request.method + " is not possible on " + request.path, request.path,
                        "",  "use " + allowed};
  return [problem, allowed] {
    auto response = to_response(problem);
    response.headers.emplace_back("Allow", allowed);
    return response;
  };
}

bool is_this_machine(std::string_view peer) { return peer.starts_with("127.") || peer == "::1" || peer.starts_with("::ffff:127."); }

bool same_in_constant_time(const std::array<std::uint8_t, 32>& a, const std::array<std::uint8_t, 32>& b) {
  std::uint8_t difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i) difference = static_cast<std::uint8_t>(difference | (a[i] ^ b[i]));
  return difference == 0;
}

}  // namespace

void Api::on_request(ports::HttpRequest request, Now now) {
  const bool is_known = same_in_constant_time(wire::sha256(as_bytes(request.bearer_token)), cell_.facts.api_token_sha256);
  if (auto open = open_route(request, is_known)) return replies_.respond(request.id, open());
  if (!is_known)
    return replies_.respond(
        request.id, to_response({401, "unauthenticated",
                                 request.bearer_token.empty() ? "no bearer token" : "the bearer token is not known here", "Authorization",
                                 "", "the token stands in context.json of the scheduler's state directory; STINT_TOKEN names another"}));
  if (request.method != "GET" && !cell_.not_ready.empty())
    return replies_.respond(request.id, to_response({507, "no_space", "changes are refused: " + cell_.not_ready, "", "",
                                                     "free space on the disk of the state directory; running tasks go on"}));
  bool streaming = false;
  auto answer = route(request, now, streaming);
  if (!streaming) cell_.journal.turn().replies.push_back({request.id, std::move(answer)});
}

void Api::tell(std::vector<PendingReply>& replies) {
  for (auto& reply : replies) replies_.respond(reply.request, reply.make());
  replies.clear();
}

void Api::refuse_all(std::vector<PendingReply>& replies, const Problem& problem) {
  for (auto& reply : replies) replies_.respond(reply.request, to_response(problem));
  replies.clear();
}

/// What needs no token; an empty Answer for everything else. Metrics are open to this machine alone.
Answer Api::open_route(const ports::HttpRequest& request, bool is_known) {
  const bool is_open = request.path == "/healthz" || request.path == "/readyz" || request.path == "/metrics";
  if (is_open && request.method != "GET") return wrong_method(request, "GET");
  if (request.path == "/healthz") return say(200, R"({"status":"ok"})");
  if (request.path == "/readyz") {
    if (cell_.not_ready.empty()) return say(200, R"({"status":"ready"})");
    return refuse({503, "unavailable", cell_.not_ready, "", "", ""});
  }
  if (request.path == "/metrics") {
    if (!is_known && !is_this_machine(request.peer)) return {};
    return [this] {
      ports::HttpResponse response;
      response.content_type = "text/plain; version=0.0.4; charset=utf-8";
      response.body = metrics_();
      return response;
    };
  }
  if (request.path.rfind("/v1/", 0) != 0) return no_such_route(request);
  return {};
}

Answer Api::route(const ports::HttpRequest& request, Now now, bool& streaming) {
  std::string_view path(request.path);
  path.remove_prefix(4);  // "/v1/"
  const auto noun = take_part(path);
  const bool get = request.method == "GET";
  const bool post = request.method == "POST";
  if (noun == "jobs" && path.empty()) {
    if (post) return submit_job(cell_, request, now);
    return get ? list_jobs(cell_, request) : wrong_method(request, "GET, POST");
  }
  if (noun == "jobs") {
    const auto id = take_part(path);
    return route_job(id, path, request, now);
  }
  if (noun == "tasks" && !path.empty()) {
    const auto id = take_part(path);
    return route_task(id, path, request, now, streaming);
  }
  if (noun == "agents" && path.empty()) {
    if (post) return register_agent(cell_, request, now);
    return get ? list_agents(cell_, request) : wrong_method(request, "GET, POST");
  }
  if (noun == "agents") {
    const auto name = take_part(path);
    return route_agent(name, path, request, now);
  }
  if (noun == "events" && path.empty()) {
    if (!get) return wrong_method(request, "GET");
    streaming = request.accept.find("text/event-stream") != std::string::npos;
    if (!streaming) return list_events(cell_, request);
    streams_.follow_events(request);
    return {};
  }
  if (noun == "info" && path.empty()) return get ? show_info(cell_) : wrong_method(request, "GET");
  return no_such_route(request);
}

Answer Api::route_job(std::string_view id, std::string_view rest, const ports::HttpRequest& request, Now now) {
  const bool get = request.method == "GET";
  if (rest == "cancel") return request.method == "POST" ? cancel_job(cell_, id, request, now) : wrong_method(request, "POST");
  if (rest != "" && rest != "spec" && rest != "tasks" && rest != "explain") return no_such_route(request);
  if (!get) return wrong_method(request, "GET");
  if (rest == "spec") return show_spec(cell_, id);
  if (rest == "tasks") return list_tasks(cell_, id, request);
  if (rest == "explain") return explain_job(cell_, id, now);
  return show_job(cell_, id);
}

Answer Api::route_task(std::string_view id, std::string_view rest, const ports::HttpRequest& request, Now now, bool& streaming) {
  if (rest != "" && rest != "explain" && rest != "reports" && rest != "logs") return no_such_route(request);
  if (request.method != "GET") return wrong_method(request, "GET");
  if (rest == "explain") return explain_task(cell_, id, now);
  if (rest == "reports") return list_reports(cell_, id, request);
  if (rest == "logs") {
    streaming = true;
    streams_.follow_logs(request, id);
    return {};
  }
  return show_task(cell_, id);
}

Answer Api::route_agent(std::string_view name, std::string_view rest, const ports::HttpRequest& request, Now now) {
  if (rest == "drain") return request.method == "POST" ? drain_agent(cell_, name, request, now) : wrong_method(request, "POST");
  if (rest == "revoke") return request.method == "POST" ? revoke_agent(cell_, name, now) : wrong_method(request, "POST");
  if (!rest.empty()) return no_such_route(request);
  return request.method == "GET" ? show_agent(cell_, name) : wrong_method(request, "GET");
}

}  // namespace stint::scheduler::api
