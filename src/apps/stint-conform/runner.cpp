#include "apps/stint-conform/runner.hpp"

#include <atomic>
#include <mutex>
#include <thread>
#include <utility>

namespace stint::conform {
namespace {

template <class Subject, class Try>
Outcome run_case(const Case<Subject>& tried, Try& try_case) {
  Outcome outcome{tried.id, tried.title, tried.sentence, Verdict::passed, {}, {}, {}};
  const Instant begin = now();
  const Check check = try_case(tried);
  outcome.took = now() - begin;
  if (check) return outcome;
  outcome.verdict = check.error().kind == Finding::Kind::skipped ? Verdict::skipped : Verdict::failed;
  outcome.expected = check.error().expected;
  outcome.seen = check.error().seen;
  return outcome;
}

/// `lane(number)` gives what tries the cases of one thread, one after another.
template <class Subject, class MakeLane>
std::vector<Outcome> run_all(const std::vector<Case<Subject>>& cases, std::size_t lanes, const MakeLane& make_lane) {
  std::vector<Outcome> outcomes(cases.size());
  Progress progress(cases.size());
  std::atomic<std::size_t> next{0};
  const auto work = [&](std::size_t lane) {
    auto try_case = make_lane(lane);
    for (std::size_t at = next++; at < cases.size(); at = next++) {
      outcomes[at] = run_case(cases[at], try_case);
      progress.on_outcome(outcomes[at]);
    }
  };
  std::vector<std::jthread> threads;
  for (std::size_t lane = 1; lane < lanes; ++lane) threads.emplace_back(work, lane);
  work(0);
  threads.clear();
  progress.end();
  return outcomes;
}

}  // namespace

Summary run_against_scheduler(const std::vector<SchedulerCase>& cases, const SchedulerTarget& target) {
  Summary summary{"scheduler", target.host + ":" + target.port, {}, {}};
  const Instant begin = now();
  std::mutex work;
  summary.outcomes = run_all(cases, target.agents.size(), [&](std::size_t lane) {
    return [&, lane, start = make_start()](const SchedulerCase& tried) mutable {
      SchedulerSubject subject{target, target.agents[lane], start, work};
      return tried.run(subject);
    };
  });
  summary.took = now() - begin;
  return summary;
}

Summary run_against_agent(const std::vector<AgentCase>& cases, const AgentTarget& target, int jobs) {
  Summary summary{"agent", target.start, {}, {}};
  const Instant begin = now();
  summary.outcomes = run_all(cases, static_cast<std::size_t>(jobs), [&](std::size_t) {
    return [&](const AgentCase& tried) {
      AgentSubject subject{target};
      Check check = tried.run(subject);
      if (!check) check.error().seen += subject.log_end();
      return check;
    };
  });
  summary.took = now() - begin;
  return summary;
}

}  // namespace stint::conform
