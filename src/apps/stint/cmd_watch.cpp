#include <unistd.h>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <memory>

#include "apps/stint/command_line.hpp"
#include "apps/stint/connection.hpp"
#include "apps/stint/follow.hpp"
#include "apps/stint/interrupts.hpp"
#include "apps/stint/json_output.hpp"
#include "apps/stint/report.hpp"
#include "apps/stint/selection.hpp"
#include "apps/stint/terminal.hpp"
#include "apps/stint/watch_screen.hpp"
#include "base/utc.hpp"
#include "client/exit_status.hpp"
#include "client/progress.hpp"
#include "client/text.hpp"

namespace stint::cli {
namespace {

using namespace std::chrono_literals;

constexpr Duration kLookAtJob = 3s;
constexpr Duration kStateEvery = 1s;
constexpr std::size_t kJobsMax = 100;
constexpr std::size_t kAgentsMax = 200;

bool keep_watching() { return interrupts_seen() == 0 && !wants_to_leave(); }

/// `08:40:00 tasks_ended job=12 task=main state=completed indexes=0-511` of an event's JSON.
std::string event_line(const client::ServerEvent& event) {
  namespace json = boost::json;
  json::error_code failed;
  const json::value value = json::parse(event.data, failed);
  const json::object* object = failed ? nullptr : value.if_object();
  if (object == nullptr) return event.kind;
  std::string time = "-       ", rest;
  for (const auto& [key, item] : *object) {
    if (item.is_null() || key == "seq" || key == "kind") continue;
    const std::string text = item.is_string() ? std::string(item.get_string()) : json::serialize(item);
    if (key == "at" && text.size() > 19)
      time = text.substr(11, 8);
    else
      rest += " " + std::string(key) + "=" + text;
  }
  return time + " " + event.kind + rest;
}

/// The event as one JSON object with its number and kind, as GET /v1/events lists it.
std::string event_json(const client::ServerEvent& event) {
  namespace json = boost::json;
  json::error_code failed;
  const json::value value = json::parse(event.data, failed);
  json::object object;
  if (event.id) object["seq"] = *event.id;
  object["kind"] = event.kind;
  if (!failed && value.is_object())
    for (const auto& [key, item] : value.get_object()) object.insert_or_assign(key, item);
  return json::serialize(object);
}

/// With --json: how jobs and agents stand, first and then after events, at most once a second.
class StateLines {
 public:
  StateLines(client::Api& api, std::optional<std::uint64_t> job) : api_(api), job_(job) {}
  void on_event() { is_changed_ = true; }
  void on_tick() {
    if (is_changed_ && (!told_at_ || now() - *told_at_ >= kStateEvery)) tell();
  }
  /// Unless the last line said the same.
  void tell() {
    is_changed_ = false;
    told_at_ = now();
    std::string jobs;
    const auto line = make_line(jobs);
    if (line && jobs != told_jobs_) print_line(*line);
    told_jobs_ = std::move(jobs);
  }

 private:
  Result<std::string> make_line(std::string& jobs) {
    if (job_) {
      STINT_TRY(jobs, api_.get("/v1/jobs/" + std::to_string(*job_)));
    } else {
      STINT_TRY(const client::Page page, api_.list("/v1/jobs", {}, kJobsMax));
      for (const std::string& item : page.items) jobs += (jobs.empty() ? "" : ",") + item;
    }
    STINT_TRY(const client::Page agents, api_.list("/v1/agents", {}, kAgentsMax));
    std::uint64_t connected = 0, running = 0;
    for (const std::string& item : agents.items) {
      STINT_TRY(const client::AgentView agent, client::parse_agent_view(item));
      if (agent.state == "connected") ++connected;
      running += agent.running;
    }
    return "{\"kind\":\"state\",\"at\":" + json_string(format_utc(wall_now())) + ",\"job\":" + (job_ ? std::to_string(*job_) : "null") +
           ",\"jobs\":[" + jobs + "],\"agents\":{\"connected\":" + std::to_string(connected) + ",\"running\":" + std::to_string(running) +
           "}}";
  }

  client::Api& api_;
  std::optional<std::uint64_t> job_;
  std::optional<Instant> told_at_;
  std::string told_jobs_;
  bool is_changed_ = true;
};

/// On a pipe, or with --json: one line per event, until the watched job has ended.
Status print_events(const CommonOptions& options, client::Api& api, std::optional<std::uint64_t> job) {
  StateLines states(api, job);
  bool has_told_end = false;
  const auto on_event = [&](const client::ServerEvent& event) {
    states.on_event();
    print_line(options.json ? event_json(event) : event_line(event));
    has_told_end = job && event.kind == "job_ended";
    return !has_told_end;
  };
  // The job may have ended before the stream began: then no event will say so.
  Instant next_look = now();
  const auto on_tick = [&] {
    if (!keep_watching()) return false;
    if (options.json) states.on_tick();
    if (!job || now() < next_look) return true;
    next_look = now() + kLookAtJob;
    const auto view = api.get_job(*job);
    return !view || !has_ended(view->state);
  };
  STINT_TRY_VOID(api.follow_events(job, std::nullopt, on_event, on_tick));
  if (!job || !keep_watching()) return {};
  if (options.json) states.tell();
  if (options.json || has_told_end) return {};
  STINT_TRY(const client::JobView ended, api.get_job(*job));
  print_line(client::show_outcome(ended));
  return {};
}

int watch(const CommonOptions& options, const std::string& what) {
  Connection connection(options, Patience::long_);
  client::Api& api = connection.api();
  std::optional<std::uint64_t> job;
  if (!what.empty()) {
    const auto selector = client::parse_selector(what);
    if (!selector) return usage_error(options, selector.error().detail);
    const auto found = find_job(api, *selector);
    if (!found) return report_error(options, found.error());
    job = *found;
  }
  install_interrupt_handlers();
  Status followed;
  const bool is_screen = !options.json && can_redraw(STDOUT_FILENO);
  followed = is_screen ? watch_on_screen(options, job) : print_events(options, api, job);
  if (!followed && keep_watching()) return report_error(options, followed.error());
  return client::kExitOk;
}

}  // namespace

void add_watch_command(CLI::App& app, CommandLine& line) {
  CLI::App* command = add_command(app, line, "watch", "Live view of jobs, tasks, metrics and agents, or of one job",
                                  "  stint watch\n  stint watch last\n  stint watch --json      events and states, one a line\n\n"
                                  "On a terminal q or Ctrl-C leaves and ? shows the keys; see also `stint help watch`.\n"
                                  "Into a pipe: one line for each event.");
  auto what = std::make_shared<std::string>();
  command->add_option("job", *what, "12 or last; without it everything");
  command->callback([&line, what] { line.action = [&line, what] { return watch(line.common, *what); }; });
}

}  // namespace stint::cli
