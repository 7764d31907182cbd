#include <unistd.h>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <deque>
#include <memory>

#include "apps/stint/command_line.hpp"
#include "apps/stint/connection.hpp"
#include "apps/stint/follow.hpp"
#include "apps/stint/interrupts.hpp"
#include "apps/stint/json_output.hpp"
#include "apps/stint/report.hpp"
#include "apps/stint/selection.hpp"
#include "apps/stint/terminal.hpp"
#include "client/exit_status.hpp"
#include "client/progress.hpp"
#include "client/text.hpp"

namespace stint::cli {
namespace {

using namespace std::chrono_literals;

constexpr Duration kRefreshBusy = 250ms;
constexpr Duration kRefreshIdle = 3s;
constexpr std::size_t kJobsShown = 12;
constexpr std::size_t kEventsKept = 200;

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

/// A screen of agents, jobs and the latest events, drawn over itself.
class Screen {
 public:
  Screen(client::Api& api, std::optional<std::uint64_t> job) : api_(api), job_(job) {}

  void on_event(const client::ServerEvent& event) {
    events_.push_back(event_line(event));
    if (events_.size() > kEventsKept) events_.pop_front();
    is_changed_ = true;
  }

  /// False when the watched job has ended, the user pressed q, or something is broken.
  bool on_tick() {
    if (screen_.take_key() == 'q') return false;
    if (drawn_at_ && now() - *drawn_at_ < (is_changed_ ? kRefreshBusy : kRefreshIdle)) return !is_over_;
    is_changed_ = false;
    auto drawn = draw();
    drawn_at_ = now();
    if (!drawn) broken_ = std::move(drawn.error());
    return !broken_ && !is_over_;
  }

  [[nodiscard]] const std::optional<Error>& broken() const { return broken_; }
  /// What is to be read after the screen has gone.
  [[nodiscard]] const std::vector<std::string>& last_lines() const { return lines_; }

 private:
  Status draw() {
    std::vector<std::string> lines;
    STINT_TRY_VOID(job_ ? add_job(lines) : add_overview(lines));
    const std::size_t width = terminal_width(STDOUT_FILENO) - 1;
    const std::size_t height = terminal_height(STDOUT_FILENO) - 1;  // the last line says which keys there are
    for (std::string& line : lines) line = client::shorten(line, width);
    lines_ = lines;
    if (lines.size() > height) lines.resize(height);
    const std::size_t room = height > lines.size() + 1 ? height - lines.size() - 1 : 0;
    const std::size_t shown = std::min(room, events_.size());
    if (shown > 0) lines.emplace_back();
    for (std::size_t i = events_.size() - shown; i < events_.size(); ++i)
      lines.push_back(colored(STDOUT_FILENO, Color::gray, client::shorten(events_[i], width)));
    lines.resize(height);
    lines.push_back(colored(STDOUT_FILENO, Color::gray, "q quits; nothing is cancelled"));
    screen_.draw(lines);
    return {};
  }

  Status add_job(std::vector<std::string>& lines) {
    STINT_TRY(const client::JobView job, api_.get_job(*job_));
    meter_.add(job.tasks.ended(), now());
    is_over_ = has_ended(job.state);
    const std::string blocked =
        job.tasks.running == 0 && !is_over_ ? find_waiting_reason(api_, "/v1/jobs/" + std::to_string(*job_)) : std::string();
    lines.push_back("job " + std::to_string(job.id) + " " + job.name + ": " + std::string(to_string(job.state)));
    for (std::string& line : client::show_progress(job, meter_, blocked, terminal_width(STDOUT_FILENO) - 1))
      lines.push_back(std::move(line));
    return {};
  }

  Status add_overview(std::vector<std::string>& lines) {
    STINT_TRY(const client::Page agents, api_.list("/v1/agents", {}, 1000));
    std::size_t connected = 0;
    std::uint64_t running = 0;
    for (const std::string& item : agents.items) {
      STINT_TRY(const client::AgentView agent, client::parse_agent_view(item));
      if (agent.state == "connected") ++connected;
      running += agent.running;
    }
    lines.push_back(std::to_string(connected) + " of " + std::to_string(agents.items.size()) + " agents connected, " +
                    std::to_string(running) + " tasks running");
    STINT_TRY(const client::Page jobs, api_.list("/v1/jobs", {}, kJobsShown));
    for (const std::string& item : jobs.items) {
      STINT_TRY(const client::JobView job, client::parse_job_view(item));
      const double fraction = job.tasks.total() == 0 ? 0 : static_cast<double>(job.tasks.ended()) / static_cast<double>(job.tasks.total());
      lines.push_back(std::to_string(job.id) + "  " + client::show_bar(fraction, 22) + "  " + std::string(to_string(job.state)) + "  " +
                      client::show_counts(job) + "  " + job.name);
    }
    return {};
  }

  client::Api& api_;
  std::optional<std::uint64_t> job_;
  FullScreen screen_;
  std::vector<std::string> lines_;
  client::RateMeter meter_;
  std::deque<std::string> events_;
  std::optional<Instant> drawn_at_;
  bool is_changed_ = true;
  bool is_over_ = false;
  std::optional<Error> broken_;
};

/// On a pipe, or with --json: one line per event, until the watched job has ended.
Status print_events(const CommonOptions& options, client::Api& api, std::optional<std::uint64_t> job) {
  const auto on_event = [&](const client::ServerEvent& event) {
    print_line(options.json ? event_json(event) : event_line(event));
    return !(job && event.kind == "job_ended");
  };
  // The job may have ended before the stream began: then no event will say so.
  Instant next_look = now();
  const auto on_tick = [&] {
    if (!keep_watching()) return false;
    if (!job || now() < next_look) return true;
    next_look = now() + kRefreshIdle;
    const auto view = api.get_job(*job);
    return !view || !has_ended(view->state);
  };
  return api.follow_events(job, std::nullopt, on_event, on_tick);
}

/// On a terminal. `last` gets what the screen showed when it went.
Status watch_screen(client::Api& api, std::optional<std::uint64_t> job, std::vector<std::string>& last) {
  Screen screen(api, job);
  bool is_done = !screen.on_tick();
  const auto on_tick = [&] { return !(is_done = is_done || !keep_watching() || !screen.on_tick()); };
  const auto on_event = [&](const client::ServerEvent& event) {
    screen.on_event(event);
    return on_tick();
  };
  Status followed;
  if (!is_done) followed = api.follow_events(job, std::nullopt, on_event, on_tick);
  last = screen.last_lines();
  if (screen.broken()) return tl::unexpected<Error>(*screen.broken());
  return is_done ? Status() : followed;
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
  if (options.json || !is_terminal(STDOUT_FILENO)) {
    followed = print_events(options, api, job);
  } else {
    std::vector<std::string> last;
    followed = watch_screen(api, job, last);
    for (const auto& line : last) print_line(line);
  }
  if (!followed && keep_watching()) return report_error(options, followed.error());
  return client::kExitOk;
}

}  // namespace

void add_watch_command(CLI::App& app, CommandLine& line) {
  CLI::App* command = add_command(app, line, "watch", "Live view of a job, or of the whole cell",
                                  "  stint watch\n  stint watch last\n  stint watch --json      one event per line");
  auto what = std::make_shared<std::string>();
  command->add_option("job", *what, "12 or last; without it everything");
  command->callback([&line, what] { line.action = [&line, what] { return watch(line.common, *what); }; });
}

}  // namespace stint::cli
