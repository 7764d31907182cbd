#include "client/watch_state.hpp"

#include <algorithm>
#include <array>

namespace stint::client {
namespace {

bool contains(const std::string& text, const std::string& part) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::search(text.begin(), text.end(), part.begin(), part.end(), [&](char a, char b) { return lower(a) == lower(b); }) !=
         text.end();
}

/// The place of the row for which `is_chosen` holds, else 0.
template <class Rows, class IsChosen>
std::size_t position_of(const Rows& rows, IsChosen is_chosen) {
  const auto found = std::find_if(rows.begin(), rows.end(), is_chosen);
  return found == rows.end() ? 0 : static_cast<std::size_t>(found - rows.begin());
}

std::size_t moved(std::size_t from, std::ptrdiff_t by, std::size_t count) {
  const auto to = static_cast<std::ptrdiff_t>(from) + by;
  return static_cast<std::size_t>(std::clamp<std::ptrdiff_t>(to, 0, static_cast<std::ptrdiff_t>(count) - 1));
}

/// Rows that a key moves by; 0: it is no such key.
std::ptrdiff_t rows_of(const Key& key, std::size_t page) {
  constexpr std::ptrdiff_t kAll = 1'000'000;
  const auto one_page = static_cast<std::ptrdiff_t>(std::max<std::size_t>(page, 1));
  switch (key.kind) {
    case Key::Kind::up: return -1;
    case Key::Kind::down: return 1;
    case Key::Kind::page_up: return -one_page;
    case Key::Kind::page_down: return one_page;
    case Key::Kind::home: return -kAll;
    case Key::Kind::end: return kAll;
    default: break;
  }
  if (key.is('k')) return -1;
  if (key.is('j')) return 1;
  if (key.is('g')) return -kAll;
  return key.is('G') ? kAll : 0;
}

}  // namespace

WatchState::WatchState(std::optional<std::uint64_t> only_job) : only_job_(only_job), job_(only_job.value_or(0)) {
  if (only_job_) pane_ = Pane::tasks;
}

std::vector<const JobView*> WatchState::shown_jobs(const WatchData& data) const {
  std::vector<const JobView*> rows;
  for (const JobView& job : data.jobs)
    if (contains(std::to_string(job.id) + " " + job.name + " " + std::string(to_string(job.state)), filter(Pane::jobs)))
      rows.push_back(&job);
  return rows;
}

std::vector<const TaskView*> WatchState::shown_tasks(const WatchData& data) const {
  std::vector<const TaskView*> rows;
  if (data.tasks_of != job_) return rows;
  for (const TaskView& task : data.tasks) rows.push_back(&task);
  return rows;
}

std::vector<const AgentView*> WatchState::shown_agents(const WatchData& data) const {
  std::vector<const AgentView*> rows;
  for (const AgentView& agent : data.agents)
    if (contains(agent.name + " " + agent.state, filter(Pane::agents))) rows.push_back(&agent);
  return rows;
}

void WatchState::settle(const WatchData& data) {
  const auto jobs = shown_jobs(data);
  if (!only_job_ && !jobs.empty()) job_ = jobs[position_of(jobs, [&](const JobView* job) { return job->id == job_; })]->id;
  const auto tasks = shown_tasks(data);
  // A page about one task stays with it, also when the list shows others now.
  if (page_ == WatchPage::overview && data.tasks_of == job_) {
    task_position_ = position_of(tasks, [&](const TaskView* task) { return task->id == task_; });
    task_ = tasks.empty() ? "" : tasks[task_position_]->id;
  }
  const auto agents = shown_agents(data);
  if (!agents.empty()) agent_ = agents[position_of(agents, [&](const AgentView* agent) { return agent->name == agent_; })]->name;
}

WatchState::Action WatchState::on_key(const Key& key, const WatchData& data, std::size_t rows) {
  if (!doomed_.empty()) return on_answer(key);
  if (is_filtering_) return on_filter_key(key);
  if (key.is('q')) return Action::quit;
  return page_ == WatchPage::overview ? on_list_key(key, data, rows) : on_page_key(key, rows);
}

WatchState::Action WatchState::on_answer(const Key& key) {
  doomed_.clear();
  return key.is('y') ? Action::cancel : Action::none;
}

WatchState::Action WatchState::on_filter_key(const Key& key) {
  std::string& text = filters_.at(static_cast<std::size_t>(pane_));
  constexpr std::size_t kFilterMax = 60;
  if (key.kind == Key::Kind::character && text.size() < kFilterMax) text += key.text;
  if (key.kind == Key::Kind::backspace && !text.empty()) {
    while (!text.empty() && (static_cast<unsigned char>(text.back()) & 0xC0) == 0x80) text.pop_back();
    text.pop_back();
  }
  if (key.kind == Key::Kind::escape) text.clear();
  if (key.kind == Key::Kind::escape || key.kind == Key::Kind::enter) is_filtering_ = false;
  return Action::refresh;
}

