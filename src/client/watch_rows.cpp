#include "client/watch_rows.hpp"

#include <algorithm>
#include <cmath>

#include "base/utc.hpp"
#include "client/text.hpp"

namespace stint::client {
namespace {

constexpr std::size_t kNarrow = 60;  // columns: below them only what matters most

double fraction_of(const TaskCounts& tasks) {
  return tasks.total() == 0 ? 0 : static_cast<double>(tasks.ended()) / static_cast<double>(tasks.total());
}

void add_counts(StyledLine& line, const TaskCounts& tasks, bool is_narrow) {
  line.add(std::to_string(tasks.completed) + "/" + std::to_string(tasks.total()));
  if (tasks.running > 0 && !is_narrow) line.add(" " + std::to_string(tasks.running) + " running", Style::cyan);
  if (tasks.failed > 0) line.add(" " + std::to_string(tasks.failed) + " failed", Style::red);
  if (tasks.cancelled > 0) line.add(" " + std::to_string(tasks.cancelled) + " cancelled", Style::yellow);
}

void add_rate(StyledLine& line, const JobView& job, const RateMeter& meter, bool is_narrow) {
  const auto rate = meter.per_second();
  const std::uint64_t open = job.tasks.total() - job.tasks.ended();
  if (!rate || *rate <= 0 || open == 0) return;
  if (!is_narrow) line.add("  " + show_rate(*rate), Style::dim);
  if (const auto left = meter.time_left(open)) line.add(" " + show_duration(*left) + " left", Style::bold);
}

void add_load(StyledLine& line, const std::string& name, std::int64_t used, std::int64_t all, std::string (*show)(std::int64_t),
              std::size_t bar) {
  if (all <= 0) return;
  const double share = static_cast<double>(used) / static_cast<double>(all);
  line.add("  " + name + " ", Style::dim);
  if (bar > 0) add_bar(line, share, bar, share > 0.999 ? Style::yellow : Style::green);
  line.add((bar > 0 ? " " : "") + show(used) + "/" + show(all));
}

std::string show_count(std::int64_t count) { return std::to_string(count); }

}  // namespace

Style style_of(TaskStatus state) {
  switch (state) {
    case TaskStatus::running: return Style::cyan;
    case TaskStatus::completed: return Style::green;
    case TaskStatus::failed: return Style::red;
    case TaskStatus::cancelled: return Style::yellow;
    default: return Style::plain;
  }
}

void add_bar(StyledLine& line, double fraction, std::size_t width, Style style) {
  const double share = std::clamp(fraction, 0.0, 1.0);
  auto full = static_cast<std::size_t>(std::floor(share * static_cast<double>(width)));
  if (share > 0 && full == 0) full = 1;  // something is not nothing
  std::string done, rest;
  for (std::size_t i = 0; i < width; ++i) (i < full ? done : rest) += i < full ? "█" : "░";
  line.add(done, style).add(rest, Style::dim);
}

StyledLine job_row(const JobView& job, const RateMeter* meter, std::size_t columns) {
  StyledLine line;
  const bool is_narrow = columns < kNarrow;
  const std::string id = std::to_string(job.id);
  line.add(std::string(id.size() < 4 ? 4 - id.size() : 0, ' ') + id + " ", Style::bold);
  const std::size_t name_width = is_narrow ? 10 : std::min<std::size_t>(24, columns / 5);
  const std::size_t after_name = line.width() + name_width + 1;
  line.add(shorten(printable(job.name), name_width)).pad_to(after_name);
  const Style style = job.tasks.failed > 0 ? Style::red : has_ended(job.state) ? style_of(job.state) : Style::cyan;
  add_bar(line, fraction_of(job.tasks), is_narrow ? 6 : std::min<std::size_t>(20, columns / 6), style);
  line.add(" ");
  if (!is_narrow) {
    const std::size_t after_state = line.width() + 10;
    line.add(std::string(to_string(job.state)), style_of(job.state)).pad_to(after_state);
  }
  add_counts(line, job.tasks, is_narrow);
  if (meter != nullptr && !has_ended(job.state)) add_rate(line, job, *meter, is_narrow);
  return line;
}

std::string show_running_time(const TaskView& task, UnixMillis now) {
  const auto started = parse_utc(task.started_at);
  if (started && (has_ended(task.outcome.state) || task.outcome.state == TaskStatus::running))
    return show_duration(parse_utc(task.ended_at).value_or(now) - *started);
  const auto retry = parse_utc(task.retry_at);
  return retry && *retry > now ? "again in " + show_duration(*retry - now) : "-";
}

std::string show_report(const TaskView& task) {
  const bool has_progress = task.progress && *task.progress > 0 && !has_ended(task.outcome.state);
  const std::string said = show_said(task);
  if (!has_progress) return said;
  return std::to_string(static_cast<int>(*task.progress * 100)) + " %" + (said.empty() ? "" : ", ") + said;
}

std::string show_said(const TaskView& task) {
  std::string text;
  const auto add = [&](const std::string& part) { text += (text.empty() ? "" : ", ") + part; };
  for (const auto& [name, value] : task.metrics) add(name + " " + show_number(value));
  if (!task.message.empty()) add(task.message);
  return printable(text);
}

StyledLine task_row(const TaskView& task, UnixMillis now, std::size_t columns) {
  StyledLine line;
  const bool is_narrow = columns < kNarrow;
  line.add(task.id).pad_to(std::max(line.width() + 1, is_narrow ? std::size_t{13} : std::size_t{18}));
  const std::size_t after_state = line.width() + 10;
  line.add(to_string(task.outcome.state), style_of(task.outcome.state)).pad_to(after_state);
  const std::string end = show_end(task.outcome);
  if (!end.empty() && end != to_string(task.outcome.state)) line.add(end + " ", Style::red);
  if (!is_narrow) line.pad_to(after_state + 11);
  line.add(show_running_time(task, now) + " ");
  if (is_narrow) return line;
  line.pad_to(after_state + 20);
  if (task.attempts > 1) line.add("try " + std::to_string(task.attempts) + " ", Style::yellow);
  line.pad_to(after_state + 27);
  const std::size_t agent_width = std::min<std::size_t>(14, columns / 8);
  const std::size_t after_agent = line.width() + agent_width + 1;
  line.add(shorten(task.agent.empty() ? "-" : task.agent, agent_width), Style::dim).pad_to(after_agent);
  if (task.progress && task.outcome.state == TaskStatus::running) {
    add_bar(line, *task.progress, 8, Style::cyan);
    line.add(" ");
  }
  return line.add(show_said(task));
}

StyledLine agent_row(const AgentView& agent, std::size_t columns) {
  StyledLine line;
  const bool is_narrow = columns < kNarrow;
  const std::size_t name_width = is_narrow ? 10 : 16;
  line.add(shorten(printable(agent.name), name_width)).pad_to(name_width + 1);
  const bool is_here = agent.state == "connected";
  if (!is_here) line.add(agent.state, agent.state == "revoked" ? Style::red : Style::yellow);
  if (!is_here && agent.running == 0) return line;
  line.add((is_here ? "" : "  ") + std::to_string(agent.running) + " running", agent.running > 0 ? Style::cyan : Style::dim);
  const std::size_t bar = is_narrow ? 0 : columns < 100 ? 4 : 8;
  add_load(line, "cpu", agent.used.cpu_millis, agent.resources.cpu_millis, show_cpu, bar);
  add_load(line, is_narrow ? "mem" : "memory", agent.used.memory_bytes, agent.resources.memory_bytes, show_bytes, bar);
  add_load(line, "gpu", agent.used.gpus, agent.resources.gpus, show_count, bar);
  if (!agent.notes.empty() && !is_narrow) {
    std::string notes = agent.notes.front();
    if (agent.notes.size() > 1) notes += " (and " + std::to_string(agent.notes.size() - 1) + " more)";
    line.add("  " + notes, Style::yellow);
  }
  return line;
}

StyledLine curve_row(const std::string& name, std::size_t name_width, const std::vector<double>& values, const std::string& now,
                     std::size_t columns, Charset charset) {
  StyledLine line;
  line.add("  " + shorten(printable(name), name_width)).pad_to(name_width + 4);
  const std::size_t taken = line.width() + display_width(now) + 2;
  const std::size_t room = columns > taken + 4 ? std::min<std::size_t>(60, columns - taken) : 0;
  const std::string curve = show_curve(values, room, charset);
  if (!curve.empty()) {
    // The curve's characters pass paint() unchanged in ASCII, since they are ASCII then.
    line.add(curve, Style::cyan);
    line.add("  ");
  }
  return line.add(now, Style::bold);
}

}  // namespace stint::client
