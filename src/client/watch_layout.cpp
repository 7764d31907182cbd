#include "client/watch_layout.hpp"

#include <algorithm>
#include <array>

#include "client/text.hpp"
#include "client/watch_pages.hpp"
#include "client/watch_rows.hpp"

namespace stint::client {
namespace {

constexpr std::size_t kRowsForAllPanes = 12;  // between header and keys; with fewer only the pane with the keys is shown
constexpr std::size_t kRowsForCurves = 16;
constexpr std::size_t kCurvesMax = 4;

const JobView* find_job(const WatchData& data, std::uint64_t id) {
  const auto found = std::find_if(data.jobs.begin(), data.jobs.end(), [&](const JobView& job) { return job.id == id; });
  return found == data.jobs.end() ? nullptr : &*found;
}

StyledLine header(const WatchData& data, std::size_t columns) {
  if (!data.trouble.empty()) return StyledLine(data.trouble, Style::red);
  std::uint64_t running = 0;
  std::size_t connected = 0;
  for (const AgentView& agent : data.agents) {
    running += agent.running;
    if (agent.state == "connected") ++connected;
  }
  const std::string many = data.has_more_agents ? "+" : "";
  const std::string agents = std::to_string(connected) + many + (connected == 1 && many.empty() ? " agent, " : " agents, ");
  StyledLine line("stint", Style::bold);
  if (columns >= 60) line.add("  " + data.server, Style::dim);
  return line.add("  " + agents + std::to_string(running) + many + " running");
}

StyledLine title(const std::string& name, const std::string& more, bool is_chosen, std::size_t columns) {
  StyledLine line(is_chosen ? "› " : "  ", Style::cyan);
  line.add(name, is_chosen ? Style::bold : Style::dim).add(more.empty() ? "" : "  " + more, Style::dim).add(" ");
  std::string rule;
  for (std::size_t i = line.width(); i < columns; ++i) rule += "─";
  return line.add(rule, Style::dim);
}

std::string filter_text(const WatchState& state, Pane pane) { return state.filter(pane).empty() ? "" : "/" + state.filter(pane); }

/// The rows around the chosen one that fit.
template <class Rows, class IsChosen, class Show>
void add_rows(std::vector<StyledLine>& lines, const Rows& rows, std::size_t room, bool has_keys, IsChosen is_chosen, Show show) {
  const auto found = std::find_if(rows.begin(), rows.end(), is_chosen);
  const std::size_t chosen = found == rows.end() ? 0 : static_cast<std::size_t>(found - rows.begin());
  const std::size_t first = rows.size() <= room ? 0 : std::min(chosen - std::min(chosen, room / 2), rows.size() - room);
  for (std::size_t i = first; i < std::min(first + room, rows.size()); ++i) {
    StyledLine row = show(*rows[i]);
    const bool is_this = i == chosen && found != rows.end();
    if (!is_this) {
      lines.push_back(StyledLine("  ").add(row));
    } else if (has_keys) {
      lines.push_back(StyledLine("› ").add(row).restyled(Style::chosen));
    } else {
      lines.push_back(StyledLine("› ", Style::bold).add(row));
    }
  }
}

void add_jobs(std::vector<StyledLine>& lines, const WatchData& data, const WatchState& state, std::size_t room, std::size_t columns) {
  const auto rows = state.shown_jobs(data);
  lines.push_back(title("Jobs", filter_text(state, Pane::jobs), state.pane() == Pane::jobs, columns));
  if (rows.empty())
    lines.emplace_back(data.jobs.empty() ? "  none yet; `stint run -- echo hello` makes one" : "  none of this name", Style::dim);
  add_rows(
      lines, rows, room, state.pane() == Pane::jobs, [&](const JobView* job) { return job->id == state.job(); },
      [&](const JobView& job) {
        const auto meter = data.meters.find(job.id);
        return job_row(job, meter == data.meters.end() ? nullptr : &meter->second, columns - 2);
      });
}

void add_tasks(std::vector<StyledLine>& lines, const WatchData& data, const WatchState& state, std::size_t room, std::size_t columns) {
  const auto rows = state.shown_tasks(data);
  const JobView* job = find_job(data, state.job());
  std::string more = state.only_failed() ? "failed only" : job != nullptr ? show_standing(job->tasks) : "";
  if (!state.filter(Pane::tasks).empty()) more += (more.empty() ? "" : "  ") + filter_text(state, Pane::tasks);
  const std::string name = state.job() == 0 ? "Tasks" : "Tasks of " + std::to_string(state.job());
  lines.push_back(title(name, more, state.pane() == Pane::tasks, columns));
  const bool is_here = data.tasks_of == state.job();
  if (rows.empty() && state.job() != 0) lines.emplace_back(is_here ? "  none of these" : "  ...", Style::dim);
  add_rows(
      lines, rows, room, state.pane() == Pane::tasks, [&](const TaskView* task) { return task->id == state.task(); },
      [&](const TaskView& task) { return task_row(task, data.wall_now, columns - 2); });
}

void add_agents(std::vector<StyledLine>& lines, const WatchData& data, const WatchState& state, std::size_t room, std::size_t columns) {
  const auto rows = state.shown_agents(data);
  lines.push_back(title("Agents", filter_text(state, Pane::agents), state.pane() == Pane::agents, columns));
  if (rows.empty()) lines.emplace_back("  none", Style::dim);
  add_rows(
      lines, rows, room, state.pane() == Pane::agents, [&](const AgentView* agent) { return agent->name == state.agent(); },
      [&](const AgentView& agent) { return agent_row(agent, columns - 2); });
}

/// The chosen task's metrics, else how fast the chosen job's tasks end.
void add_curves(std::vector<StyledLine>& lines, const WatchData& data, const WatchState& state, std::size_t room, std::size_t columns,
                Charset charset) {
  if (!data.curves.empty()) {
    lines.push_back(title("Metrics of " + state.task(), "", false, columns));
    std::size_t name_width = 8;
    for (const auto& [name, series] : data.curves) name_width = std::max(name_width, std::min<std::size_t>(20, display_width(name)));
    for (std::size_t i = 0; i < std::min(room, data.curves.size()); ++i) {
      const auto& [name, series] = data.curves[i];
      const std::string now =
          show_number(series.latest()) + "  (" + show_number(series.least()) + " to " + show_number(series.greatest()) + ")";
      lines.push_back(curve_row(name, name_width, series.values(), now, columns, charset));
    }
    return;
  }
  const auto meter = data.meters.find(state.job());
  const auto rate = meter == data.meters.end() ? std::nullopt : meter->second.per_second();
  if (!rate) return;
  lines.push_back(title("Speed of job " + std::to_string(state.job()), "", false, columns));
  lines.push_back(curve_row("tasks", 8, meter->second.history(), show_rate(*rate), columns, charset));
}

struct KeyHint {
  std::string_view key, word;
};

/// As many as fit; the first ones matter most.
StyledLine key_line(const std::vector<KeyHint>& hints, std::size_t columns) {
  StyledLine line;
  for (const KeyHint& hint : hints) {
    StyledLine one;
    one.add(line.width() > 0 ? "  " : "").add(hint.key, Style::bold).add(" ").add(hint.word, Style::dim);
    if (line.width() + one.width() > columns) break;
    line.add(one);
  }
  return line;
}

StyledLine keys(const WatchState& state, std::size_t columns) {
  if (!state.doomed().empty())
    return StyledLine("cancel " + state.doomed() + "? ", Style::red).add("y", Style::bold).add(" yes, any other key no");
  if (state.is_filtering())
    return StyledLine("/" + state.filter(state.pane()) + "_  ", Style::bold).add("enter keeps, esc clears", Style::dim);
  if (state.page() == WatchPage::overview)
    return key_line({{"q", "quit"},
                     {"?", "help"},
                     {"↑↓", "choose"},
                     {"enter", "open"},
                     {"tab", "list"},
                     {"l", "logs"},
                     {"e", "explain"},
                     {"f", state.only_failed() ? "all" : "failed"},
                     {"c", "cancel"},
                     {"/", "filter"}},
                    columns);
  if (state.page() == WatchPage::help || state.page() == WatchPage::agent)
    return key_line({{"q", "quit"}, {"esc", "back"}, {"↑↓", "scroll"}}, columns);
  return key_line({{"q", "quit"}, {"esc", "back"}, {"↑↓", "scroll"}, {"enter", "task"}, {"l", "logs"}, {"e", "explain"}, {"c", "cancel"}},
                  columns);
}

std::vector<StyledLine> overview(const WatchData& data, const WatchState& state, ScreenSize size, Charset charset) {
  const PaneRows rows = share_rows(data, state, size);
  std::vector<StyledLine> lines;
  if (rows.jobs > 0) add_jobs(lines, data, state, rows.jobs, size.columns);
  if (rows.tasks > 0) {
    const std::size_t below = lines.size() + 1 + rows.tasks;
    add_tasks(lines, data, state, rows.tasks, size.columns);
    lines.resize(below);  // what follows stays where it is when tasks come and go
  }
  if (rows.curves > 0 && state.job() != 0) {
    const std::size_t below = lines.size() + 1 + rows.curves;
    add_curves(lines, data, state, rows.curves, size.columns, charset);
    lines.resize(below);
  }
  if (rows.agents > 0) add_agents(lines, data, state, rows.agents, size.columns);
  return lines;
}

}  // namespace

PaneRows share_rows(const WatchData& data, const WatchState& state, ScreenSize size) {
  const std::size_t room = size.rows > 2 ? size.rows - 2 : 0;
  PaneRows rows;
  if (room < kRowsForAllPanes) {
    const std::size_t all = room > 1 ? room - 1 : 0;
    (state.pane() == Pane::jobs ? rows.jobs : state.pane() == Pane::tasks ? rows.tasks : rows.agents) = all;
    return rows;
  }
  if (room >= kRowsForCurves) rows.curves = std::clamp<std::size_t>(data.curves.size(), 1, kCurvesMax);
  const std::size_t titles = 3 + (rows.curves > 0 ? 1 : 0);
  const std::size_t left = room - titles - rows.curves;
  rows.jobs = state.only_job() ? 1 : std::clamp<std::size_t>(data.jobs.size(), 1, std::max<std::size_t>(3, left / 3));
  rows.agents = std::clamp<std::size_t>(data.agents.size(), 1, std::max<std::size_t>(2, left / 5));
  rows.tasks = left - rows.jobs - rows.agents;
  return rows;
}

std::vector<StyledLine> lay_out(const WatchData& data, const WatchState& state, ScreenSize size, Charset charset) {
  std::vector<StyledLine> lines;
  if (size.rows == 0) return lines;
  if (size.rows >= 3) lines.push_back(header(data, size.columns));
  const std::size_t room = size.rows - lines.size() - 1;
  auto body =
      state.page() == WatchPage::overview ? overview(data, state, size, charset) : lay_out_page(data, state, {size.columns, room}, charset);
  body.resize(room);
  lines.insert(lines.end(), body.begin(), body.end());
  lines.push_back(keys(state, size.columns));
  return lines;
}

}  // namespace stint::client
