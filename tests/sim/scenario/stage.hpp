#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "adapters/memory/store.hpp"
#include "core/scheduler.hpp"
#include "sim/scenario/specs.hpp"

namespace stint::sim::scenario {

/// The production core with a store of rows and a clock that moves when it is told to. Everything that happens goes through here.
class Stage {
 public:
  /// Is shown each event's effects, after they are in the store.
  using Watcher = std::function<void(const core::Effects&)>;
  explicit Stage(Watcher watcher) : watcher_(std::move(watcher)) {}

  /// Carries out one event of the core: its rows are stored, its effects shown, its invariants checked, and all rows so far loaded into a
  /// second core, which must be the same. In a long scenario not after every event: each check costs as much as there is.
  template <class Event>
  void act(const Event& event) {
    core::Effects effects;
    event(core_, effects);
    take(std::move(effects));
  }
  void place();
  /// Moves both clocks and fires the timers.
  void advance(Duration by);
  /// As a restart does: nothing but the rows is left.
  void reload();

  [[nodiscard]] core::Scheduler& core() { return core_; }
  [[nodiscard]] const core::Scheduler& core() const { return core_; }
  [[nodiscard]] Now now() const { return now_; }
  [[nodiscard]] Duration elapsed() const { return now_.mono - kStart.mono; }
  /// What is wrong with the core itself, in words: never the scenario's fault.
  [[nodiscard]] std::vector<std::string> take_findings() { return std::exchange(findings_, {}); }

  // Names, both ways. The readers throw BadText.
  [[nodiscard]] AgentNumber read_agent(const Word& name) const;
  [[nodiscard]] bool has_agent(const std::string& name) const;
  [[nodiscard]] JobId read_job_id(const Word& id) const;
  [[nodiscard]] TaskRef read_task(const Word& id) const;
  [[nodiscard]] AttemptRef read_attempt(const Word& id) const;
  [[nodiscard]] std::pair<JobId, std::uint32_t> read_entry(const Word& id) const;
  [[nodiscard]] std::string name_of(AgentNumber agent) const;
  [[nodiscard]] std::string name_of(JobId job, std::uint32_t group) const;
  [[nodiscard]] std::string name_of(const AttemptRef& ref) const;

 private:
  static constexpr Now kStart{Instant{std::chrono::hours{1}}, UnixMillis{std::chrono::milliseconds{1'700'000'000'000}}};

  void take(core::Effects effects);
  [[nodiscard]] std::optional<core::Scheduler> load_again(core::Effects& effects);
  void check();
  [[nodiscard]] bool is_checked_now();

  Watcher watcher_;
  core::Scheduler core_;
  memory::Tables tables_;
  Now now_ = kStart;
  std::uint64_t last_event_ = 0;
  std::uint64_t rows_ = 0;  ///< written so far
  std::uint64_t events_ = 0;  ///< since the last check
  std::vector<std::string> findings_;
};

}  // namespace stint::sim::scenario
