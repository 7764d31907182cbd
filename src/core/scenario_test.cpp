// Runs tests/scenarios/*.txt. Every line is one event or one expectation about what the events since the last expectation did;
// tests/scenarios/
// README.md lists the words. After every event the invariants are checked and all rows are loaded into a second scheduler, which must be
// equal.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>

#include "core/scheduler.hpp"
#include "core/testing/row_store.hpp"
#include "core/testing/scenario_words.hpp"

namespace stint::core {
namespace {

using namespace core::testing;  // NOLINT(google-build-using-namespace): the words of scenarios

class Scenario {
 public:
  /// One line; throws std::exception when the line itself is wrong.
  void run(const std::string& line, const std::string& where) {
    where_ = where;
    const Words words = split(line, ' ');
    if (words.empty() || words[0].starts_with('#')) return;
    if (words[0] == "expect") {
      expect(words, line);
      is_expecting_ = true;
      return;
    }
    if (is_expecting_) {
      sends_.clear();
      rows_.clear();
    }
    is_expecting_ = false;
    EXPECT_FALSE(error_) << where_ << ": nobody expected the error of the line before: " << (error_ ? error_->detail : "");
    error_.reset();
    act(words, line);
  }
  void finish() { EXPECT_FALSE(error_) << where_ << ": nobody expected the error: " << (error_ ? error_->detail : ""); }

 private:
  void act(const Words& words, const std::string& line) {
    const std::string& verb = words[0];
    Effects effects;
    if (verb == "agent" || verb == "connect") {
      connect(words, effects);
    } else if (verb == "submit") {
      note(scheduler_.submit(
          {parse_job(line), "tester", find_option(parse_options(split(split(line, '|')[0], ' '), 2), "key").value_or("")}, now_, effects));
    } else if (verb == "place") {
      scheduler_.place(now_, effects);
    } else if (verb == "report") {
      report(words, effects);
    } else if (verb == "cancel") {
      cancel(words.at(1), effects);
    } else if (verb == "register") {
      note(scheduler_.register_agent({words.at(1), "tester"}, now_, effects));
    } else if (verb == "offer") {
      scheduler_.on_agent_offer(agent(words.at(1)), parse_offer(parse_options(words, 2)), now_, effects);
    } else if (verb == "disconnect") {
      scheduler_.on_agent_disconnected(agent(words.at(1)), now_, effects);
    } else if (verb == "drain" || verb == "undrain") {
      DrainAgent drain{agent(words.at(1)), verb == "drain", "tester", {}};
      if (words.size() > 2) drain.deadline = parse_duration(words[2]);
      note(scheduler_.drain_agent(drain, now_, effects));
    } else if (verb == "revoke") {
      note(scheduler_.revoke_agent({agent(words.at(1)), "tester"}, now_, effects));
    } else if (verb == "advance") {
      advance(parse_duration(words.at(1)), effects);
    } else if (verb == "remove") {
      const Options options = parse_options(words, 1);
      JobRetention keep;
      if (auto value = find_option(options, "age")) keep.age = parse_duration(*value);
      if (auto value = find_option(options, "count")) keep.count = std::stoull(*value);
      scheduler_.remove_ended_jobs(keep, 100, now_, effects);
    } else if (verb == "reload") {
      reload(effects);
    } else if (verb == "prepared") {
      prepared(words, effects);
    } else if (verb == "unprepared") {
      const auto [job, group] = entry(words.at(1));
      note(scheduler_.fail_group(job, group, words.at(2), now_, effects));
    } else if (verb == "collected") {
      const auto [job, group] = entry(words.at(1));
      note(scheduler_.finish_collect(job, group, {BlobId{{7}}, 1, false, "all.txt"}, now_, effects));
    } else if (verb == "claim") {
      claim(words, effects);
    } else if (verb == "retry") {
      note(scheduler_.retry({JobId{std::stoull(words.at(1))}, "tester", ""}, now_, effects));
    } else if (verb == "explain") {
      explain(words.at(1));
    } else {
      throw std::invalid_argument("no such word: " + verb);
    }
    store_.commit(effects);
    sends_.insert(sends_.end(), effects.sends.begin(), effects.sends.end());
    rows_.insert(rows_.end(), effects.rows.begin(), effects.rows.end());
    last_ = std::move(effects);
    testing::expect_sound(scheduler_, store_, now_, where_);
  }

