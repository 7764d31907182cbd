#include "sim/plan.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <tuple>

#include "sim/job_mix.hpp"

namespace stint::sim {
namespace {

constexpr std::uint64_t kStrikesMax = 40;
constexpr std::uint64_t kPlanSalt = 0x91A7;  // the world draws from the seed itself

/// Conditions hold all the time, or are ways in which another fault goes; all other kinds strike.
constexpr std::array kConditions{Fault::lost_batch,   Fault::torn_batch,   Fault::unanswered_batch, Fault::clock_skew,
                                 Fault::slow_network, Fault::lost_answers, Fault::refusing_agent,   Fault::retention};

constexpr std::array kLies{Fault::lie_wrong_digest, Fault::lie_conflict, Fault::lie_replay,
                           Fault::lie_stale,        Fault::lie_others,   Fault::lie_unknown};

Weather draw_weather(Prng& prng) {
  Weather weather;
  weather.latency_min = std::chrono::microseconds{50};
  switch (prng.below(3)) {
    case 0: weather.latency_max = std::chrono::milliseconds{20}; break;
    case 1: weather.latency_max = std::chrono::milliseconds{80}; break;
    default: weather.latency_max = prng.between(std::chrono::milliseconds{1}, std::chrono::seconds{2}); break;
  }
  weather.pieces_max = prng.chance(1, 3) ? 1 : 8;
  return weather;
}

void draw_agents(Prng& prng, Plan& plan) {
  const std::size_t count = 2 + prng.below(4);
  for (std::size_t i = 0; i < count; ++i) {
    PlannedAgent agent;
    agent.info = draw_agent(prng, i);
    agent.seed = prng.next();
    agent.is_refusing = has(plan.faults, Fault::refusing_agent) && prng.chance(1, 3);
    plan.agents.push_back(std::move(agent));
  }
}

/// Each from a generator of its own: jobs do not depend on each other.
void draw_jobs(Prng& prng, Plan& plan) {
  const JobMix mix = draw_mix(prng);
  plan.has_people = mix.has_people;
  std::vector<protocol::AgentInfo> offers;
  for (const auto& agent : plan.agents) offers.push_back(agent.info);
  for (std::size_t i = 0; i < mix.jobs; ++i) {
    Prng own(prng.next());
    PlannedJob job;
    job.spec = draw_job(own, mix, offers, i, plan.lists);
    job.when = own.between(Duration{0}, plan.duration / 2);
    job.is_twice = own.chance(1, 4);
    plan.jobs.push_back(std::move(job));
  }
}

/// A number of them, of the kinds this seed has; some kinds come more often than others.
void draw_strikes(Prng& prng, Plan& plan) {
  std::vector<Fault> urn;
  for (std::size_t i = 0; i < kFaults; ++i) {
    const auto kind = static_cast<Fault>(i);
    const std::uint64_t weight = 1 + prng.below(4);
    const bool strikes = std::find(kConditions.begin(), kConditions.end(), kind) == kConditions.end();
    if (strikes && plan.faults.test(i)) urn.insert(urn.end(), weight, kind);
  }
  const std::uint64_t count = prng.below(kStrikesMax);
  for (std::uint64_t i = 0; i < count && !urn.empty(); ++i) {
    Strike strike;
    strike.fault = urn[prng.below(urn.size())];
    strike.when = prng.between(Duration{0}, plan.duration);
    strike.seed = prng.next();
    plan.strikes.push_back(strike);
  }
  std::sort(plan.strikes.begin(), plan.strikes.end(),
            [](const Strike& a, const Strike& b) { return std::tie(a.when, a.seed) < std::tie(b.when, b.seed); });
}

template <class T>
std::vector<T> pick(const std::vector<T>& all, const std::vector<std::size_t>& numbers) {
  std::vector<T> left;
  for (const std::size_t number : numbers)
    if (number > 0 && number <= all.size()) left.push_back(all[number - 1]);
  return left;
}

void shorten(core::JobSpec& job, std::uint32_t tasks) {
  for (auto& task : job.tasks)
    if (task.is_array && !task.each) task.array_count = std::min(task.array_count, tasks);
}

}  // namespace

Plan draw_plan(std::uint64_t seed, const FaultChoice& choice) {
  Prng prng(seed ^ kPlanSalt);
  Plan plan;
  plan.seed = seed;
  plan.faults = choice.draw(prng);
  plan.heartbeat = std::chrono::seconds{2 + seed % 29};
  const bool is_long = prng.chance(1, 4);  // long enough for an agent to be away for longer than anybody waits for it
  plan.duration = prng.between(std::chrono::seconds{10}, is_long ? std::chrono::minutes{20} : std::chrono::minutes{5});
  const Weather drawn = draw_weather(prng);
  if (has(plan.faults, Fault::slow_network)) plan.weather = drawn;
  const auto lost = static_cast<std::uint32_t>(1 + prng.below(30));
  if (has(plan.faults, Fault::lost_answers)) plan.lost_answers = lost;
  draw_agents(prng, plan);
  draw_jobs(prng, plan);
  draw_strikes(prng, plan);
  plan.has_liar = std::any_of(plan.strikes.begin(), plan.strikes.end(),
                              [](const Strike& strike) { return std::find(kLies.begin(), kLies.end(), strike.fault) != kLies.end(); });
  constexpr std::array<std::uint32_t, 4> kShares{0, 20, 80, 100};
  plan.prompt_writes = kShares[prng.below(kShares.size())];
  return plan;
}

Plan Cut::apply(Plan plan) const {
  if (agents) plan.agents = pick(plan.agents, *agents);
  if (jobs) plan.jobs = pick(plan.jobs, *jobs);
  if (faults) plan.strikes = pick(plan.strikes, *faults);
  if (tasks)
    for (auto& job : plan.jobs) shorten(job.spec, *tasks);
  if (minutes) {
    plan.duration = std::min<Duration>(plan.duration, std::chrono::minutes{*minutes});
    std::erase_if(plan.strikes, [&](const Strike& strike) { return strike.when > plan.duration; });
    for (auto& job : plan.jobs) job.when = std::min(job.when, plan.duration);
  }
  if (is_network_calm) {
    plan.weather = {};
    plan.lost_answers = 0;
  }
  if (has_no_people) plan.has_people = false;
  if (has_no_liar) plan.has_liar = false;
  return plan;
}

std::string describe(const Plan& plan) {
  std::string text = std::to_string(to_ms(plan.duration) / 1000) + " s of faults, then calm; heartbeats every " +
                     std::to_string(to_ms(plan.heartbeat) / 1000) + " s; latency up to " + std::to_string(to_ms(plan.weather.latency_max)) +
                     " ms; " + std::to_string(plan.lost_answers) + " of 100 answers lost; " + std::to_string(plan.prompt_writes) +
                     " of 100 writes promised soon" + (plan.has_people ? "; people" : "") + (plan.has_liar ? "; a liar" : "") + "\n";
  for (const auto& agent : plan.agents)
    text += "  agent " + agent.info.name + ": " + std::to_string(agent.info.resources.cpu_millis / 1000) + " CPUs, " +
            std::to_string(agent.info.resources.memory_bytes / kGiB) + " GiB, " + std::to_string(agent.info.resources.gpus) + " GPUs\n";
  for (const auto& job : plan.jobs) {
    text += "  after " + std::to_string(to_ms(job.when) / 1000) + " s: " + job.spec.name + (job.is_twice ? ", twice" : "");
    for (const auto& task : job.spec.tasks)
      text += " | " + task.name + (task.is_array ? " x " + std::to_string(task.array_count) : "") + ' ' + task.driver;
    text += '\n';
  }
  for (const auto& strike : plan.strikes)
    text += "  after " + std::to_string(to_ms(strike.when)) + " ms: " + std::string(to_string(strike.fault)) + '\n';
  return text;
}

}  // namespace stint::sim