WatchState::Action WatchState::on_list_key(const Key& key, const WatchData& data, std::size_t rows) {
  if (const std::ptrdiff_t by = rows_of(key, rows); by != 0) {
    move(by, data);
    return Action::refresh;
  }
  const auto step = [&](int by) {
    const int first = only_job_ ? 1 : 0;
    const int count = 3 - first;
    pane_ = static_cast<Pane>(first + (static_cast<int>(pane_) - first + by + count) % count);
    return Action::refresh;
  };
  switch (key.kind) {
    case Key::Kind::tab: return step(1);
    case Key::Kind::back_tab: return step(-1);
    case Key::Kind::enter:
    case Key::Kind::right: return enter();
    case Key::Kind::escape:
    case Key::Kind::left:
      filters_.at(static_cast<std::size_t>(pane_)).clear();
      if (!only_job_) pane_ = Pane::jobs;
      return Action::refresh;
    default: return key.text.size() == 1 ? on_command(key.text[0]) : Action::none;
  }
}

WatchState::Action WatchState::enter() {
  if (pane_ == Pane::agents) return agent_.empty() ? Action::none : open(WatchPage::agent);
  if (pane_ == Pane::tasks) return task_.empty() ? Action::none : open(WatchPage::task);
  pane_ = Pane::tasks;
  return Action::refresh;
}

WatchState::Action WatchState::open(WatchPage page) {
  page_ = page;
  scroll_ = 0;
  return Action::refresh;
}

WatchState::Action WatchState::on_command(char command) {
  switch (command) {
    case '?': return open(WatchPage::help);
    case 'l': return task_.empty() ? Action::none : open(WatchPage::logs);
    case 'e': return job_ == 0 ? Action::none : open(WatchPage::explain);
    case 'c': ask_to_cancel(); return Action::none;
    case 'f': only_failed_ = !only_failed_; return Action::refresh;
    case '/': is_filtering_ = true; return Action::none;
    default: return Action::none;
  }
}

/// Of a list of jobs the job, else the task.
void WatchState::ask_to_cancel() {
  if (pane_ == Pane::jobs && page_ == WatchPage::overview && job_ != 0) doomed_ = std::to_string(job_);
  if (pane_ == Pane::tasks || page_ == WatchPage::task || page_ == WatchPage::logs) doomed_ = task_;
}

WatchState::Action WatchState::on_page_key(const Key& key, std::size_t rows) {
  if (const std::ptrdiff_t by = rows_of(key, rows); by != 0) {
    const std::ptrdiff_t down = page_ == WatchPage::logs ? -by : by;  // a log is read from its end
    scroll_ = static_cast<std::size_t>(std::max<std::ptrdiff_t>(0, static_cast<std::ptrdiff_t>(scroll_) + down));
    return Action::none;
  }
  const bool is_back = key.kind == Key::Kind::escape || key.kind == Key::Kind::left || key.kind == Key::Kind::backspace;
  if (is_back) return open(WatchPage::overview);
  const bool is_about_work = page_ != WatchPage::agent && page_ != WatchPage::help;
  if (key.is('?') || (is_about_work && (key.is('l') || key.is('e') || key.is('c')))) return on_command(key.text[0]);
  if (is_about_work && key.kind == Key::Kind::enter && !task_.empty()) return open(WatchPage::task);
  return Action::none;
}

void WatchState::move(std::ptrdiff_t by, const WatchData& data) {
  if (pane_ == Pane::jobs) {
    const auto rows = shown_jobs(data);
    if (rows.empty()) return;
    const std::size_t from = position_of(rows, [&](const JobView* job) { return job->id == job_; });
    const std::uint64_t chosen = rows[moved(from, by, rows.size())]->id;
    if (chosen != job_) task_.clear(), task_position_ = 0;
    job_ = chosen;
  } else if (pane_ == Pane::tasks) {
    const auto rows = shown_tasks(data);
    if (rows.empty()) return;
    task_position_ = moved(position_of(rows, [&](const TaskView* task) { return task->id == task_; }), by, rows.size());
    task_ = rows[task_position_]->id;
  } else {
    const auto rows = shown_agents(data);
    if (rows.empty()) return;
    agent_ = rows[moved(position_of(rows, [&](const AgentView* agent) { return agent->name == agent_; }), by, rows.size())]->name;
  }
}

}  // namespace stint::client