  template <class T>
  void note(const Result<T>& result) {
    if (!result) error_ = result.error();
  }

  AgentNumber agent(const std::string& name) const {
    std::optional<AgentNumber> found;
    for (const AgentView& view : scheduler_.agents())
      if (view.row.name == name) found = view.row.number;
    if (!found) throw std::invalid_argument("no agent " + name);
    return *found;
  }

  TaskRef task(const std::string& id) const {
    const JobId job{std::stoull(id)};
    const JobSpec* spec = scheduler_.find_spec(job);
    const auto ref = spec == nullptr ? std::nullopt : core::find_task(job, *spec, id.substr(id.find('.') + 1));
    if (!ref) throw std::invalid_argument("no task " + id);
    return *ref;
  }
  AttemptRef attempt(const std::string& id) const {
    const std::size_t at = id.find('@');
    return {task(id.substr(0, at)), static_cast<std::uint32_t>(std::stoul(id.substr(at + 1)))};
  }

  /// `agent` registers what is new. Offers are remembered; held=1.main.0@1:running,… and instance=2 are of this connection.
  void connect(const Words& words, Effects& effects) {
    const Options options = parse_options(words, 2);
    if (words[0] == "agent") {
      note(scheduler_.register_agent({words.at(1), "tester"}, now_, effects));
      offers_[words[1]] = parse_offer(options);
    }
    AgentConnected event;
    event.agent = agent(words.at(1));
    event.offer = offers_.at(words[1]);
    event.instance[0] = static_cast<std::uint8_t>(std::stoul(find_option(options, "instance").value_or("1")));
    for (const std::string& held : split(find_option(options, "held").value_or(""), ',')) {
      const Words parts = split(held, ':');
      event.held.push_back({attempt(parts.at(0)), parse_task_status(parts.at(1)).value(), numbers_[parts[0]]});
    }
    scheduler_.on_agent_connected(event, now_, effects);
  }

  void report(const Words& words, Effects& effects) {
    const Options options = parse_options(words, 4);
    AttemptReport report;
    report.agent = agent(words.at(1));
    report.ref = attempt(words.at(2));
    report.status = words.at(3) == "accepted" ? TaskStatus::pending : parse_task_status(words[3]).value();
    std::uint32_t& number = numbers_[words[2]];
    report.number = find_option(options, "number") ? static_cast<std::uint32_t>(std::stoul(*find_option(options, "number"))) : number + 1;
    number = std::max(number, report.number);
    report.exit_code = std::stoi(find_option(options, "exit").value_or("0"));
    report.signal = std::stoi(find_option(options, "signal").value_or("0"));
    report.detail = find_option(options, "detail").value_or("");
    if (has_ended(report.status)) report.reason = parse_end_reason(find_option(options, "reason").value_or("exit")).value();
    scheduler_.on_attempt_report(report, now_, effects);
  }

  std::pair<JobId, std::uint32_t> entry(const std::string& id) const {
    const JobId job{std::stoull(id)};
    const JobSpec* spec = scheduler_.find_spec(job);
    if (spec == nullptr) throw std::invalid_argument("no job " + id);
    return {job, find_entry(*spec, id.substr(id.find('.') + 1))};
  }

  void prepared(const Words& words, Effects& effects) {
    const auto [job, group] = entry(words.at(1));
    const auto count = static_cast<std::uint32_t>(std::stoul(find_option(parse_options(words, 2), "count").value_or("0")));
    note(scheduler_.prepare_group({job, group, count, BlobId{{1}}, BlobId{{2}}}, now_, effects));
  }

  /// `claim ann limit=2 type=rater`: somebody who is not known yet is registered as a person.
  void claim(const Words& words, Effects& effects) {
    const Options options = parse_options(words, 2);
    const auto views = scheduler_.agents();
    if (std::none_of(views.begin(), views.end(), [&](const AgentView& view) { return view.row.name == words.at(1); })) {
      note(scheduler_.register_agent({words.at(1), "tester"}, now_, effects));
      scheduler_.on_agent_offer(agent(words.at(1)), parse_offer({{"driver", "human"}}), now_, effects);
    }
    ClaimWork event;
    event.agent = agent(words.at(1));
    event.limit = static_cast<std::uint32_t>(std::stoul(find_option(options, "limit").value_or("1")));
    event.lease = std::chrono::minutes{15};
    for (const std::string& type : split(find_option(options, "type").value_or(""), ','))
      event.types.push_back(parse_agent_type(type).value());
    note(scheduler_.claim(event, now_, effects));
  }

