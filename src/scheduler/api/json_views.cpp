#include "scheduler/api/json_views.hpp"

#include <algorithm>

#include "base/bytes.hpp"
#include "base/utc.hpp"
#include "core/model/person.hpp"

namespace stint::scheduler::api {
namespace {

namespace json = boost::json;

json::object counts_json(const core::TaskCounts& counts) {
  return {{"pending", counts.pending}, {"running", counts.running},     {"completed", counts.completed},
          {"failed", counts.failed},   {"cancelled", counts.cancelled}, {"total", counts.total()}};
}

json::value text_or_null(std::string_view text) { return text.empty() ? json::value(nullptr) : json::value(text); }

json::array texts_json(const std::vector<std::string>& texts) {
  json::array array;
  for (const auto& text : texts) array.emplace_back(text);
  return array;
}

/// A person has no session: what she holds says more.
std::string agent_state(const core::AgentView& agent) {
  if (agent.row.revoked) return "revoked";
  if (is_person(agent.row)) return agent.live_attempts > 0 ? "working" : "idle";
  if (!agent.connected) return "disconnected";
  return agent.row.draining ? "draining" : "connected";
}

}  // namespace

json::object clause_json(const core::Clause& clause) {
  json::object object{{"clause", clause.clause}};
  const bool bytes = clause.clause == "memory" || clause.clause == "storage";
  const std::string suffix = bytes ? "_bytes" : clause.clause == "cpu" ? "_millis" : "";
  if (bytes || clause.clause == "cpu" || clause.clause == "gpu") {
    object["wanted" + suffix] = clause.wanted;
    object["offered" + suffix] = clause.offered;
    object["missing" + suffix] = clause.missing;
  }
  object["permanent"] = clause.permanent;
  object["text"] = clause.text;
  return object;
}

json::array pins_json(const std::vector<Pin>& pins) {
  json::array items;
  for (const Pin& pin : pins) items.emplace_back(to_text(pin));
  return items;
}

json::value time_json(UnixMillis time) {
  if (to_ms(time) == 0) return nullptr;
  return json::value(format_utc(time));
}

json::value reason_json(EndReason reason) { return reason == EndReason::none ? json::value(nullptr) : json::value(to_string(reason)); }

json::object resources_json(const Resources& resources) {
  return {{"cpu_millis", resources.cpu_millis},
          {"memory_bytes", resources.memory_bytes},
          {"gpu", resources.gpus},
          {"storage_bytes", resources.storage_bytes}};
}

json::object job_json(const core::JobView& job) {
  json::array groups;
  for (std::size_t i = 0; i < job.groups.size(); ++i)
    groups.push_back(json::object{
        {"name", job.groups[i].name}, {"is_array", job.row.spec->tasks.at(i).is_array}, {"tasks", counts_json(job.groups[i].counts)}});
  return {{"id", job.row.id.value},
          {"name", job.row.spec->name},
          {"queue", job.row.spec->queue},
          {"priority", job.row.spec->priority},
          {"state", to_string(job.state.status)},
          {"reason", reason_json(job.state.reason)},
          {"detail", text_or_null(job.state.detail)},
          {"submitted_by", job.row.submitted_by},
          {"submitted_at", time_json(job.row.submitted_at)},
          {"ended_at", time_json(job.state.ended_at)},
          {"tasks", counts_json(job.counts)},
          {"groups", std::move(groups)}};
}

json::object attempt_json(const core::AttemptRow& row, const core::JobSpec& spec, std::string_view agent) {
  return {{"id", core::attempt_id(spec, row.ref)},
          {"attempt", row.ref.attempt},
          {"agent", text_or_null(agent)},
          {"state", to_string(row.status)},
          {"reason", reason_json(row.reason)},
          {"exit_code", row.reason == EndReason::exit ? json::value(row.exit_code) : json::value(nullptr)},
          {"signal", row.signal != 0 ? json::value(row.signal) : json::value(nullptr)},
          {"live", row.live},
          {"is_result", row.is_result},
          {"placed_at", time_json(row.placed_at)},
          {"started_at", time_json(row.started_at)},
          {"ended_at", time_json(row.ended_at)},
          {"retry_at", time_json(row.retry_at)},
          {"detail", text_or_null(row.detail)}};
}

json::object task_json(const core::TaskView& task, const core::JobSpec& spec, const TaskFacts& facts) {
  const auto& entry = spec.tasks.at(task.ref.group);
  json::object object{
      {"id", task.id},
      {"job", task.ref.job.value},
      {"name", entry.name},
      {"index", entry.is_array ? json::value(std::uint64_t{entry.array_first} + std::uint64_t{task.ref.index} * entry.array_step)
                               : json::value(nullptr)},
      {"state", to_string(task.status)},
      {"reason", reason_json(task.reason)},
      {"exit_code", nullptr},
      {"signal", nullptr},
      {"attempts", std::max(task.attempts, facts.row != nullptr ? facts.row->ref.attempt : 0)},
      {"agent", text_or_null(facts.agent)},
      {"started_at", nullptr},
      {"ended_at", nullptr},
      {"retry_at", time_json(task.retry_at)},
      {"lease_until", nullptr},
      {"progress", nullptr},
      {"metrics", json::object()},
      {"message", nullptr},
      {"has_result", facts.has_result}};
  if (const auto* report = facts.report) {
    object["progress"] = report->progress;
    json::object metrics;
    for (const auto& [name, value] : report->metrics) metrics[name] = value;
    object["metrics"] = std::move(metrics);
    object["message"] = text_or_null(report->message);
  }
  if (const auto* row = facts.row) {
    object["started_at"] = time_json(row->started_at);
    if (!has_ended(task.status)) object["lease_until"] = time_json(row->lease_until);
    if (has_ended(task.status)) {
      object["reason"] = reason_json(task.reason == EndReason::none ? row->reason : task.reason);
      if (row->reason == EndReason::exit) object["exit_code"] = row->exit_code;
      if (row->signal != 0) object["signal"] = row->signal;
      object["ended_at"] = time_json(row->ended_at);
      if (!row->detail.empty()) object["message"] = row->detail;  // why it ended says more than what it said before
    }
  }
  return object;
}

json::object pairs_json(const std::vector<std::pair<std::string, std::string>>& pairs) {
  json::object object;
  for (const auto& [key, value] : pairs) object[key] = value;
  return object;
}

json::array types_json(const std::vector<AgentType>& types) {
  json::array words;
  for (const auto type : types) words.emplace_back(to_string(type));
  return words;
}

json::object agent_json(const core::AgentView& agent, std::optional<std::int64_t> skew_ms, json::array claims) {
  const auto& offer = agent.row.offer;
  json::array types = types_json(offer.types);
  if (offer.types.empty() && to_ms(agent.row.last_seen_at) != 0)
    for (int i = 0; i < kAgentTypes; ++i) types.emplace_back(to_string(static_cast<AgentType>(i)));
  return {{"number", agent.row.number.value},
          {"name", agent.row.name},
          {"kind", is_person(agent.row) ? "person" : "machine"},
          {"state", agent_state(agent)},
          {"drain_by", time_json(agent.row.drain_by)},
          {"types", std::move(types)},
          {"resources", resources_json(offer.resources)},
          {"used", resources_json(agent.used)},
          {"running", agent.live_attempts},
          {"waiting", agent.waiting},
          {"claims", std::move(claims)},
          {"labels", pairs_json(offer.labels)},
          {"drivers", texts_json(offer.drivers)},
          {"notes", texts_json(offer.notes)},
          {"host", text_or_null(offer.host)},
          {"version", text_or_null(offer.version)},
          {"allowed_types", types_json(agent.row.terms.types)},
          {"set_labels", pairs_json(agent.row.terms.labels)},
          {"public_key", agent.row.public_key == core::AgentPublicKey{} ? json::value(nullptr) : json::value(to_hex(agent.row.public_key))},
          {"skew_ms", skew_ms ? json::value(*skew_ms) : json::value(nullptr)},
          {"key_epoch", agent.row.key_epoch ? json::value(agent.row.key_epoch.value) : json::value(nullptr)},
          {"last_seen_at", time_json(agent.row.last_seen_at)},
          {"registered_at", time_json(agent.row.registered_at)}};
}

json::value result_json(const std::string& text) {
  boost::system::error_code failed;
  auto value = json::parse(text, failed);
  return failed ? json::value(text) : value;
}

json::object report_json(const core::ReportRow& row) {
  boost::system::error_code ignored;
  json::value metrics = json::parse(row.metrics, ignored);
  return {{"seq", row.seq},
          {"attempt", row.ref.attempt},
          {"at", time_json(row.at)},
          {"progress", row.progress},
          {"step", row.step},
          {"metrics", std::move(metrics)},
          {"message", text_or_null(row.message)}};
}

json::object explanation_json(const core::Explanation& explanation, TaskStatus state) {
  json::array agents;
  json::value nearest = nullptr;
  for (const auto& agent : explanation.agents) {
    json::array clauses;
    for (const auto& clause : agent.clauses) clauses.push_back(clause_json(clause));
    agents.push_back(json::object{{"agent", agent.name}, {"clauses", std::move(clauses)}});
    if (explanation.nearest == agent.agent) nearest = agent.name;
  }
  return {{"state", to_string(state)},
          {"why", explanation.state},
          {"summary", explanation.summary},
          {"ahead", explanation.ahead},
          {"would_help", text_or_null(explanation.would_help)},
          {"waits_for", texts_json(explanation.waits_for)},
          {"agents", std::move(agents)},
          {"nearest", std::move(nearest)}};
}

}  // namespace stint::scheduler::api
