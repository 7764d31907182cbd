#include "sim/scenario/stage.hpp"

#include <algorithm>

namespace stint::sim::scenario {
namespace {

constexpr std::uint64_t kRowsChecked = 1000;      // up to these every event is followed by a check
constexpr std::uint64_t kEventsUnchecked = 1000;  // and beyond, as many are not

Word part_of(const Word& word, std::size_t from, std::size_t to) { return {word.text.substr(from, to - from), word.column + from}; }

}  // namespace

void Stage::place() {
  act([this](core::Scheduler& core, core::Effects& effects) { core.place(now_, effects); });
}

void Stage::advance(Duration by) {
  now_.mono += by;
  now_.wall += std::chrono::duration_cast<std::chrono::milliseconds>(by);
  act([this](core::Scheduler& core, core::Effects& effects) { core.on_timer(now_, effects); });
  if (core_.next_deadline() <= now_.mono) findings_.emplace_back("a timer that has fired is still due");
}

void Stage::reload() {
  const std::string before = core_.digest();
  core::Effects effects;
  auto fresh = load_again(effects);
  if (!fresh) return;
  core_ = *std::move(fresh);
  core_.set_next_event_seq(last_event_ + 1);
  if (core_.digest() != before) findings_.emplace_back("a restart gives another memory");
  take(std::move(effects));
}

void Stage::take(core::Effects effects) {
  for (const auto& row : effects.rows) {
    tables_.apply(row);
    ++rows_;
    if (const auto* event = std::get_if<core::EventRow>(&row)) last_event_ = std::max(last_event_, event->seq);
  }
  if (is_checked_now()) check();
  watcher_(effects);
}

std::optional<core::Scheduler> Stage::load_again(core::Effects& effects) {
  core::Scheduler fresh;
  auto status = tables_.each([&](const core::Row& row) { return fresh.load(row); });
  if (status) status = fresh.finish_load(now_, effects);
  if (status) return fresh;
  findings_.push_back("the rows cannot be loaded: " + status.error().detail);
  return std::nullopt;
}

bool Stage::is_checked_now() {
  if (rows_ > kRowsChecked && ++events_ < kEventsUnchecked) return false;
  events_ = 0;
  return true;
}

void Stage::check() {
  for (const auto& problem : core_.check()) findings_.push_back("invariant: " + problem);
  core::Effects ignored;
  const auto fresh = load_again(ignored);
  if (!fresh) return;
  for (const auto& problem : fresh->check()) findings_.push_back("invariant after a restart: " + problem);
  if (fresh->digest() != core_.digest()) findings_.emplace_back("a restart would give another memory");
}

bool Stage::has_agent(const std::string& name) const {
  const auto views = core_.agents();
  return std::any_of(views.begin(), views.end(), [&](const core::AgentView& view) { return view.row.name == name; });
}

/// The newest of the name: revoked ones keep theirs.
AgentNumber Stage::read_agent(const Word& name) const {
  AgentNumber found;
  for (const core::AgentView& view : core_.agents())
    if (view.row.name == name.text) found = view.row.number;
  if (!found) throw BadText(name, "is no agent that was there before");
  return found;
}

JobId Stage::read_job_id(const Word& id) const { return JobId{read_number(id)}; }

std::pair<JobId, std::uint32_t> Stage::read_entry(const Word& id) const {
  const auto parts = split_at(id, '.');
  const JobId job = parts.empty() ? JobId{} : read_job_id(parts[0]);
  const core::JobSpec* spec = core_.find_spec(job);
  if (spec == nullptr) throw BadText(id, "is of no job that is there");
  for (std::uint32_t group = 0; parts.size() > 1 && group < spec->tasks.size(); ++group)
    if (spec->tasks[group].name == parts[1].text) return {job, group};
  throw BadText(id, "is no entry of the job");
}

TaskRef Stage::read_task(const Word& id) const {
  const std::size_t dot = std::min(id.text.find('.'), id.text.size());
  const JobId job = read_job_id(part_of(id, 0, dot));
  const core::JobSpec* spec = core_.find_spec(job);
  const auto ref = spec == nullptr || dot == id.text.size() ? std::nullopt : core::find_task(job, *spec, id.text.substr(dot + 1));
  if (!ref) throw BadText(id, "is no task that is there");
  return *ref;
}

AttemptRef Stage::read_attempt(const Word& id) const {
  const std::size_t at = id.text.find('@');
  if (at == std::string::npos) throw BadText(id, "is no attempt, such as 1.main.0@1");
  return {read_task(part_of(id, 0, at)), read_count(part_of(id, at + 1, id.text.size()))};
}

std::string Stage::name_of(AgentNumber agent) const {
  const core::AgentRow* row = core_.find_agent(agent);
  return row == nullptr ? "?" : row->name;
}

std::string Stage::name_of(JobId job, std::uint32_t group) const {
  const core::JobSpec* spec = core_.find_spec(job);
  return std::to_string(job.value) + '.' + (spec == nullptr ? "?" : spec->tasks.at(group).name);
}

std::string Stage::name_of(const AttemptRef& ref) const {
  const core::JobSpec* spec = core_.find_spec(ref.task.job);
  return spec == nullptr ? "?" : core::attempt_id(*spec, ref);
}

}  // namespace stint::sim::scenario