  void cancel(const std::string& id, Effects& effects) {
    CancelTasks event{JobId{std::stoull(id)}, {}, {}, "tester"};
    const JobSpec* spec = scheduler_.find_spec(event.job);
    const Words parts = split(id, '.');
    for (std::uint32_t i = 0; parts.size() > 1 && spec != nullptr && i < spec->tasks.size(); ++i)
      if (spec->tasks[i].name == parts[1]) event.group = i;
    if (parts.size() > 2) event.index = task(id).index;
    note(scheduler_.cancel(event, now_, effects));
  }

  void advance(Duration by, Effects& effects) {
    now_.mono += by;
    now_.wall += std::chrono::duration_cast<std::chrono::milliseconds>(by);
    scheduler_.on_timer(now_, effects);
    EXPECT_GT(scheduler_.next_deadline(), now_.mono) << where_;
  }

  void reload(Effects& effects) {
    const std::string before = scheduler_.digest();
    Result<Scheduler> loaded = store_.reload(now_, effects);
    ASSERT_TRUE(loaded) << where_ << ": " << loaded.error().detail;
    scheduler_ = *std::move(loaded);
    EXPECT_EQ(before, scheduler_.digest()) << where_;
  }

  void explain(const std::string& id) {
    const Result<Explanation> answer =
        id.find('.') == std::string::npos ? scheduler_.explain(JobId{std::stoull(id)}, now_) : scheduler_.explain(task(id), now_);
    note(answer);
    explanation_ = answer.value_or(Explanation{});
  }

  // ---- expectations

  void expect(const Words& words, const std::string& line) {
    const std::string& what = words.at(1);
    if (what == "no") {
      EXPECT_FALSE(has_send(last_.sends, words, 2)) << where_ << "\n" << describe_sends();
    } else if (what == "error") {
      ASSERT_TRUE(error_) << where_;
      EXPECT_EQ(error_code(error_->code), words.at(2)) << where_ << ": " << error_->detail;
      error_.reset();
    } else if (what == "sends") {
      EXPECT_EQ(std::to_string(last_.sends.size()), words.at(2)) << where_ << "\n" << describe_sends();
    } else if (what == "rows") {
      EXPECT_EQ(std::to_string(count_state_rows()), words.at(2)) << where_;
    } else if (what == "event") {
      EXPECT_TRUE(has_event(words.at(2), parse_options(words, 3))) << where_ << "\n" << describe_events();
    } else if (what == "gone") {
      EXPECT_TRUE(scheduler_.was_removed(JobId{std::stoull(words.at(2))})) << where_;
      EXPECT_FALSE(scheduler_.find_job(JobId{std::stoull(words.at(2))})) << where_;
    } else if (what == "task") {
      expect_task(words);
    } else if (what == "job") {
      expect_job(words);
    } else if (what == "used") {
      expect_used(words);
    } else if (!expect_explanation(words, line)) {
      EXPECT_TRUE(has_send(sends_, words, 1)) << where_ << "\n" << describe_sends();
    }
  }

  static std::string error_code(Errc code) {
    switch (code) {
      case Errc::invalid_argument: return "invalid_argument";
      case Errc::not_found: return "not_found";
      case Errc::already_exists: return "already_exists";
      case Errc::conflict: return "conflict";
      default: return to_string(code);
    }
  }

  std::string name_of(AgentNumber number) const {
    for (const AgentView& view : scheduler_.agents())
      if (view.row.number == number) return view.row.name;
    return "?";
  }
  std::string name_of(JobId job, std::uint32_t group) const {
    return std::to_string(job.value) + '.' + scheduler_.find_spec(job)->tasks.at(group).name;
  }
  std::string id_of(const AttemptRef& ref) const {
    const JobSpec* spec = scheduler_.find_spec(ref.task.job);
    return spec == nullptr ? "?" : attempt_id(*spec, ref);
  }

