#pragma once

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <utility>

#include "base/random.hpp"
#include "core/scheduler.hpp"
#include "core/testing/random_job.hpp"

namespace stint::core::testing {

/// What the daemon was asked to prepare or to collect, answered some time in some order: well or not.
class Asked {
 public:
  Asked(Scheduler& scheduler, Prng& draw) : scheduler_(scheduler), draw_(draw) {}

  void on_send(const Prepare& prepare) { add(prepares_, {prepare.job, prepare.group}, "prepare"); }
  void on_send(const Collect& collect) { add(collects_, {collect.job, collect.group}, "collect"); }
  /// The daemon died: what it was asked for is asked again.
  void restart() {
    prepares_.clear();
    collects_.clear();
  }
  [[nodiscard]] bool empty() const { return prepares_.empty() && collects_.empty(); }
  /// Of an entry that was left without what its `collect` names: nobody who needs its success may run.
  [[nodiscard]] bool is_uncollected(JobId job, std::uint32_t group) const { return uncollected_.contains({job, group}); }

  /// Answers one of them.
  void answer(Now now, Effects& effects, bool may_fail) {
    const bool is_collect = prepares_.empty() || (!collects_.empty() && draw_.chance(1, 2));
    auto& asked = is_collect ? collects_ : prepares_;
    if (asked.empty()) return;
    auto at = asked.begin();
    std::advance(at, static_cast<std::ptrdiff_t>(draw_.below(asked.size())));
    const auto [job, group] = *at;
    asked.erase(at);
    const bool fails = may_fail && draw_.chance(1, 8);
    const auto state = scheduler_.find_group(job, group);
    const bool is_wanted = state && !state->has_ended;
    Status status;
    if (fails) {
      if (is_collect && is_wanted) uncollected_.insert({job, group});
      status = scheduler_.fail_group(job, group, "it cannot be had", now, effects);
    } else if (is_collect) {
      status = scheduler_.finish_collect(job, group, {some_blob(3), 1, false, "all"}, now, effects);
    } else {
      status = prepare(job, group, now, effects);
    }
    EXPECT_EQ(status.has_value(), is_wanted) << job.value << "/" << group;
  }

 private:
  using Key = std::pair<JobId, std::uint32_t>;

  void add(std::set<Key>& asked, const Key& key, const char* what) {
    EXPECT_TRUE(asked.insert(key).second) << what << " was asked for twice in one life: " << key.first.value << "/" << key.second;
  }
  Status prepare(JobId job, std::uint32_t group, Now now, Effects& effects) {
    GroupPrepared answer{job, group, static_cast<std::uint32_t>(draw_.below(9)), {}, {}};
    if (answer.count > 0) answer.items = some_blob(2);
    if (draw_.chance(1, 2)) answer.needs_inputs = some_blob(4);
    const JobSpec* spec = scheduler_.find_spec(job);
    if (spec != nullptr) answer.count *= spec->tasks.at(group).overlap;
    return scheduler_.prepare_group(answer, now, effects);
  }

  Scheduler& scheduler_;
  Prng& draw_;
  std::set<Key> prepares_;
  std::set<Key> collects_;
  std::set<Key> uncollected_;
};

}  // namespace stint::core::testing
