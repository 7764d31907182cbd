#include "apps/stint/follow.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>

#include "apps/stint/interrupts.hpp"
#include "apps/stint/report.hpp"
#include "apps/stint/terminal.hpp"
#include "client/exit_status.hpp"
#include "client/progress.hpp"
#include "client/text.hpp"

namespace stint::cli {
namespace {

using namespace std::chrono_literals;

constexpr Duration kSecondKeyWithin = 1s;
constexpr Duration kExplainAfter = 2s;    // by then a healthy system has placed what it can
constexpr Duration kRefreshBusy = 200ms;  // something has happened
constexpr Duration kRefreshIdle = 2s;     // events may have been missed while the scheduler was away
constexpr Duration kLineEvery = 1s;       // on a pipe, at first
constexpr Duration kLineEveryAtLast = 60s;
constexpr std::size_t kFailuresShown = 5;

std::string job_path(std::uint64_t job) { return "/v1/jobs/" + std::to_string(job); }

/// Bars on a terminal, lines on a pipe; both on stderr, since stdout belongs to the tasks.
class ProgressDisplay {
 public:
  void show(client::Api& api, const client::JobView& job) {
    const Instant at = now();
    meter_.add(job.tasks.ended(), at, job.tasks.running);
    if (!has_bars_) return show_line(job, at);
    const bool is_stuck = job.tasks.running == 0 && !has_ended(job.state);
    if (!is_stuck) stuck_since_.reset();
    if (is_stuck && !stuck_since_) stuck_since_ = at;
    const std::string blocked = is_stuck && at - *stuck_since_ >= kExplainAfter ? find_waiting_reason(api, job_path(job.id)) : "";
    lines_.draw(client::show_progress(job, meter_, blocked, terminal_width(STDERR_FILENO) - 1));
    if (has_ended(job.state)) lines_.keep();
  }

  /// What is said now goes where the bars are; they come again below it.
  void step_aside() { lines_.clear(); }

 private:
  /// Often at first, then rarer: a log of hours is not filled with them.
  void show_line(const client::JobView& job, Instant at) {
    const Duration interval = std::clamp((at - begun_at_) / 10, kLineEvery, kLineEveryAtLast);
    const bool is_due = !last_line_at_ || at - *last_line_at_ >= interval || has_ended(job.state);
    if (!is_due || job.tasks == last_told_) return;
    write_all(STDERR_FILENO, client::show_counts(job, meter_) + "\n");
    last_told_ = job.tasks;
    last_line_at_ = at;
  }

  bool has_bars_ = can_redraw(STDERR_FILENO);
  client::RateMeter meter_;
  LiveLines lines_{STDERR_FILENO};
  std::optional<Instant> stuck_since_;
  std::optional<Instant> last_line_at_;
  std::optional<client::TaskCounts> last_told_;
  Instant begun_at_ = now();
};

/// Says once, on a terminal, why a task does not start; then again whenever the reason is another.
class WaitingNotice {
 public:
  WaitingNotice(client::Api& api, std::string path) : api_(api), path_(std::move(path)) {}
  void check() {
    if (!is_on_ || now() < next_at_) return;
    next_at_ = now() + kExplainAfter;
    std::string reason = find_waiting_reason(api_, path_);
    if (reason.empty() || reason == told_) return;
    notice(colored(STDERR_FILENO, Color::yellow, "waiting: " + reason));
    told_ = std::move(reason);
  }
  void stop() { is_on_ = false; }

 private:
  client::Api& api_;
  std::string path_;
  bool is_on_ = is_terminal(STDERR_FILENO);
  Instant next_at_ = now() + kExplainAfter;
  std::string told_;
};

}  // namespace

Instant now() { return Instant{std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch())}; }

UnixMillis wall_now() {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return unix_millis(std::chrono::duration_cast<std::chrono::milliseconds>(since).count());
}

bool CancelKeys::check() {
  while (handled_ < interrupts_seen()) {
    ++handled_;
    on_key();
  }
  return !wants_out_;
}

void CancelKeys::on_key() {
  const Instant at = now();
  const bool is_second = last_key_ && at - *last_key_ <= kSecondKeyWithin;
  last_key_ = at;
  const std::string job = "job " + std::to_string(job_);
  if (has_cancelled_) {
    wants_out_ = true;
  } else if (!is_second) {
    notice(job + " goes on. Again within a second cancels it; Ctrl-\\ leaves it running, and `" + way_back_ + "` comes back to it");
  } else {
    has_cancelled_ = true;
    notice("cancelling " + job + "; once more leaves without waiting for its end");
    const auto cancelled = api_.post(job_path(job_) + "/cancel", "{}", client::Api::Repeat::always);
    if (!cancelled) notice(cancelled.error().detail);
  }
}

