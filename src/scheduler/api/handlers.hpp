#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "ports/http.hpp"
#include "protocol/counters.hpp"
#include "scheduler/api/problem.hpp"
#include "scheduler/cell.hpp"

/// One function per route. It decides now, with the core's memory; the answer it returns runs when everything it may speak of is durable,
/// and only
/// then reads the store.
namespace stint::scheduler::api {

using Answer = std::function<ports::HttpResponse()>;

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
[[nodiscard]] std::string agent_name(const core::Scheduler& core, AgentNumber number);

Answer submit_job(Cell& cell, const ports::HttpRequest& request, Now now);
Answer list_jobs(Cell& cell, const ports::HttpRequest& request);
Answer show_job(Cell& cell, std::string_view job);
Answer show_spec(Cell& cell, std::string_view job);
Answer cancel_job(Cell& cell, std::string_view job, const ports::HttpRequest& request, Now now);
Answer explain_job(Cell& cell, std::string_view job, Now now);

Answer list_tasks(Cell& cell, std::string_view job, const ports::HttpRequest& request);
Answer show_task(Cell& cell, std::string_view task);
Answer explain_task(Cell& cell, std::string_view task, Now now);
Answer list_reports(Cell& cell, std::string_view task, const ports::HttpRequest& request);

Answer list_agents(Cell& cell, const ports::HttpRequest& request);
Answer show_agent(Cell& cell, std::string_view name);
Answer register_agent(Cell& cell, const ports::HttpRequest& request, Now now);
Answer drain_agent(Cell& cell, std::string_view name, const ports::HttpRequest& request, Now now);
Answer revoke_agent(Cell& cell, std::string_view name, Now now);

Answer list_events(Cell& cell, const ports::HttpRequest& request);
Answer show_info(Cell& cell);
[[nodiscard]] std::string metrics_text(const Cell& cell, const protocol::SessionCounters& counters, std::size_t sessions);

}  // namespace stint::scheduler::api
