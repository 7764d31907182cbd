#include <boost/json.hpp>
#include <string>
#include <utility>

#include "core/model/person.hpp"
#include "scheduler/api/handlers.hpp"
#include "scheduler/api/json_views.hpp"
#include "scheduler/api/streams.hpp"

namespace stint::scheduler::api {
namespace {

namespace json = boost::json;

/// One metric family in the Prometheus text format.
class Family {
 public:
  Family(std::string& out, std::string_view name, std::string_view type, std::string_view help) : out_(out), name_(name) {
    out_.append("# HELP ").append(name).append(" ").append(help).append("\n# TYPE ").append(name).append(" ").append(type).append("\n");
  }
  void value(std::uint64_t value, std::string_view labels = {}) {
    out_.append(name_);
    if (!labels.empty()) out_.append("{").append(labels).append("}");
    out_.append(" ").append(std::to_string(value)).append("\n");
  }

 private:
  std::string& out_;
  std::string_view name_;
};

void add_listener_metrics(std::string& out, const ports::ListenerCounters& counters) {
  Family(out, "stint_connections_accepted_total", "counter", "Connections let in.").value(counters.accepted);
  Family refused(out, "stint_connections_refused_total", "counter", "Connections closed before anything of them was served, by reason.");
  refused.value(counters.over_rate, "reason=\"over_rate\"");
  refused.value(counters.over_number, "reason=\"over_number\"");
  refused.value(counters.silent, "reason=\"silent\"");
  refused.value(counters.plaintext_refused, "reason=\"plaintext\"");
  Family handshakes(out, "stint_tls_handshakes_total", "counter", "TLS handshakes that have ended, by how.");
  handshakes.value(counters.tls_established, "result=\"established\"");
  handshakes.value(counters.tls_failed, "result=\"failed\"");
  handshakes.value(counters.tls_late, "result=\"late\"");
}

}  // namespace

Answer show_health(const Call&) { return say(200, R"({"status":"ok"})"); }

Answer show_readiness(const Call& call) {
  if (call.cell.not_ready.empty()) return say(200, R"({"status":"ready"})");
  return refuse({503, "unavailable", call.cell.not_ready, "", "", ""});
}

Answer show_metrics(const Call& call) {
  return [metrics = call.metrics] {
    ports::HttpResponse response;
    response.content_type = "text/plain; version=0.0.4; charset=utf-8";
    response.body = metrics();
    return response;
  };
}

Answer list_events(const Call& call) {
  auto& cell = call.cell;
  if (call.request.accept.find("text/event-stream") != std::string::npos) {
    call.streams.follow_events(call.request, call.principal);
    return {};
  }
  const auto limit = read_limit(call.request);
  if (!limit) return refuse(limit.error());
  const auto after = read_number(call.request, "after", 0);
  if (!after) return refuse(after.error());
  const auto job = read_number(call.request, "job", 0);
  if (!job) return refuse(job.error());
  return [&cell, limit = *limit, after = *after, job = JobId{*job}] {
    const auto events = cell.reader.events(after, job, limit);
    if (!events) return to_response(to_problem(events.error()));
    json::array items;
    for (const auto& event : *events) {
      boost::system::error_code ignored;
      items.push_back(
          json::object{{"seq", event.seq}, {"kind", event.kind}, {"at", time_json(event.at)}, {"data", json::parse(event.body, ignored)}});
    }
    ports::HttpResponse response;
    const auto next = events->size() == limit ? json::value(events->back().seq) : json::value(nullptr);
    response.body = json::serialize(json::object{{"items", std::move(items)}, {"next", next}}) + "\n";
    return response;
  };
}

Answer show_info(const Call& call) {
  auto& cell = call.cell;
  return say(200, json::serialize(json::object{{"version", cell.facts.version},
                                               {"cell", cell.facts.cell_id},
                                               {"api", 1},
                                               {"state_dir", cell.facts.state_dir},
                                               {"server", cell.facts.server},
                                               {"tls_pins", pins_json(cell.facts.tls_pins)},
                                               {"started_at", time_json(cell.facts.started_at)}}));
}

std::string metrics_text(const Cell& cell, const protocol::SessionCounters& counters, std::size_t sessions) {
  core::TaskCounts tasks;
  std::uint64_t jobs_open = 0;
  for (const auto& job : cell.core.jobs()) {
    if (!has_ended(job.state.status)) ++jobs_open;
    tasks.pending += job.counts.pending, tasks.running += job.counts.running, tasks.completed += job.counts.completed;
    tasks.failed += job.counts.failed, tasks.cancelled += job.counts.cancelled;
  }
  std::uint64_t connected = 0, agents = 0, people = 0;
  for (const auto& agent : cell.core.agents()) {
    if (!agent.row.revoked) ++(is_person(agent.row) ? people : agents);
    if (agent.connected) ++connected;
  }
  std::string out;
  Family(out, "stint_jobs_open", "gauge", "Jobs that have not ended.").value(jobs_open);
  Family family(out, "stint_tasks", "gauge", "Tasks by state.");
  family.value(tasks.pending, "state=\"pending\"");
  family.value(tasks.running, "state=\"running\"");
  family.value(tasks.completed, "state=\"completed\"");
  family.value(tasks.failed, "state=\"failed\"");
  family.value(tasks.cancelled, "state=\"cancelled\"");
  Family(out, "stint_agents", "gauge", "Agents that are not revoked, people not counted.").value(agents);
  Family(out, "stint_people", "gauge", "People who have claimed tasks and are not revoked.").value(people);
  Family(out, "stint_agents_connected", "gauge", "Agents with a session.").value(connected);
  Family(out, "stint_links", "gauge", "Connections that speak frames.").value(sessions);
  Family(out, "stint_commits_total", "counter", "Batches given to the store since it was made.").value(cell.journal.batches());
  Family(out, "stint_sessions_established_total", "counter", "Sessions established.").value(counters.established);
  Family(out, "stint_session_bytes_received_total", "counter", "Bytes received in sessions.").value(counters.bytes_in);
  Family(out, "stint_session_bytes_sent_total", "counter", "Bytes sent in sessions.").value(counters.bytes_out);
  Family reasons(out, "stint_session_refusals_total", "counter", "What was refused or ended a session, by reason.");
  counters.for_each_reason(
      [&](std::string_view reason, std::uint64_t count) { reasons.value(count, "reason=\"" + std::string(reason) + "\""); });
  if (cell.facts.listener != nullptr) add_listener_metrics(out, *cell.facts.listener);
  return out;
}

}  // namespace stint::scheduler::api