std::string find_waiting_reason(client::Api& api, const std::string& path) {
  const auto json = api.get(path + "/explain");
  if (!json) return {};
  const auto explanation = client::parse_explanation(*json);
  return explanation && explanation->state == TaskStatus::pending ? explanation->summary : "";
}

Result<client::TaskView> get_first_task(client::Api& api, std::uint64_t job) {
  STINT_TRY(const client::Page page, api.list(job_path(job) + "/tasks", {}, 1));
  if (page.items.empty()) return fail(Errc::corrupt, "job " + std::to_string(job) + " has no task");
  return client::parse_task_view(page.items.front());
}

Result<client::JobView> follow_job(client::Api& api, std::uint64_t id, Progress progress, const std::function<bool()>& keep_going) {
  STINT_TRY(client::JobView job, api.get_job(id));
  std::optional<ProgressDisplay> display;
  if (progress == Progress::shown) display.emplace();
  std::optional<Error> broken;
  bool is_changed = true;  // between the first look and the stream's beginning anything may have happened
  Instant read_at = now();
  int interrupts_told = interrupts_seen();
  const auto look = [&] {
    // An interrupt is answered by a line on stderr: the bars must not be drawn over it.
    const int interrupts = interrupts_seen();
    if (display && interrupts != interrupts_told) display->step_aside();
    interrupts_told = interrupts;
    if (!keep_going()) return false;
    if (display) display->show(api, job);
    if (has_ended(job.state)) return false;
    const Duration age = now() - read_at;
    if (age < (is_changed ? kRefreshBusy : kRefreshIdle)) return true;
    is_changed = false;
    auto fresh = api.get_job(id);
    read_at = now();
    if (!fresh) broken = std::move(fresh.error());
    if (broken) return false;
    job = std::move(*fresh);
    if (display) display->show(api, job);
    return !has_ended(job.state);
  };
  if (!look()) return job;
  const auto on_event = [&](const client::ServerEvent& event) {
    is_changed = true;
    // The end is worth a look at once; everything else is gathered.
    if (event.kind == "job_ended") read_at -= kRefreshBusy;
    return event.kind != "job_ended" || look();
  };
  const auto followed = api.follow_events(id, std::nullopt, on_event, look);
  if (broken) return tl::unexpected<Error>(std::move(*broken));
  if (!followed && keep_going()) return tl::unexpected<Error>(followed.error());
  return job;
}

Result<std::optional<client::Outcome>> follow_task(client::Api& api, const std::string& task, const std::function<bool()>& keep_going) {
  std::optional<client::Outcome> outcome;
  WaitingNotice waiting(api, "/v1/tasks/" + client::encode_segment(task));
  bool has_reader = true;
  const auto on_log = [&](const client::LogEntry& entry, std::string_view) {
    waiting.stop();
    if (entry.end) outcome = entry.end;
    if (entry.line) has_reader = write_all(entry.line->is_stderr ? STDERR_FILENO : STDOUT_FILENO, entry.line->bytes);
    return has_reader && keep_going();
  };
  const auto on_tick = [&] {
    waiting.check();
    return keep_going();
  };
  client::Api::LogOptions options;
  options.follow = true;
  const Status read = api.read_logs(task, options, on_log, on_tick);
  if (!has_reader) return fail(Errc::io, "nobody reads the output any more; the task goes on");
  if (!read && keep_going()) return tl::unexpected<Error>(read.error());
  return outcome;
}

Result<int> exit_status_of(client::Api& api, const client::JobView& job) {
  if (job.tasks.total() != 1) return client::exit_status(job.tasks);
  STINT_TRY(const client::TaskView task, get_first_task(api, job.id));
  return client::exit_status(task.outcome);
}

void tell_failures(client::Api& api, const client::JobView& job) {
  if (job.tasks.failed == 0) return;
  const auto page = api.list(job_path(job.id) + "/tasks", {{"state", "failed"}}, kFailuresShown);
  if (!page) return;
  for (const std::string& item : page->items) {
    const auto listed = client::parse_task_view(item);
    if (!listed) continue;
    const auto json = api.get("/v1/tasks/" + client::encode_segment(listed->id));
    const auto task = json ? client::parse_task_view(*json) : listed;
    const bool is_plain = job.tasks.total() == 1 && task && task->outcome.reason == EndReason::exit;
    if (task && !is_plain) notice(task->id + " failed: " + client::show_failure(*task));
  }
  if (job.tasks.failed > page->items.size())
    notice(std::to_string(job.tasks.failed - page->items.size()) + " more failed; see `stint tasks " + std::to_string(job.id) +
           " --failed`");
}

}  // namespace stint::cli
