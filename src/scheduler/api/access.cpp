#include "scheduler/api/access.hpp"

#include <utility>

namespace stint::scheduler::api {
namespace {

constexpr std::array kRoutes{
    Route{"GET", "/healthz", kOpen, show_health},
    Route{"GET", "/readyz", kOpen, show_readiness},
    Route{"GET", "/metrics", kOpenOnLoopback, show_metrics},

    Route{"GET", "/v1/info", kRead, show_info},
    Route{"GET", "/v1/events", kRead, list_events},

    Route{"GET", "/v1/jobs", kRead, list_jobs},
    Route{"POST", "/v1/jobs", kSubmit, submit_job},
    Route{"GET", "/v1/jobs/{job}", kRead, show_job},
    Route{"GET", "/v1/jobs/{job}/spec", kRead, show_spec},
    Route{"GET", "/v1/jobs/{job}/tasks", kRead, list_tasks},
    Route{"GET", "/v1/jobs/{job}/explain", kRead, explain_job},
    Route{"POST", "/v1/jobs/{job}/cancel", kSubmitOrOperate, cancel_job},
    Route{"POST", "/v1/jobs/{job}/retry", kSubmit, retry_job},
    Route{"GET", "/v1/jobs/{job}/outputs", kRead, list_outputs},
    Route{"GET", "/v1/jobs/{job}/results", kRead, list_results},
    Route{"POST", "/v1/plan", kSubmit, plan_job},

    Route{"GET", "/v1/tasks/{task}", kRead, show_task},
    Route{"GET", "/v1/tasks/{task}/explain", kRead, explain_task},
    Route{"GET", "/v1/tasks/{task}/reports", kRead, list_reports},
    Route{"GET", "/v1/tasks/{task}/logs", kRead, read_logs},
    Route{"GET", "/v1/tasks/{task}/result", kRead, show_result},

    Route{"PUT", "/v1/attempts/{attempt}/checkpoint", kOnlyAttempt, put_checkpoint},

    Route{"POST", "/v1/work/claim", kWork, claim_work},
    Route{"POST", "/v1/work/{task}/answer", kWork, answer_work},
    Route{"POST", "/v1/work/{task}/release", kWork, release_work},

    Route{"POST", "/v1/blobs/missing", or_attempt(kSubmit), find_missing_blobs},
    Route{"GET", "/v1/blobs/{hex}/upload", or_attempt(kSubmit), show_blob_upload},
    Route{"GET", "/v1/blobs/{hex}", or_attempt(kRead), send_blob},
    Route{"HEAD", "/v1/blobs/{hex}", or_attempt(kRead), send_blob},
    Route{"PATCH", "/v1/blobs/{hex}", or_attempt(kSubmit), take_blob_piece},

    Route{"GET", "/v1/agents", kRead, list_agents},
    Route{"POST", "/v1/agents", kOperate, register_agent},
    Route{"GET", "/v1/agents/tokens", kOperate, list_enrol_tokens},
    Route{"POST", "/v1/agents/tokens", kOperate, create_enrol_token},
    Route{"DELETE", "/v1/agents/tokens/{enrol_token}", kOperate, revoke_enrol_token},
    Route{"GET", "/v1/agents/{agent}", kRead, show_agent},
    Route{"POST", "/v1/agents/{agent}/drain", kOperate, drain_agent},
    Route{"POST", "/v1/agents/{agent}/revoke", kOperate, revoke_agent},

    Route{"GET", "/v1/keys", kOperate, list_keys},
    Route{"POST", "/v1/keys/rotate", kAdmin, rotate_keys},
    Route{"POST", "/v1/keys/retire", kAdmin, retire_key},

    Route{"GET", "/v1/tokens", kAdmin, list_tokens},
    Route{"POST", "/v1/tokens", kAdmin, create_token},
    Route{"DELETE", "/v1/tokens/{name}", kAdmin, revoke_token},
    Route{"GET", "/v1/whoami", or_attempt(kRead), show_whoami},
};

/// `jobs/12/tasks` -> `jobs`, and the rest without the slash; nothing more: a rest without data.
std::string_view take_part(std::string_view& path) {
  const auto slash = path.find('/');
  const auto part = path.substr(0, slash);
  path = slash == std::string_view::npos ? std::string_view() : path.substr(slash + 1);
  return part;
}

bool matches(std::string_view pattern, std::string_view path, PathValues& values) {
  std::size_t taken = 0;
  while (pattern.data() != nullptr && path.data() != nullptr) {
    const auto wanted = take_part(pattern);
    const auto part = take_part(path);
    if (wanted.starts_with('{')) {
      if (part.empty()) return false;
      values.at(taken++) = part;
    } else if (wanted != part) {
      return false;
    }
  }
  return pattern.data() == nullptr && path.data() == nullptr;
}

}  // namespace

std::span<const Route> routes() { return kRoutes; }

RouteMatch find_route(std::string_view method, std::string_view path) {
  RouteMatch match;
  std::string_view pattern;
  for (const Route& route : kRoutes) {
    if (pattern.empty() ? !matches(route.path, path, match.values) : route.path != pattern) continue;
    pattern = route.path;
    match.allowed.append(match.allowed.empty() ? "" : ", ").append(route.method);
    if (route.method == method) match.route = &route;
  }
  return match;
}

bool may_enter(const Access& access, const Principal& principal) {
  if (principal.attempt) return access.attempts;
  return principal.scopes.allow_any(access.any_of);
}

}  // namespace stint::scheduler::api
