// What a scenario expects: of messages, rows and events since the last expectation, of the state of tasks and jobs, of explanations.
#include <algorithm>
#include <array>

#include "core/model/similar_word.hpp"
#include "sim/scenario/scenario.hpp"

namespace stint::sim::scenario {
namespace {

const Word& word_at(const std::vector<Word>& words, std::size_t at) {
  if (at >= words.size()) throw BadText(words.back(), "expects something behind it");
  return words[at];
}

std::string joined(const std::vector<Word>& words, std::size_t from) {
  std::string text;
  for (std::size_t i = from; i < words.size(); ++i) text += words[i].text + ' ';
  return text;
}

std::vector<Word> rest_of(const std::vector<Word>& words, std::size_t from) {
  return from < words.size() ? std::vector<Word>(words.begin() + static_cast<std::ptrdiff_t>(from), words.end()) : std::vector<Word>{};
}

constexpr std::array<std::string_view, 9> kSends{"placed", "stop", "recall", "ack", "verdict", "reconciled", "cut", "prepare", "collect"};

std::string quoted(std::string_view text) { return '"' + std::string(text) + '"'; }

}  // namespace

/// A message in the scenario's words, which is what expectations are compared with: all words of the expectation, in this order.
std::string Scenario::describe(const core::Send& send) const {
  struct Visitor {
    const Stage& stage;
    std::string operator()(const core::Assign& x) const { return "placed " + stage.name_of(x.ref) + " on " + stage.name_of(x.agent); }
    std::string operator()(const core::Stop& x) const {
      if (x.mode == core::StopMode::recall) return "recall " + stage.name_of(x.agent) + ' ' + stage.name_of(x.ref);
      return "stop " + stage.name_of(x.agent) + ' ' + stage.name_of(x.ref) + ' ' + std::string(to_string(x.reason));
    }
    std::string operator()(const core::Ack& x) const {
      return "ack " + stage.name_of(x.agent) + ' ' + stage.name_of(x.ref) + ' ' + std::to_string(x.number);
    }
    std::string operator()(const core::Verdict& x) const {
      constexpr std::array<const char*, 3> kWords{"keep", "stop", "forget"};
      return "verdict " + stage.name_of(x.agent) + ' ' + stage.name_of(x.ref) + ' ' + kWords.at(static_cast<std::size_t>(x.verdict)) + ' ' +
             std::to_string(x.acked_update);
    }
    std::string operator()(const core::Reconciled& x) const { return "reconciled " + stage.name_of(x.agent); }
    std::string operator()(const core::CutSession& x) const { return "cut " + stage.name_of(x.agent); }
    std::string operator()(const core::Prepare& x) const { return "prepare " + stage.name_of(x.job, x.group); }
    std::string operator()(const core::Collect& x) const { return "collect " + stage.name_of(x.job, x.group); }
  };
  return std::visit(Visitor{stage_}, send);
}

void Scenario::expect(const Words& words) {
  const std::string& what = word_at(words, 1).text;
  if (what == "error") return expect_error(words);
  if (what == "event") return expect_event(words);
  if (what == "no") return expect_sent(words, 2, last_sends_, false);
  if (expect_of_core(words) || expect_of_explanation(words)) return;
  if (std::find(kSends.begin(), kSends.end(), what) != kSends.end()) return expect_sent(words, 1, sends_, true);
  std::vector<std::string_view> known(kSends.begin(), kSends.end());
  for (const std::string_view word : {"no", "error", "event", "task", "job", "used", "gone", "sends", "rows", "state", "nearest", "ahead",
                                      "waits_for", "summary", "clauses", "clause"})
    known.push_back(word);
  throw BadText(words[1], "is nothing to expect" + core::suggestion(what, known));
}

void Scenario::expect_sent(const Words& words, std::size_t from, const std::vector<core::Send>& sends, bool is_wanted) {
  const std::string wanted = joined(words, from);
  std::string sent;
  bool is_there = false;
  for (const auto& send : sends) {
    const std::string text = describe(send);
    is_there = is_there || (text + ' ').starts_with(wanted);
    sent += "\n    " + text;
  }
  expect_that(is_there == is_wanted, sent.empty() ? "nothing was sent" : "sent was:" + sent);
}

void Scenario::expect_error(const Words& words) {
  const std::string& code = word_at(words, 2).text;
  if (!error_) return fail_here("there was no error");
  const std::string got = to_string(error_->code);
  expect_that(got == code, "the error was " + got + ": " + error_->detail);
  error_.reset();
}

void Scenario::expect_event(const Words& words) {
  const std::string& kind = word_at(words, 2).text;
  std::string seen;
  bool is_there = false;
  for (const auto& row : rows_) {
    const auto* event = std::get_if<core::EventRow>(&row);
    if (event == nullptr) continue;
    seen += "\n    " + event->kind + ' ' + event->body;
    if (event->kind != kind) continue;
    const auto rest = rest_of(words, 3);
    is_there = is_there || std::all_of(rest.begin(), rest.end(), [&](const Word& word) {
                 const auto equals = word.text.find('=');
                 const std::string head = quoted(word.text.substr(0, equals)) + ':';
                 const std::string value = equals == std::string::npos ? "" : word.text.substr(equals + 1);
                 return event->body.find(head + value) != std::string::npos || event->body.find(head + quoted(value)) != std::string::npos;
               });
  }
  expect_that(is_there, seen.empty() ? "there was no event" : "events were:" + seen);
}

bool Scenario::expect_of_core(const Words& words) {
  const std::string& what = words[1].text;
  if (what == "task") return expect_task(words), true;
  if (what == "job") return expect_job(words), true;
  if (what == "used") return expect_used(words), true;
  if (what == "gone") {
    const JobId job = stage_.read_job_id(word_at(words, 2));
    expect_that(stage_.core().was_removed(job) && !stage_.core().find_job(job), "the job is there, or never was");
    return true;
  }
  if (what == "sends") {
    expect_that(last_sends_.size() == read_number(word_at(words, 2)), "it were " + std::to_string(last_sends_.size()));
    return true;
  }
  if (what == "rows") {
    expect_that(last_rows_ == read_number(word_at(words, 2)), "it were " + std::to_string(last_rows_));
    return true;
  }
  return false;
}

void Scenario::expect_numbers(const Options& options, const std::vector<std::pair<std::string, std::uint64_t>>& numbers) {
  for (const auto& [name, value] : numbers)
    if (const Word* wanted = options.find(name)) expect_that(read_number(*wanted) == value, name + " is " + std::to_string(value));
}

void Scenario::expect_word(const Options& options, const char* name, std::string_view value) {
  const Word* wanted = options.find(name);
  if (wanted != nullptr) expect_that(wanted->text == value, std::string(name) + " is " + std::string(value));
}

void Scenario::expect_task(const Words& words) {
  const auto view = stage_.core().find_task(stage_.read_task(word_at(words, 2)));
  const std::string& state = word_at(words, 3).text;
  const Options options{rest_of(words, 4), {"attempts", "failures", "live", "reason"}};
  if (!view) return fail_here("there is no such task");
  expect_that(to_string(view->status) == state, "it is " + std::string(to_string(view->status)));
  expect_numbers(options, {{"attempts", view->attempts}, {"failures", view->failures}, {"live", view->live.size()}});
  expect_word(options, "reason", to_string(view->reason));
}

void Scenario::expect_job(const Words& words) {
  const auto view = stage_.core().find_job(stage_.read_job_id(word_at(words, 2)));
  const std::string& state = word_at(words, 3).text;
  const Options options{rest_of(words, 4), {"pending", "running", "completed", "failed", "cancelled", "reason"}};
  if (!view) return fail_here("there is no such job");
  const auto& counts = view->counts;
  expect_that(to_string(view->state.status) == state, "it is " + std::string(to_string(view->state.status)));
  expect_numbers(options, {{"pending", counts.pending},
                           {"running", counts.running},
                           {"completed", counts.completed},
                           {"failed", counts.failed},
                           {"cancelled", counts.cancelled}});
  expect_word(options, "reason", to_string(view->state.reason));
}

void Scenario::expect_used(const Words& words) {
  const AgentNumber agent = stage_.read_agent(word_at(words, 2));
  const Resources wanted = read_offer(rest_of(words, 3)).resources;
  for (const core::AgentView& view : stage_.core().agents())
    if (view.row.number == agent)
      expect_that(view.used == wanted, "in use are " + std::to_string(view.used.cpu_millis) + " thousandths of a CPU");
}

bool Scenario::expect_of_explanation(const Words& words) {
  const std::string& what = words[1].text;
  const core::Explanation& e = explanation_;
  if (what == "state") {
    expect_that(e.state == word_at(words, 2).text, "it is " + e.state + ": " + e.summary);
  } else if (what == "nearest") {
    const std::string nearest = e.nearest ? stage_.name_of(*e.nearest) : "nobody";
    expect_that(nearest == word_at(words, 2).text, "it is " + nearest);
  } else if (what == "ahead") {
    expect_that(e.ahead == read_number(word_at(words, 2)), "it are " + std::to_string(e.ahead));
  } else if (what == "waits_for") {
    std::string got;
    for (const auto& name : e.waits_for) got += name + ' ';
    expect_that(got == joined(words, 2), "it waits for " + got);
  } else if (what == "summary") {
    const std::string wanted = text_.substr(word_at(words, 2).column - 1);
    expect_that(e.summary.find(wanted) != std::string::npos, "it says: " + e.summary);
  } else if (what == "clauses" || what == "clause") {
    expect_clause(words);
  } else {
    return false;
  }
  return true;
}

/// `expect clauses a1 2`, `expect clause a1 memory wanted=… offered=… missing=… permanent`.
void Scenario::expect_clause(const Words& words) {
  const std::string& name = word_at(words, 2).text;
  const auto& agents = explanation_.agents;
  const auto agent = std::find_if(agents.begin(), agents.end(), [&](const auto& one) { return one.name == name; });
  const Word& what = word_at(words, 3);
  if (agent == agents.end()) return fail_here("the explanation names no agent " + name);
  if (words[1].text == "clauses")
    return expect_that(agent->clauses.size() == read_number(what), "it are " + std::to_string(agent->clauses.size()));
  const auto clause = std::find_if(agent->clauses.begin(), agent->clauses.end(), [&](const auto& one) { return one.clause == what.text; });
  if (clause == agent->clauses.end()) return fail_here("there is no clause " + what.text);
  const Options options{rest_of(words, 4), {"wanted", "offered", "missing", "permanent"}};
  const std::pair<const char*, std::int64_t> values[] = {
      {"wanted", clause->wanted}, {"offered", clause->offered}, {"missing", clause->missing}};
  for (const auto& [option, value] : values)
    if (const Word* wanted = options.find(option))
      expect_that(read_quantity(*wanted) == value, std::string(option) + " is " + std::to_string(value));
  expect_that(clause->permanent == options.has("permanent"), clause->permanent ? "it is permanent" : "it is not permanent");
}

}  // namespace stint::sim::scenario
