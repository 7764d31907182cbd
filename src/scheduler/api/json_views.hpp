#pragma once

#include <boost/json.hpp>
#include <string>
#include <string_view>

#include "base/pin.hpp"
#include "base/resources.hpp"
#include "base/time.hpp"
#include "core/explain/explanation.hpp"
#include "core/scheduler.hpp"
#include "core/views.hpp"
#include "scheduler/report_book.hpp"

/// The core's views as the JSON of schema/openapi.yaml.
namespace stint::scheduler::api {

[[nodiscard]] boost::json::value time_json(UnixMillis time);   ///< null for zero
[[nodiscard]] boost::json::array pins_json(const std::vector<Pin>& pins);
[[nodiscard]] boost::json::value reason_json(EndReason reason);  ///< null for none
[[nodiscard]] boost::json::object resources_json(const Resources& resources);
[[nodiscard]] boost::json::object job_json(const core::JobView& job);
[[nodiscard]] boost::json::object attempt_json(const core::AttemptRow& row, const core::JobSpec& spec, std::string_view agent);
[[nodiscard]] boost::json::array types_json(const std::vector<AgentType>& types);
[[nodiscard]] boost::json::object pairs_json(const std::vector<std::pair<std::string, std::string>>& pairs);
/// `claims`: what a person holds.
[[nodiscard]] boost::json::object agent_json(const core::AgentView& agent, std::optional<std::int64_t> skew_ms, boost::json::array claims);
/// A result is JSON: the agent and the API took it only as such.
[[nodiscard]] boost::json::value result_json(const std::string& text);
[[nodiscard]] boost::json::object report_json(const core::ReportRow& row);
/// Its sizes are named by its unit: wanted_bytes, wanted_millis, wanted.
[[nodiscard]] boost::json::object clause_json(const core::Clause& clause);
[[nodiscard]] boost::json::object explanation_json(const core::Explanation& explanation, TaskStatus state);

/// `row`: the attempt that speaks for the task (its result, else its newest live one), if any. `report`: what that said last, if anything.
struct TaskFacts {
  const core::AttemptRow* row = nullptr;
  std::string agent;
  const ReportBook::Latest* report = nullptr;
  bool has_result = false;
};
[[nodiscard]] boost::json::object task_json(const core::TaskView& task, const core::JobSpec& spec, const TaskFacts& facts);

}  // namespace stint::scheduler::api