  /// A send in the scenario's words, which is what expectations are compared with: all words of the expectation, in this order.
  std::string describe(const Send& send) const {
    struct Visitor {
      const Scenario& s;
      std::string operator()(const Assign& x) const { return "placed " + s.id_of(x.ref) + " on " + s.name_of(x.agent); }
      std::string operator()(const Stop& x) const {
        return "stop " + s.name_of(x.agent) + ' ' + s.id_of(x.ref) + ' ' + std::string{to_string(x.reason)};
      }
      std::string operator()(const Ack& x) const {
        return "ack " + s.name_of(x.agent) + ' ' + s.id_of(x.ref) + ' ' + std::to_string(x.number);
      }
      std::string operator()(const Verdict& x) const {
        constexpr std::array<const char*, 3> kWords{"keep", "stop", "forget"};
        return "verdict " + s.name_of(x.agent) + ' ' + s.id_of(x.ref) + ' ' + kWords[static_cast<std::size_t>(x.verdict)] + ' ' +
               std::to_string(x.acked_update);
      }
      std::string operator()(const Reconciled& x) const { return "reconciled " + s.name_of(x.agent); }
      std::string operator()(const CutSession& x) const { return "cut " + s.name_of(x.agent); }
      std::string operator()(const Prepare& x) const { return "prepare " + s.name_of(x.job, x.group); }
      std::string operator()(const Collect& x) const { return "collect " + s.name_of(x.job, x.group); }
    };
    return std::visit(Visitor{*this}, send);
  }

  bool has_send(const std::vector<Send>& sends, const Words& words, std::size_t from) const {
    std::string wanted;
    for (std::size_t i = from; i < words.size(); ++i) wanted += words[i] + ' ';
    return std::any_of(sends.begin(), sends.end(), [&](const Send& send) { return (describe(send) + ' ').starts_with(wanted); });
  }
  std::string describe_sends() const {
    std::string text = "sent:";
    for (const Send& send : sends_) text += "\n  " + describe(send);
    return text;
  }

  std::size_t count_state_rows() const {
    return static_cast<std::size_t>(
        std::count_if(last_.rows.begin(), last_.rows.end(), [](const Row& row) { return !std::holds_alternative<EventRow>(row); }));
  }
  bool has_event(const std::string& kind, const Options& options) const {
    return std::any_of(rows_.begin(), rows_.end(), [&](const Row& row) {
      const auto* event = std::get_if<EventRow>(&row);
      if (event == nullptr || event->kind != kind) return false;
      return std::all_of(options.begin(), options.end(), [&](const auto& option) {
        const std::string head = '"' + option.first + "\":";
        return event->body.find(head + option.second) != std::string::npos ||
               event->body.find(head + '"' + option.second + '"') != std::string::npos;
      });
    });
  }
  std::string describe_events() const {
    std::string text = "events:";
    for (const Row& row : rows_)
      if (const auto* event = std::get_if<EventRow>(&row)) text += "\n  " + event->kind + ' ' + event->body;
    return text;
  }

  void expect_number(const Options& options, const std::string& name, std::uint64_t value) const {
    if (auto wanted = find_option(options, name)) {
      EXPECT_EQ(*wanted, std::to_string(value)) << where_ << ": " << name;
    }
  }

  void expect_task(const Words& words) const {
    const auto view = scheduler_.find_task(task(words.at(2)));
    ASSERT_TRUE(view) << where_;
    EXPECT_EQ(to_string(view->status), words.at(3)) << where_;
    const Options options = parse_options(words, 4);
    expect_number(options, "attempts", view->attempts);
    expect_number(options, "failures", view->failures);
    expect_number(options, "live", view->live.size());
    if (auto reason = find_option(options, "reason")) {
      EXPECT_EQ(to_string(view->reason), *reason) << where_;
    }
  }

  void expect_job(const Words& words) const {
    const auto view = scheduler_.find_job(JobId{std::stoull(words.at(2))});
    ASSERT_TRUE(view) << where_;
    EXPECT_EQ(to_string(view->state.status), words.at(3)) << where_;
    const Options options = parse_options(words, 4);
    expect_number(options, "pending", view->counts.pending);
    expect_number(options, "running", view->counts.running);
    expect_number(options, "completed", view->counts.completed);
    expect_number(options, "failed", view->counts.failed);
    expect_number(options, "cancelled", view->counts.cancelled);
    if (auto reason = find_option(options, "reason")) {
      EXPECT_EQ(to_string(view->state.reason), *reason) << where_;
    }
  }

  void expect_used(const Words& words) const {
    for (const AgentView& view : scheduler_.agents())
      if (view.row.name == words.at(2)) {
        EXPECT_EQ(view.used, parse_resources(parse_options(words, 3))) << where_ << ": cpu " << view.used.cpu_millis;
      }
  }

