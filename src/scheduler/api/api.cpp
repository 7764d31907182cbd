#include "scheduler/api/api.hpp"

#include <utility>

#include "base/utc.hpp"

namespace stint::scheduler::api {
namespace {

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

bool is_open(const Access& access, const ports::HttpRequest& request) {
  return access.door == Access::Door::open || (access.door == Access::Door::loopback && is_this_machine(request.peer));
}

/// Without a token, only what is open says more than that one is needed; outside of /v1/ nothing is secret.
bool needs_token(const ports::HttpRequest& request, const RouteMatch& match) {
  if (match.route != nullptr) return !is_open(match.route->access, request);
  return request.path.starts_with("/v1/");
}

/// Why a token that was good once is not any more: told only to who has it.
Problem refuse_token(const TokenBook::Found& found) {
  const auto& token = *found.token;
  const bool revoked = found.standing == TokenStanding::revoked;
  return {401,
          "unauthenticated",
          "the token `" + token.name + "` (id " + std::to_string(token.id.value) + ") " + (revoked ? "was revoked at " : "expired at ") +
              format_utc(revoked ? token.revoked_at : token.expires_at),
          "Authorization",
          "",
          "ask who runs the scheduler for a new one (stint token create " + token.name + " …)"};
}

}  // namespace

tl::expected<Principal, Problem> Api::authenticate(const ports::HttpRequest& request, UnixMillis now) {
  if (const auto ref = cell_.attempt_tokens.check(request.bearer_token)) return authenticate_attempt(*ref);
  const auto found = cell_.tokens.find(request.bearer_token, now);
  switch (found.standing) {
    case TokenStanding::valid: {
      const auto& token = *found.token;
      cell_.tokens.note_use(token.id, now);
      return Principal{token.name, token.scopes, token.id, token.expires_at, {}};
    }
    case TokenStanding::expired:
    case TokenStanding::revoked: return tl::unexpected(refuse_token(found));
    case TokenStanding::unknown: break;
  }
  return tl::unexpected(Problem{401, "unauthenticated",
                                request.bearer_token.empty() ? "no bearer token" : "the bearer token is not known here", "Authorization",
                                "", "the token stands in context.json of the scheduler's state directory; STINT_TOKEN names another"});
}

/// The token is good as long as the attempt may still count.
tl::expected<Principal, Problem> Api::authenticate_attempt(const AttemptRef& ref) const {
  const auto attempt = cell_.core.find_attempt(ref);
  const auto* spec = cell_.core.find_spec(ref.task.job);
  const std::string name = spec != nullptr ? core::attempt_id(*spec, ref) : "an attempt";
  if (!attempt || !attempt->live)
    return tl::unexpected(
        Problem{401, "unauthenticated", name + " is not live any more: its token opens nothing", "Authorization", "", ""});
  return Principal{name, {}, {}, {}, ref};
}

void Api::on_request(ports::HttpRequest request, Now now) {
  const auto principal = authenticate(request, now.wall);
  const auto match = find_route(request.method, request.path);
  if (!principal && needs_token(request, match)) return replies_.respond(request.id, to_response(principal.error()));
  const auto nobody = Principal{};
  const Call call{cell_, request, principal ? *principal : nobody, match.values, now, streams_, blobs_, replies_, metrics_};
  if (auto answer = route(call, match)) cell_.journal.turn().replies.push_back({request.id, std::move(answer)});
}

void Api::on_body(ports::RequestId id, std::string bytes, bool is_last, Now) { blobs_.on_body(id, std::move(bytes), is_last); }

/// Ids are unique: each of them knows its own.
void Api::on_stream_writable(ports::RequestId id, Now) {
  streams_.on_writable(id);
  blobs_.on_writable(id);
}

void Api::on_request_closed(ports::RequestId id, Now) {
  streams_.on_closed(id);
  blobs_.on_closed(id);
}

Answer Api::route(const Call& call, const RouteMatch& match) {
  const auto& request = call.request;
  if (match.allowed.empty()) return no_such_route(request);
  if (match.route == nullptr) return wrong_method(request, match.allowed);
  const Access& access = match.route->access;
  if (!is_open(access, request) && !may_enter(access, call.principal))
    return refuse(forbidden(call.principal, request.method + " " + request.path, access.any_of));
  if (request.method != "GET" && request.method != "HEAD" && !cell_.not_ready.empty())
    return refuse({507, "no_space", "changes are refused: " + cell_.not_ready, "", "",
                   "free space on the disk of the state directory; running tasks go on"});
  return match.route->handle(call);
}

void Api::tell(std::vector<PendingReply>& replies) {
  for (auto& reply : replies) replies_.respond(reply.request, reply.make());
  replies.clear();
}

void Api::refuse_all(std::vector<PendingReply>& replies, const Problem& problem) {
  for (auto& reply : replies) replies_.respond(reply.request, to_response(problem));
  replies.clear();
}

}  // namespace stint::scheduler::api
