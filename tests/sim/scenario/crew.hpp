#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "sim/scenario/stage.hpp"

namespace stint::sim::scenario {

/// The agents of a scenario at work: what is placed starts, runs as long as its entry `takes`, and ends; who is asked to end a task does;
/// what an entry needs prepared or collected is. Only while time is let pass with `run`: else the text says what agents report.
class Crew {
 public:
  explicit Crew(Stage& stage) : stage_(stage) {}

  void remember(JobId job, std::vector<Behaviour> behaviours) { behaviours_[job] = std::move(behaviours); }
  void note(const core::Effects& effects);
  void on_disconnected(AgentNumber agent) { away_since_[agent] = stage_.now().mono; }
  void on_reported(const AttemptRef& ref, TaskStatus status);
  /// Lets time pass, `moment` being called before each step of it.
  void run(Duration duration, const std::function<void()>& moment);
  /// What the agent would say of itself if it came back now.
  [[nodiscard]] std::vector<core::HeldAttempt> held_by(AgentNumber agent) const;
  void on_connected(AgentNumber agent) { away_since_.erase(agent); }

 private:
  struct Work {
    AgentNumber agent;
    std::uint64_t turn = 0;  ///< in which it was assigned
    bool has_started = false;
    bool has_ended = false;
    bool is_lost = false;  ///< its agent stopped it, being alone
    Instant ends{};
    std::uint32_t number = 0;  ///< of its last update
  };

  [[nodiscard]] const Behaviour& behaviour_of(const TaskRef& task) const;
  [[nodiscard]] bool is_away(AgentNumber agent) const { return away_since_.contains(agent); }
  [[nodiscard]] Instant end_of(const AttemptRef& ref, const Work& work) const;
  [[nodiscard]] Instant next_moment(Instant last) const;
  [[nodiscard]] bool has_room(const AttemptRef& ref, const Work& work) const;
  void work_now();
  bool prepare_asked();
  bool obey();
  bool start_given();
  bool end_due();
  void report(const AttemptRef& ref, Work& work, TaskStatus status, EndReason reason);

  Stage& stage_;
  std::map<JobId, std::vector<Behaviour>> behaviours_;
  std::map<AttemptRef, Work> work_;
  std::uint64_t turns_ = 0;
  std::vector<core::Stop> stops_;
  std::set<std::pair<JobId, std::uint32_t>> prepares_;
  std::set<std::pair<JobId, std::uint32_t>> collects_;
  std::map<AgentNumber, Instant> away_since_;
};

}  // namespace stint::sim::scenario
