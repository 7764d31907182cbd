#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "sim/scenario/crew.hpp"
#include "sim/scenario/narrator.hpp"
#include "sim/scenario/stage.hpp"

/// Scheduling cases as text: what happens to the production core, line by line, and what is expected of it. docs/howto/what-if.md is the
/// language for users, kLanguage its words.
namespace stint::sim::scenario {

/// The words, for `stint-sim scenario --help`.
extern const char* const kLanguage;

/// One scenario as it is played.
class Scenario {
 public:
  /// `print` gets the timeline; none: nobody reads it.
  explicit Scenario(Narrator::Print print);

  /// Plays the next line.
  /// Errors:  invalid_argument  the line cannot be read: the detail names line, column and word. Nothing follows it.
  [[nodiscard]] Status play(std::string_view line);
  /// What is left to say when all lines were played.
  void finish();

  /// Expectations that did not hold, errors that nobody expected, broken invariants: each with its line.
  [[nodiscard]] const std::vector<std::string>& failures() const { return failures_; }
  [[nodiscard]] std::size_t expectations() const { return expectations_; }

 private:
  using Words = std::vector<Word>;
  using Verb = void (Scenario::*)(const Words& words);

  void act(const Words& words);
  void fail_here(const std::string& what);
  void expect_that(bool holds, const std::string& what);
  void note(const core::Effects& effects);
  template <class Event>
  void act_on_core(const Event& event);
  void note_result(const Status& result);

  // Events.
  void on_agent(const Words& words);
  void on_agents(const Words& words);
  void on_connect(const Words& words);
  void on_back(const Words& words);
  void on_offer(const Words& words);
  void on_disconnect(const Words& words);
  void on_drain(const Words& words);
  void on_revoke(const Words& words);
  void on_register(const Words& words);
  void on_submit(const Words& words);
  void on_cancel(const Words& words);
  void on_retry(const Words& words);
  void on_report(const Words& words);
  void on_remove(const Words& words);
  void on_prepared(const Words& words);
  void on_unprepared(const Words& words);
  void on_collected(const Words& words);
  void on_claim(const Words& words);
  void on_advance(const Words& words);
  void on_run(const Words& words);
  void on_place(const Words& words);
  void on_reload(const Words& words);
  void on_explain(const Words& words);
  void on_show(const Words& words);
  [[nodiscard]] Duration read_step(const Words& words) const;
  void register_agent(const std::string& name);
  void connect(AgentNumber agent, const core::AgentOffer& offer, std::uint8_t instance, std::vector<core::HeldAttempt> held);

  // Expectations.
  void expect(const Words& words);
  bool expect_of_core(const Words& words);
  bool expect_of_explanation(const Words& words);
  void expect_error(const Words& words);
  void expect_event(const Words& words);
  void expect_task(const Words& words);
  void expect_job(const Words& words);
  void expect_used(const Words& words);
  void expect_clause(const Words& words);
  void expect_sent(const Words& words, std::size_t from, const std::vector<core::Send>& sends, bool is_wanted);
  void expect_numbers(const Options& options, const std::vector<std::pair<std::string, std::uint64_t>>& numbers);
  void expect_word(const Options& options, const char* name, std::string_view value);
  [[nodiscard]] std::string describe(const core::Send& send) const;

  Stage stage_;
  Crew crew_;
  Narrator narrator_;
  bool is_told_ = false;
  std::map<std::string, core::AgentOffer> offers_;
  std::map<std::string, std::uint32_t> numbers_;  ///< last update number of each attempt
  std::vector<core::Send> sends_;                 ///< since the last expectation
  std::vector<core::Row> rows_;
  std::vector<core::Send> last_sends_;  ///< of the last event
  std::size_t last_rows_ = 0;           ///< that are not events
  std::optional<Error> error_;          ///< of the last event, until it is expected
  core::Explanation explanation_;
  bool is_expecting_ = false;
  std::size_t line_ = 0;
  std::string text_;
  std::vector<std::string> failures_;
  std::size_t expectations_ = 0;
};

}  // namespace stint::sim::scenario
