#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "base/random.hpp"
#include "core/scheduler.hpp"

namespace stint::core::testing {

/// People who claim, answer and give back, and a memory of who answered what that is not the core's.
class People {
 public:
  People(Scheduler& scheduler, Prng& draw) : scheduler_(scheduler), draw_(draw) {}

  void add(AgentNumber person) { people_.push_back(person); }
  [[nodiscard]] std::size_t size() const { return people_.size(); }
  [[nodiscard]] AgentNumber pick() { return people_[static_cast<std::size_t>(draw_.below(people_.size()))]; }
  void forget(AgentNumber person) { std::erase(people_, person); }

  void claim(AgentNumber person, std::uint32_t limit, Now now, Effects& effects) {
    const auto claimed = scheduler_.claim({person, {}, {}, limit, std::chrono::minutes{15}}, now, effects);
    ASSERT_TRUE(claimed) << claimed.error().detail;
    EXPECT_LE(claimed->size(), limit);
    for (const AttemptRef& ref : *claimed) {
      claims_[ref] = person;
      expect_new_to(person, ref);
    }
  }

  /// One claim ends: answered, or lost. False: there is none.
  bool end_one(Now now, Effects& effects, bool may_lose) {
    if (claims_.empty()) return false;
    auto at = claims_.begin();
    std::advance(at, static_cast<std::ptrdiff_t>(draw_.below(claims_.size())));
    const auto [ref, person] = *at;
    claims_.erase(at);
    const auto row = scheduler_.find_attempt(ref);
    AttemptReport report;
    report.agent = person;
    report.ref = ref;
    report.number = row ? row->acked_update + 1 : 1;
    const bool is_lost = may_lose && draw_.chance(1, 3);
    report.status = is_lost ? TaskStatus::failed : TaskStatus::completed;
    report.reason = is_lost ? EndReason::lost : EndReason::exit;
    if (!is_lost) report.result = "{}";
    if (row && row->live && !is_lost) answers_[ref.task] = person;
    scheduler_.on_attempt_report(report, now, effects);
    return true;
  }

  /// What completed in `old` and counts in `id` was answered there by the same people.
  void on_retried(JobId old, JobId id) {
    std::map<TaskRef, AgentNumber> inherited;
    for (auto at = answers_.lower_bound({old, 0, 0}); at != answers_.end() && at->first.job == old; ++at) {
      const TaskRef task{id, at->first.group, at->first.index};
      const auto view = scheduler_.find_task(task);
      if (view && view->status == TaskStatus::completed) inherited[task] = at->second;
    }
    answers_.insert(inherited.begin(), inherited.end());
  }

 private:
  void expect_new_to(AgentNumber person, const AttemptRef& ref) {
    const TaskRef& task = ref.task;
    const std::uint32_t overlap = scheduler_.find_spec(task.job)->tasks.at(task.group).overlap;
    const std::uint32_t first = task.index / overlap * overlap;
    for (std::uint32_t index = first; index < first + overlap; ++index) {
      const TaskRef copy{task.job, task.group, index};
      const auto answered = answers_.find(copy);
      EXPECT_TRUE(answered == answers_.end() || answered->second != person) << "a person is asked again what she has answered";
      for (const auto& [other, holder] : claims_) {
        const auto row = scheduler_.find_attempt(other);
        const bool is_copy = other.task == copy && other != ref && row && row->live;
        EXPECT_FALSE(is_copy && holder == person) << "a person has two copies of one item";
      }
    }
  }

  Scheduler& scheduler_;
  Prng& draw_;
  std::vector<AgentNumber> people_;
  std::map<AttemptRef, AgentNumber> claims_;
  std::map<TaskRef, AgentNumber> answers_;
};

}  // namespace stint::core::testing