  bool expect_explanation(const Words& words, const std::string& line) const {
    const std::string& what = words[1];
    const Explanation& e = explanation_;
    if (what == "state") {
      EXPECT_EQ(e.state, words.at(2)) << where_ << ": " << e.summary;
    } else if (what == "nearest") {
      EXPECT_EQ(e.nearest ? name_of(*e.nearest) : "nobody", words.at(2)) << where_;
    } else if (what == "ahead") {
      EXPECT_EQ(std::to_string(e.ahead), words.at(2)) << where_;
    } else if (what == "waits_for") {
      EXPECT_EQ(e.waits_for, Words(words.begin() + 2, words.end())) << where_;
    } else if (what == "summary") {
      const std::string wanted = line.substr(line.find("summary ") + 8);
      EXPECT_NE(e.summary.find(wanted), std::string::npos) << where_ << ": " << e.summary;
    } else if (what == "clauses" || what == "clause") {
      expect_clause(words);
    } else {
      return false;
    }
    return true;
  }

  /// `expect clauses a1 2`, `expect clause a1 memory wanted=… offered=… missing=… permanent`.
  void expect_clause(const Words& words) const {
    const auto at =
        std::find_if(explanation_.agents.begin(), explanation_.agents.end(), [&](const auto& agent) { return agent.name == words.at(2); });
    ASSERT_NE(at, explanation_.agents.end()) << where_ << ": no agent " << words[2];
    if (words[1] == "clauses") {
      EXPECT_EQ(std::to_string(at->clauses.size()), words.at(3)) << where_;
      return;
    }
    const auto clause = std::find_if(at->clauses.begin(), at->clauses.end(), [&](const Clause& c) { return c.clause == words.at(3); });
    ASSERT_NE(clause, at->clauses.end()) << where_ << ": no clause " << words[3];
    const Options options = parse_options(words, 4);
    if (auto value = find_option(options, "wanted")) {
      EXPECT_EQ(clause->wanted, parse_quantity(*value)) << where_;
    }
    if (auto value = find_option(options, "offered")) {
      EXPECT_EQ(clause->offered, parse_quantity(*value)) << where_;
    }
    if (auto value = find_option(options, "missing")) {
      EXPECT_EQ(clause->missing, parse_quantity(*value)) << where_;
    }
    EXPECT_EQ(clause->permanent, options.contains("permanent")) << where_ << ": " << clause->text;
  }

  Scheduler scheduler_;
  testing::RowStore store_;
  Now now_{Instant{std::chrono::hours{1}}, unix_millis(1'700'000'000'000)};
  std::map<std::string, AgentOffer> offers_;
  std::map<std::string, std::uint32_t> numbers_;  ///< last update number of each attempt
  std::vector<Send> sends_;  ///< since the last expectation
  std::vector<Row> rows_;
  Effects last_;  ///< of the last event
  std::optional<Error> error_;
  Explanation explanation_;
  std::string where_;
  bool is_expecting_ = false;
};

std::vector<std::filesystem::path> scenario_files() {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(std::filesystem::path{STINT_SOURCE_DIR} / "tests" / "scenarios"))
    if (entry.path().extension() == ".txt") files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

class ScenarioTest : public ::testing::TestWithParam<std::filesystem::path> {};

TEST_P(ScenarioTest, Plays) {
  std::ifstream in{GetParam()};
  ASSERT_TRUE(in);
  Scenario scenario;
  int number = 0;
  int expectations = 0;
  for (std::string line; std::getline(in, line);) {
    const std::string where = GetParam().filename().string() + ':' + std::to_string(++number) + ": " + line;
    expectations += line.starts_with("expect") ? 1 : 0;
    ASSERT_NO_THROW(scenario.run(line, where)) << where;
    if (HasFatalFailure()) return;
  }
  scenario.finish();
  EXPECT_GT(expectations, 0) << "a scenario that expects nothing shows nothing";
}

std::string test_name(const ::testing::TestParamInfo<std::filesystem::path>& info) {
  std::string name = info.param.stem().string();
  std::replace_if(name.begin(), name.end(), [](char c) { return !std::isalnum(static_cast<unsigned char>(c)); }, '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Core, ScenarioTest, ::testing::ValuesIn(scenario_files()), test_name);

}  // namespace
}  // namespace stint::core
