#pragma once

#include <array>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "ports/http.hpp"
#include "protocol/counters.hpp"
#include "scheduler/api/problem.hpp"
#include "scheduler/cell.hpp"
#include "scheduler/principal.hpp"

/// One function per route. It decides now, with the core's memory; the answer it returns runs when everything it may speak of is durable,
/// and only
/// then reads the store.
namespace stint::scheduler::api {

/// An empty one: the handler answers by itself, through `replies` or a stream.
using Answer = std::function<ports::HttpResponse()>;

class Blobs;
class Streams;

/// What stood in the place of each `{name}` of the route's path, in order.
using PathValues = std::array<std::string_view, 3>;

/// One request, who asks, and what its handler may use. It lives until the handler returns: an Answer keeps copies.
struct Call {
  Cell& cell;
  const ports::HttpRequest& request;
  const Principal& principal;
  PathValues values;
  Now now;
  Streams& streams;
  Blobs& blobs;
  ports::HttpReplies& replies;
  const std::function<std::string()>& metrics;
};

/// Older than this is every job.
inline constexpr JobId kBeyondAllJobs{std::numeric_limits<std::uint64_t>::max()};

[[nodiscard]] Answer refuse(Problem problem);
[[nodiscard]] Answer refuse(const Error& error);
[[nodiscard]] Answer say(int status, std::string json);

[[nodiscard]] std::optional<std::string> find_query(const ports::HttpRequest& request, std::string_view name);
/// `limit=` within bounds.
[[nodiscard]] Result<std::size_t> read_limit(const ports::HttpRequest& request);
/// A number of the query; `otherwise` if it is not there.
[[nodiscard]] Result<std::uint64_t> read_number(const ports::HttpRequest& request, std::string_view name, std::uint64_t otherwise);
/// The same for what counts in 32 bits: a larger number is an error, never another one.
[[nodiscard]] Result<std::uint32_t> read_count(const ports::HttpRequest& request, std::string_view name, std::uint32_t otherwise);
/// All of `text` as a decimal number without a sign; nullopt if it is none or too large.
[[nodiscard]] std::optional<std::uint64_t> parse_number(std::string_view text);
/// `12` or `last`.
[[nodiscard]] Result<JobId> find_job_id(const Cell& cell, std::string_view word);
/// `12.main.3`, `last.main`.
[[nodiscard]] Result<TaskRef> find_task_ref(const Cell& cell, std::string_view id);
/// 403: `what` (`POST /v1/jobs`, `cancelling job 12 of ann`) needs one of these scopes, and the caller has others.
[[nodiscard]] Problem forbidden(const Principal& who, const std::string& what, core::Scopes needed);
/// Who may change a job: the token name that submitted it, and operators.
[[nodiscard]] std::optional<Problem> find_refusal(const Call& call, const core::JobView& job, std::string_view doing);
[[nodiscard]] std::string agent_name(const core::Scheduler& core, AgentNumber number);

Answer show_health(const Call& call);
Answer show_readiness(const Call& call);
Answer show_metrics(const Call& call);
Answer show_info(const Call& call);
Answer list_events(const Call& call);

Answer submit_job(const Call& call);
Answer list_jobs(const Call& call);
Answer show_job(const Call& call);
Answer show_spec(const Call& call);
Answer cancel_job(const Call& call);
Answer explain_job(const Call& call);

Answer list_tasks(const Call& call);
Answer show_task(const Call& call);
Answer explain_task(const Call& call);
Answer list_reports(const Call& call);
Answer read_logs(const Call& call);

Answer list_agents(const Call& call);
Answer show_agent(const Call& call);
Answer register_agent(const Call& call);
Answer drain_agent(const Call& call);
Answer revoke_agent(const Call& call);

Answer create_enrol_token(const Call& call);
Answer list_enrol_tokens(const Call& call);
Answer revoke_enrol_token(const Call& call);

Answer plan_job(const Call& call);
Answer retry_job(const Call& call);
Answer list_outputs(const Call& call);
Answer list_results(const Call& call);
Answer show_result(const Call& call);
Answer put_checkpoint(const Call& call);
Answer claim_work(const Call& call);
Answer answer_work(const Call& call);
Answer release_work(const Call& call);

Answer list_keys(const Call& call);
Answer rotate_keys(const Call& call);
Answer retire_key(const Call& call);

Answer create_token(const Call& call);
Answer list_tokens(const Call& call);
Answer revoke_token(const Call& call);
Answer show_whoami(const Call& call);
Answer find_missing_blobs(const Call& call);
Answer show_blob_upload(const Call& call);
Answer take_blob_piece(const Call& call);
Answer send_blob(const Call& call);

[[nodiscard]] std::string metrics_text(const Cell& cell, const protocol::SessionCounters& counters, std::size_t sessions);

}  // namespace stint::scheduler::api
