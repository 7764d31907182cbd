#include "apps/stint-conform/runner.hpp"

#include <atomic>
#include <mutex>
#include <thread>
#include <utility>

namespace stint::conform {
namespace {

template <class Subject, class Try>
Outcome run_case(const Case<Subject>& tried, const std::set<std::string>& without, Try& try_case) {
  Outcome outcome{tried.id, tried.title, tried.sentence, Verdict::passed, {}, {}, {}};
  const Instant begin = now();
  const Check check = without.contains(tried.feature) ? Check{skip(tried.feature + ", which --without left out")} : try_case(tried);
  outcome.took = now() - begin;
  if (check) return outcome;
  outcome.verdict = check.error().kind == Finding::Kind::skipped ? Verdict::skipped : Verdict::failed;
  outcome.expected = check.error().expected;
  outcome.seen = check.error().seen;
  return outcome;
}

/// Those that bear company first, several at a time; then the others. Gives positions in `cases`.
template <class Subject>
std::vector<std::size_t> find_cases(const std::vector<Case<Subject>>& cases, bool is_alone) {
  std::vector<std::size_t> found;
  for (std::size_t at = 0; at < cases.size(); ++at)
    if (cases[at].is_alone == is_alone) found.push_back(at);
  return found;
}

/// `make_lane(number)` gives what tries the cases of one thread, one after another.
template <class Subject, class MakeLane>
std::vector<Outcome> run_all(const std::vector<Case<Subject>>& cases, const std::set<std::string>& without, std::size_t lanes,
                             const MakeLane& make_lane) {
  std::vector<Outcome> outcomes(cases.size());
  Progress progress(cases.size());
  const auto run_some = [&](const std::vector<std::size_t>& some, std::size_t lane_count) {
    std::atomic<std::size_t> next{0};
    const auto work = [&](std::size_t lane) {
      auto try_case = make_lane(lane);
      for (std::size_t at = next++; at < some.size(); at = next++) {
        outcomes[some[at]] = run_case(cases[some[at]], without, try_case);
        progress.on_outcome(outcomes[some[at]]);
      }
    };
    std::vector<std::jthread> threads;
    for (std::size_t lane = 1; lane < lane_count; ++lane) threads.emplace_back(work, lane);
    work(0);
  };
  run_some(find_cases(cases, false), lanes);
  run_some(find_cases(cases, true), 1);
  progress.end();
  return outcomes;
}

}  // namespace

Summary run_against_scheduler(const std::vector<SchedulerCase>& cases, const SchedulerTarget& target) {
  Summary summary{"scheduler", target.host + ":" + target.port, {}, {}};
  const Instant begin = now();
  std::mutex work;
  summary.outcomes = run_all(cases, target.without, target.agents.size(), [&](std::size_t lane) {
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
  summary.outcomes = run_all(cases, target.without, static_cast<std::size_t>(jobs), [&](std::size_t) {
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
