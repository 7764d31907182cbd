#include "sim/scenario/scenario.hpp"

#include <algorithm>

#include "core/model/similar_word.hpp"

namespace stint::sim::scenario {
namespace {

constexpr const char* kWho = "operator";

const Word& word_at(const std::vector<Word>& words, std::size_t at, const char* what) {
  if (at >= words.size()) throw BadText(words.back(), std::string("wants ") + what + " behind it");
  return words[at];
}

std::span<const Word> rest_of(const std::vector<Word>& words, std::size_t from) {
  return std::span(words).subspan(std::min(from, words.size()));
}

void end_at(const std::vector<Word>& words, std::size_t at) {
  if (words.size() > at) throw BadText(words[at], "is one word too many");
}

}  // namespace

Scenario::Scenario(Narrator::Print print)
    : stage_([this](const core::Effects& effects) { note(effects); }), crew_(stage_), narrator_(print), is_told_(print != nullptr) {}

void Scenario::note(const core::Effects& effects) {
  crew_.note(effects);
  if (is_told_) narrator_.note(effects, stage_);
  sends_.insert(sends_.end(), effects.sends.begin(), effects.sends.end());
  rows_.insert(rows_.end(), effects.rows.begin(), effects.rows.end());
  last_sends_.insert(last_sends_.end(), effects.sends.begin(), effects.sends.end());
  last_rows_ += static_cast<std::size_t>(std::count_if(effects.rows.begin(), effects.rows.end(),
                                                       [](const auto& row) { return !std::holds_alternative<core::EventRow>(row); }));
}

void Scenario::fail_here(const std::string& what) { failures_.push_back("line " + std::to_string(line_) + ", \"" + text_ + "\": " + what); }

void Scenario::expect_that(bool holds, const std::string& what) {
  if (!holds) fail_here(what);
}

void Scenario::note_result(const Status& result) {
  if (!result) error_ = result.error();
}

Status Scenario::play(std::string_view line) {
  ++line_;
  text_ = line;
  const auto words = split_words(line);
  if (words.empty() || words[0].text.starts_with('#')) return {};
  try {
    if (words[0].text == "expect") {
      ++expectations_;
      expect(words);
      is_expecting_ = true;
    } else {
      act(words);
    }
  } catch (const BadText& bad) {
    return fail(Errc::invalid_argument, "line " + std::to_string(line_) + ", column " + std::to_string(bad.word.column) + ": \"" +
                                            bad.word.text + "\" " + bad.what());
  }
  for (const auto& finding : stage_.take_findings()) fail_here(finding);
  return {};
}

void Scenario::finish() {
  if (error_) fail_here("nobody expected the error: " + error_->detail);
  if (is_told_) narrator_.flush(stage_);
}

void Scenario::act(const Words& words) {
  struct Known {
    std::string_view word;
    Verb verb;
  };
  static constexpr Known kVerbs[] = {
      {"agent", &Scenario::on_agent},       {"agents", &Scenario::on_agents},         {"connect", &Scenario::on_connect},
      {"back", &Scenario::on_back},         {"offer", &Scenario::on_offer},           {"disconnect", &Scenario::on_disconnect},
      {"drain", &Scenario::on_drain},       {"undrain", &Scenario::on_drain},         {"revoke", &Scenario::on_revoke},
      {"register", &Scenario::on_register}, {"submit", &Scenario::on_submit},         {"cancel", &Scenario::on_cancel},
      {"retry", &Scenario::on_retry},       {"report", &Scenario::on_report},         {"remove", &Scenario::on_remove},
      {"prepared", &Scenario::on_prepared}, {"unprepared", &Scenario::on_unprepared}, {"collected", &Scenario::on_collected},
      {"claim", &Scenario::on_claim},       {"advance", &Scenario::on_advance},       {"run", &Scenario::on_run},
      {"place", &Scenario::on_place},       {"reload", &Scenario::on_reload},         {"explain", &Scenario::on_explain},
      {"show", &Scenario::on_show}};
  if (std::exchange(is_expecting_, false)) {
    sends_.clear();
    rows_.clear();
  }
  if (error_) fail_here("nobody expected the error of the line before: " + error_->detail);
  error_.reset();
  last_sends_.clear();
  last_rows_ = 0;
  for (const auto& known : kVerbs)
    if (known.word == words[0].text) return (this->*known.verb)(words);
  std::vector<std::string_view> names{"expect"};
  for (const auto& known : kVerbs) names.push_back(known.word);
  throw BadText(words[0], "is no word that a line begins with" + core::suggestion(words[0].text, names));
}

template <class Event>
void Scenario::act_on_core(const Event& event) {
  stage_.act([&](core::Scheduler& core, core::Effects& effects) { event(core, stage_.now(), effects); });
}

// Agents.

void Scenario::register_agent(const std::string& name) {
  act_on_core([&](core::Scheduler& core, Now now, core::Effects& effects) {
    const auto made = core.register_agent({name, kWho}, now, effects);
    note_result(made ? Status{} : Status(tl::unexpected(made.error())));
  });
}

void Scenario::connect(AgentNumber agent, const core::AgentOffer& offer, std::uint8_t instance, std::vector<core::HeldAttempt> held) {
  core::AgentConnected event;
  event.agent = agent;
  event.offer = offer;
  event.instance[0] = instance;
  event.held = std::move(held);
  crew_.on_connected(agent);
  act_on_core([&](core::Scheduler& core, Now now, core::Effects& effects) { core.on_agent_connected(event, now, effects); });
}

void Scenario::on_agent(const Words& words) {
  const Word& name = word_at(words, 1, "a name");
  const auto offer = read_offer(rest_of(words, 2));
  register_agent(name.text);
  if (error_) return;
  offers_[name.text] = offer;
  connect(stage_.read_agent(name), offer, 1, {});
}

/// `agents box 10 cpu=8`: box1 to box10.
void Scenario::on_agents(const Words& words) {
  const Word& name = word_at(words, 1, "a name");
  const std::uint32_t count = read_count(word_at(words, 2, "a number of agents"));
  if (count > 1000) throw BadText(words[2], "is more agents than a scenario may have at once: 1000");
  const auto offer = read_offer(rest_of(words, 3));
  for (std::uint32_t i = 1; i <= count && !error_; ++i) {
    const Word one{name.text + std::to_string(i), name.column};
    register_agent(one.text);
    if (error_) return;
    offers_[one.text] = offer;
    connect(stage_.read_agent(one), offer, 1, {});
  }
}

/// `connect a1 held=1.main.0@1:running instance=2`
void Scenario::on_connect(const Words& words) {
  const Word& name = word_at(words, 1, "an agent");
  const AgentNumber agent = stage_.read_agent(name);
  const Options options(rest_of(words, 2), {"held", "instance"});
  std::vector<core::HeldAttempt> held;
  for (const Word& one : options.list("held")) {
    const auto parts = split_at(one, ':');
    const auto status = parts.size() == 2 ? parse_task_status(parts[1].text) : std::nullopt;
    if (!status) throw BadText(one, "is nothing that is held, such as 1.main.0@1:running");
    held.push_back({stage_.read_attempt(parts[0]), *status, numbers_[parts[0].text]});
  }
  const Word* instance = options.find("instance");
  connect(agent, offers_[name.text], instance == nullptr ? std::uint8_t{1} : static_cast<std::uint8_t>(read_count(*instance)),
          std::move(held));
}

void Scenario::on_back(const Words& words) {
  const Word& name = word_at(words, 1, "an agent");
  end_at(words, 2);
  const AgentNumber agent = stage_.read_agent(name);
  connect(agent, offers_[name.text], 1, crew_.held_by(agent));
}

void Scenario::on_offer(const Words& words) {
  const Word& name = word_at(words, 1, "an agent");
  const AgentNumber agent = stage_.read_agent(name);
  const auto offer = read_offer(rest_of(words, 2));
  offers_[name.text] = offer;
  act_on_core([&](core::Scheduler& core, Now now, core::Effects& effects) { core.on_agent_offer(agent, offer, now, effects); });
}

void Scenario::on_disconnect(const Words& words) {
  const AgentNumber agent = stage_.read_agent(word_at(words, 1, "an agent"));
  end_at(words, 2);
  crew_.on_disconnected(agent);
  act_on_core([&](core::Scheduler& core, Now now, core::Effects& effects) { core.on_agent_disconnected(agent, now, effects); });
}

/// `drain a1`, `drain a1 10m`, `undrain a1`
void Scenario::on_drain(const Words& words) {
  core::DrainAgent event{stage_.read_agent(word_at(words, 1, "an agent")), words[0].text == "drain", kWho, {}};
  end_at(words, event.draining ? 3 : 2);
  if (words.size() > 2) event.deadline = read_duration(words[2]);
  act_on_core([&](core::Scheduler& core, Now now, core::Effects& effects) { note_result(core.drain_agent(event, now, effects)); });
}

void Scenario::on_revoke(const Words& words) {
  const AgentNumber agent = stage_.read_agent(word_at(words, 1, "an agent"));
  end_at(words, 2);
  crew_.on_disconnected(agent);
  act_on_core([&](core::Scheduler& core, Now now, core::Effects& effects) { note_result(core.revoke_agent({agent, kWho}, now, effects)); });
}

void Scenario::on_register(const Words& words) {
  const Word& name = word_at(words, 1, "a name");
  end_at(words, 2);
  register_agent(name.text);
}

// Jobs.

void Scenario::on_submit(const Words& words) {
  auto job = read_job(words);
  act_on_core([&](core::Scheduler& core, Now now, core::Effects& effects) {
    const auto made = core.submit({job.spec, kWho, job.key}, now, effects);
    note_result(made ? Status{} : Status(tl::unexpected(made.error())));
    if (made) crew_.remember(*made, std::move(job.behaviours));
  });
}

/// `cancel 1`, `cancel 1.main`, `cancel 1.main.3`
void Scenario::on_cancel(const Words& words) {
  const Word& id = word_at(words, 1, "a job, an entry or a task");
  end_at(words, 2);
  const auto parts = split_at(id, '.');
  if (parts.empty()) throw BadText(id, "is no job, entry or task");
  core::CancelTasks event{stage_.read_job_id(parts[0]), {}, {}, kWho};
  if (parts.size() > 1) event.group = stage_.read_entry(id).second;
  if (parts.size() > 2) event.index = stage_.read_task(id).index;
  act_on_core([&](core::Scheduler& core, Now now, core::Effects& effects) { note_result(core.cancel(event, now, effects)); });
}

void Scenario::on_retry(const Words& words) {
  const JobId job = stage_.read_job_id(word_at(words, 1, "a job"));
  end_at(words, 2);
  act_on_core([&](core::Scheduler& core, Now now, core::Effects& effects) {
    const auto made = core.retry({job, kWho, ""}, now, effects);
    note_result(made ? Status{} : Status(tl::unexpected(made.error())));
  });
}

/// `report a1 1.main.0@1 failed exit=3 number=2`
void Scenario::on_report(const Words& words) {
  core::AttemptReport report;
  report.agent = stage_.read_agent(word_at(words, 1, "an agent"));
  const Word& id = word_at(words, 2, "an attempt");
  report.ref = stage_.read_attempt(id);
  const Word& state = word_at(words, 3, "a state");
  const auto status = state.text == "accepted" ? std::optional(TaskStatus::pending) : parse_task_status(state.text);
  if (!status) throw BadText(state, "is no state; known: accepted running completed failed cancelled");
  report.status = *status;
  const Options options(rest_of(words, 4), {"number", "reason", "exit", "signal", "detail"});
  std::uint32_t& number = numbers_[id.text];
  const Word* given = options.find("number");
  report.number = given == nullptr ? number + 1 : read_count(*given);
  number = std::max(number, report.number);
  if (const Word* value = options.find("exit")) report.exit_code = static_cast<std::int32_t>(read_count(*value));
  if (const Word* value = options.find("signal")) report.signal = static_cast<std::int32_t>(read_count(*value));
  if (const Word* value = options.find("detail")) report.detail = value->text;
  const Word* reason = options.find("reason");
  const auto known = reason == nullptr ? std::optional(EndReason::exit) : parse_end_reason(reason->text);
  if (!known) throw BadText(*reason, "is no reason");
  if (has_ended(report.status)) report.reason = *known;
  crew_.on_reported(report.ref, report.status);
  act_on_core([&](core::Scheduler& core, Now now, core::Effects& effects) { core.on_attempt_report(report, now, effects); });
}

void Scenario::on_remove(const Words& words) {
  const Options options(rest_of(words, 1), {"age", "count"});
  core::JobRetention keep;
  if (const Word* value = options.find("age")) keep.age = read_duration(*value);
  if (const Word* value = options.find("count")) keep.count = read_number(*value);
  act_on_core([&](core::Scheduler& core, Now now, core::Effects& effects) { core.remove_ended_jobs(keep, 100, now, effects); });
}

void Scenario::on_prepared(const Words& words) {
  const auto [job, group] = stage_.read_entry(word_at(words, 1, "an entry"));
  const Options options(rest_of(words, 2), {"count"});
  const Word* count = options.find("count");
  const core::GroupPrepared event{job, group, count == nullptr ? 0 : read_count(*count), BlobId{{1}}, BlobId{{2}}};
  act_on_core([&](core::Scheduler& core, Now now, core::Effects& effects) { note_result(core.prepare_group(event, now, effects)); });
}

void Scenario::on_unprepared(const Words& words) {
  const auto entry = stage_.read_entry(word_at(words, 1, "an entry"));
  const std::string why = word_at(words, 2, "a reason").text;
  act_on_core([&](core::Scheduler& core, Now now, core::Effects& effects) {
    note_result(core.fail_group(entry.first, entry.second, why, now, effects));
  });
}

void Scenario::on_collected(const Words& words) {
  const auto entry = stage_.read_entry(word_at(words, 1, "an entry"));
  act_on_core([&](core::Scheduler& core, Now now, core::Effects& effects) {
    note_result(core.finish_collect(entry.first, entry.second, {BlobId{{7}}, 1, false, "all.txt"}, now, effects));
  });
}

/// `claim ann limit=2 type=rater`: somebody who is not known yet is registered as a person.
void Scenario::on_claim(const Words& words) {
  const Word& name = word_at(words, 1, "a person");
  const Options options(rest_of(words, 2), {"limit", "type"});
  core::ClaimWork event;
  if (const Word* limit = options.find("limit")) event.limit = read_count(*limit);
  for (const Word& type : options.list("type")) event.types.push_back(read_type(type));
  event.lease = std::chrono::minutes{15};
  if (!stage_.has_agent(name.text)) {
    register_agent(name.text);
    if (error_) return;
    const AgentNumber person = stage_.read_agent(name);
    act_on_core(
        [&](core::Scheduler& core, Now now, core::Effects& effects) { core.on_agent_offer(person, offer_of_person(), now, effects); });
  }
  event.agent = stage_.read_agent(name);
  act_on_core([&](core::Scheduler& core, Now now, core::Effects& effects) {
    const auto claimed = core.claim(event, now, effects);
    note_result(claimed ? Status{} : Status(tl::unexpected(claimed.error())));
  });
}

// Time.

Duration Scenario::read_step(const Words& words) const {
  const Word& word = word_at(words, 1, "a duration");
  end_at(words, 2);
  const Duration step = read_duration(word);
  if (step > kLongest - stage_.elapsed()) throw BadText(word, "goes beyond what a scenario may last: ten years");
  return step;
}

void Scenario::on_advance(const Words& words) {
  const Duration by = read_step(words);
  if (is_told_) narrator_.flush(stage_);
  stage_.advance(by);
}

void Scenario::on_run(const Words& words) {
  const Duration duration = read_step(words);
  crew_.run(duration, [this] {
    if (is_told_) narrator_.flush(stage_);
  });
}

void Scenario::on_place(const Words& words) {
  end_at(words, 1);
  stage_.place();
}

void Scenario::on_reload(const Words& words) {
  end_at(words, 1);
  stage_.reload();
  if (is_told_) narrator_.say(stage_, "the scheduler restarts");
}

// Questions.

void Scenario::on_explain(const Words& words) {
  const Word& id = word_at(words, 1, "a job or a task");
  end_at(words, 2);
  const bool is_job = id.text.find('.') == std::string::npos;
  const auto answer =
      is_job ? stage_.core().explain(stage_.read_job_id(id), stage_.now()) : stage_.core().explain(stage_.read_task(id), stage_.now());
  note_result(answer ? Status{} : Status(tl::unexpected(answer.error())));
  explanation_ = answer.value_or(core::Explanation{});
  if (is_told_ && answer) narrator_.say(stage_, explanation_.summary);
}

void Scenario::on_show(const Words& words) {
  end_at(words, 1);
  if (!is_told_) return;
  for (const core::JobView& job : stage_.core().jobs()) {
    const auto& counts = job.counts;
    narrator_.say(stage_, "job " + std::to_string(job.row.id.value) + ' ' + std::string(to_string(job.state.status)) + ": " +
                              std::to_string(counts.pending) + " pending, " + std::to_string(counts.running) + " running, " +
                              std::to_string(counts.completed) + " completed, " + std::to_string(counts.failed) + " failed, " +
                              std::to_string(counts.cancelled) + " cancelled");
  }
  for (const core::AgentView& agent : stage_.core().agents())
    narrator_.say(stage_, "agent " + agent.row.name + ": " + std::to_string(agent.used.cpu_millis) + " of " +
                              std::to_string(agent.row.offer.resources.cpu_millis) + " thousandths of a CPU in use");
}

}  // namespace stint::sim::scenario
