#include "client/watch_pages.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <utility>

#include "client/text.hpp"
#include "client/watch_rows.hpp"

namespace stint::client {
namespace {

StyledLine field(std::string_view name, std::string_view value, Style style = Style::plain) {
  StyledLine line;
  line.add(name, Style::dim).pad_to(12);
  return line.add(value, style);
}

/// As many lines as a text takes at that width, without breaking words where it can be helped.
std::vector<std::string> wrapped(const std::string& text, std::size_t columns) {
  const std::size_t margin = std::min(text.find_first_not_of(' '), text.size());
  std::vector<std::string> lines;
  std::string line;
  std::size_t begin = 0;
  while (begin < text.size()) {
    std::size_t end = text.find(' ', begin + (begin == 0 ? margin : 0));
    end = end == std::string::npos ? text.size() : end + 1;
    const std::string word = text.substr(begin, end - begin);
    const std::size_t word_width = display_width(word) - (word.ends_with(' ') ? 1 : 0);
    const bool is_full = !line.empty() && display_width(line) + word_width > columns;
    if (is_full) lines.push_back(std::exchange(line, std::string(std::min(margin + 2, columns / 2), ' ')));
    line += word;
    begin = end;
  }
  lines.push_back(line);
  return lines;
}

/// From the top, as far as it is scrolled.
std::vector<StyledLine> scrolled(std::vector<StyledLine> lines, std::size_t scroll, std::size_t rows) {
  const std::size_t most = lines.size() > rows ? lines.size() - rows : 0;
  lines.erase(lines.begin(), lines.begin() + static_cast<std::ptrdiff_t>(std::min(scroll, most)));
  if (lines.size() > rows) lines.resize(rows);
  return lines;
}

std::vector<StyledLine> explain_page(const WatchData& data, const WatchState& state, ScreenSize size) {
  std::vector<StyledLine> lines;
  for (const std::string& line : data.explanation)
    for (const std::string& part : wrapped(line, size.columns)) lines.emplace_back(part);
  if (lines.empty()) lines.emplace_back("...", Style::dim);
  return scrolled(std::move(lines), state.scroll(), size.rows);
}

std::vector<StyledLine> log_lines(const WatchData& data, std::size_t scroll, std::size_t rows) {
  const std::size_t most = data.log.size() > rows ? data.log.size() - rows : 0;
  const std::size_t end = data.log.size() - std::min(scroll, most);
  std::vector<StyledLine> lines;
  for (std::size_t i = end - std::min(end, rows); i < end; ++i) lines.emplace_back(data.log[i]);
  if (lines.empty()) lines.emplace_back("nothing written yet", Style::dim);
  return lines;
}

std::vector<StyledLine> logs_page(const WatchData& data, const WatchState& state, ScreenSize size) {
  std::vector<StyledLine> lines{StyledLine(state.task(), Style::bold).add("  the end of its output", Style::dim)};
  if (size.rows <= 1) return lines;
  for (auto& line : log_lines(data, state.scroll(), size.rows - 1)) lines.push_back(std::move(line));
  return lines;
}

void add_graphs(std::vector<StyledLine>& lines, const WatchData& data, std::size_t rows, std::size_t columns, Charset charset) {
  if (data.curves.empty()) return;
  constexpr std::size_t kGraphMin = 2, kGraphMax = 6;  // lines of a curve, besides its title
  const std::size_t shown = std::clamp<std::size_t>(rows / (kGraphMin + 1), 1, data.curves.size());
  const std::size_t height = std::clamp(rows / shown - 1, kGraphMin, kGraphMax);
  for (std::size_t i = 0; i < shown; ++i) {
    const auto& [name, series] = data.curves[i];
    lines.push_back(StyledLine(name, Style::bold)
                        .add("  " + show_number(series.latest()), Style::cyan)
                        .add("  " + show_number(series.least()) + " to " + show_number(series.greatest()), Style::dim));
    for (const auto& row : show_graph(series.values(), std::min<std::size_t>(columns, 100), height, charset))
      lines.emplace_back(row, Style::cyan);
  }
}

std::vector<StyledLine> task_page(const WatchData& data, const WatchState& state, ScreenSize size, Charset charset) {
  std::vector<StyledLine> lines;
  if (!data.task || data.task->id != state.task()) return {StyledLine(state.task(), Style::bold), StyledLine("...", Style::dim)};
  const TaskView& task = *data.task;
  StyledLine first(task.id, Style::bold);
  first.add("  ").add(to_string(task.outcome.state), style_of(task.outcome.state));
  if (const std::string end = show_end(task.outcome); !end.empty()) first.add("  " + end, Style::red);
  if (task.progress && !has_ended(task.outcome.state)) {
    first.add("  ");
    add_bar(first, *task.progress, 20, Style::cyan);
    first.add(" " + std::to_string(static_cast<int>(*task.progress * 100)) + " %");
  }
  lines.push_back(std::move(first));
  lines.push_back(field("time", show_running_time(task, data.wall_now))
                      .add("   attempt " + std::to_string(task.attempts), Style::dim)
                      .add(task.agent.empty() ? "" : " on " + task.agent, Style::dim));
  if (!task.message.empty()) lines.push_back(field("says", task.message));
  if (!task.detail.empty() && task.detail != task.message) lines.push_back(field("detail", task.detail, Style::yellow));
  const std::size_t left = size.rows > lines.size() ? size.rows - lines.size() : 0;
  if (left > 6) add_graphs(lines, data, left / 2, size.columns, charset);
  if (lines.size() + 2 <= size.rows) {
    lines.emplace_back("output", Style::dim);
    for (auto& line : log_lines(data, state.scroll(), size.rows - lines.size())) lines.push_back(std::move(line));
  }
  return lines;
}

std::string show_skew(std::int64_t ms) {
  if (ms == 0) return "as the scheduler's";
  return std::to_string(std::abs(ms)) + " ms " + (ms < 0 ? "behind" : "ahead of") + " the scheduler's";
}

std::vector<StyledLine> agent_page(const WatchData& data, const WatchState& state, ScreenSize size) {
  const auto found =
      std::find_if(data.agents.begin(), data.agents.end(), [&](const AgentView& agent) { return agent.name == state.agent(); });
  if (found == data.agents.end()) return {StyledLine(state.agent(), Style::bold), StyledLine("no longer known", Style::dim)};
  return scrolled(agent_lines(*found, data.wall_now), state.scroll(), size.rows);
}

std::vector<StyledLine> help_page(const WatchState& state, ScreenSize size) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 13> kKeys{
      {{"↑ ↓  j k", "choose a row, or scroll"},
       {"PgUp PgDn", "a page at a time; g and G to the ends"},
       {"tab", "next list: jobs, tasks, agents"},
       {"enter", "a job's tasks; a task's metrics and output; an agent"},
       {"esc", "back; on a list: clears its filter"},
       {"f", "only failed tasks, and all again"},
       {"l", "the end of the chosen task's output"},
       {"e", "why the chosen task or job is not running"},
       {"c", "cancel the chosen job or task, after a y"},
       {"/", "filter: jobs by number, name or state; tasks by entry or index"},
       {"?", "this page"},
       {"q", "quit; nothing is cancelled"},
       {"Ctrl-C", "the same"}}};
  std::vector<StyledLine> lines{StyledLine("Keys", Style::bold)};
  for (const auto& [key, word] : kKeys) {
    StyledLine line;
    line.add("  ").add(key, Style::bold).pad_to(13);
    lines.push_back(line.add(word));
  }
  lines.emplace_back("Tasks are listed failed first, then running, pending and the others; huge arrays only in part.", Style::dim);
  return scrolled(std::move(lines), state.scroll(), size.rows);
}

/// `2 of 4 CPU, 1Gi of 8Gi, 0 of 2 GPU`; what the agent has nothing of is left out.
std::string show_use(const Resources& used, const Resources& offered) {
  std::string text;
  const auto add = [&](std::int64_t part, std::int64_t whole, std::string (*show)(std::int64_t), const char* unit) {
    if (whole != 0) text += (text.empty() ? "" : ", ") + show(part) + " of " + show(whole) + unit;
  };
  add(used.cpu_millis, offered.cpu_millis, show_cpu, " CPU");
  add(used.memory_bytes, offered.memory_bytes, show_bytes, "");
  add(used.gpus, offered.gpus, [](std::int64_t gpus) { return std::to_string(gpus); }, " GPU");
  add(used.storage_bytes, offered.storage_bytes, show_bytes, " storage");
  return text;
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

}  // namespace

std::vector<StyledLine> agent_lines(const AgentView& agent, UnixMillis now) {
  std::vector<StyledLine> lines{StyledLine(agent.name, Style::bold).add("  ").add(agent.state, style_of_state(agent.state))};
  if (agent.state == "draining" && !agent.drain_by.empty()) lines.back().add("  its tasks end by " + show_time(agent.drain_by) + " UTC");
  const auto add = [&](std::string_view name, const std::string& value, Style style = Style::plain) {
    if (!value.empty()) lines.push_back(field(name, value, style));
  };
  add("running", std::to_string(agent.running) + (agent.running == 1 ? " attempt" : " attempts") +
                     (agent.waiting > 0 ? ", " + std::to_string(agent.waiting) + " of them wait for room" : ""));
  add("in use", show_use(agent.used, agent.resources));
  add("types", agent.types.size() == kAgentTypes ? "all" : joined(agent.types));
  add("drivers", joined(agent.drivers));
  for (const auto& [name, value] : agent.labels) add("label", std::string(name).append("=").append(value));
  add("host", agent.host);
  add("version", agent.version);
  add("number", std::to_string(agent.number));
  add("registered", show_time(agent.registered_at) + " UTC");
  if (agent.state != "connected" && !agent.last_seen_at.empty())
    add("last seen", show_time(agent.last_seen_at) + " UTC, " + show_ago(agent.last_seen_at, now));
  if (agent.skew_ms) add("clock", show_skew(*agent.skew_ms));
  for (const std::string& note : agent.notes) add("note", note, Style::yellow);
  return lines;
}

std::vector<std::string> explanation_lines(const Explanation& explanation) {
  // Most summaries begin with the task that they speak of.
  const bool is_named = explanation.task.empty() || explanation.summary.starts_with(explanation.task);
  std::vector<std::string> lines{(is_named ? "" : explanation.task + ": ") + explanation.summary};
  for (const std::string& need : explanation.waits_for) lines.push_back("  waits for " + need);
  for (const auto& agent : explanation.agents) {
    lines.push_back("  " + agent.name + (agent.name == explanation.nearest ? " (nearest)" : ""));
    for (const std::string& reason : agent.reasons) lines.push_back("    " + reason);
  }
  if (!explanation.would_help.empty()) lines.push_back("  would help: " + explanation.would_help);
  return lines;
}

std::vector<StyledLine> lay_out_page(const WatchData& data, const WatchState& state, ScreenSize size, Charset charset) {
  switch (state.page()) {
    case WatchPage::task: return task_page(data, state, size, charset);
    case WatchPage::logs: return logs_page(data, state, size);
    case WatchPage::explain: return explain_page(data, state, size);
    case WatchPage::agent: return agent_page(data, state, size);
    case WatchPage::help: return help_page(state, size);
    case WatchPage::overview: break;
  }
  return {};
}

}  // namespace stint::client
