#include "sim/storm.hpp"

#include <algorithm>
#include <iterator>
#include <string>

namespace stint::sim {
namespace {

constexpr std::uint64_t kStrikesMax = 40;
constexpr Duration kLongAbsence = std::chrono::seconds{200};  // longer than anybody waits for an agent whose tasks may not be alone

Weather draw_weather(Prng& prng) {
  Weather weather;
  weather.latency_min = std::chrono::microseconds{50};
  switch (prng.below(3)) {
    case 0: weather.latency_max = std::chrono::milliseconds{2}; break;
    case 1: weather.latency_max = std::chrono::milliseconds{80}; break;
    default: weather.latency_max = prng.between(std::chrono::milliseconds{1}, std::chrono::seconds{2}); break;
  }
  weather.pieces_max = prng.chance(1, 3) ? 1 : 8;
  return weather;
}

}  // namespace

Storm::Storm(Surroundings world, SchedulerNode& scheduler, std::vector<std::unique_ptr<AgentNode>>& agents, Client& client,
             const Durable& durable, const Told& told)
    : world_(world), scheduler_(scheduler), agents_(agents), client_(client), durable_(durable), told_(told) {}

void Storm::plan(Duration duration) {
  Prng& prng = world_.prng;
  world_.network.set_weather(draw_weather(prng));
  client_.set_loss(prng.chance(1, 2) ? static_cast<std::uint32_t>(prng.below(30)) : 0);
  for (auto& agent : agents_) agent->keeper().set_refusing(prng.chance(1, 8));
  std::vector<Fault> kinds;
  for (std::size_t kind = 0; kind < kFaultKinds; ++kind)
    if (prng.chance(1, 3)) kinds.push_back(static_cast<Fault>(kind));
  if (kinds.empty()) return;
  const std::uint64_t strikes = prng.below(kStrikesMax);
  for (std::uint64_t i = 0; i < strikes; ++i) {
    const Fault fault = kinds[prng.below(kinds.size())];
    const Duration when = pause(duration);
    world_.agenda.after(when, [this, fault] {
      if (!is_over_) strike(fault);
    });
  }
}

void Storm::end() {
  is_over_ = true;
  world_.trace.note("world", "calm");
  world_.network.set_weather({});
  client_.set_loss(0);
  scheduler_.set_disk(std::chrono::microseconds{100}, std::chrono::milliseconds{2});
  scheduler_.set_full(false);
  scheduler_.start();
  for (auto& agent : agents_) {
    world_.network.heal(agent->identity().index);
    agent->journal().set_full(false);
    agent->keys().set_full(false);
    agent->keys().die_at_write(KeyBox::Death::none);
    agent->keeper().set_refusing(false);
    if (agent->is_revoked()) continue;
    agent->crash(false);  // what an agent refused it is asked for again once it has reconnected
    agent->start();
    client_.drain(agent->identity().info.name, false);
  }
}

void Storm::strike(Fault fault) {
  switch (fault) {
    case Fault::crash_scheduler:
    case Fault::slow_disk:
    case Fault::full_disk: return strike_scheduler(fault);
    case Fault::reset_link:
    case Fault::stall_link:
    case Fault::linger:
    case Fault::half_open: return strike_link(fault);
    case Fault::rotate_keys: return rotate_keys();
    case Fault::retire_key: return retire_some_key();
    case Fault::revoke_agent: return revoke_some_agent();
    case Fault::retry_job: return retry_some_job();
    case Fault::cancel:
    case Fault::look: return ask_something(fault);
    case Fault::step_wall_clock: {
      const auto step = to_ms(world_.prng.between(Duration{0}, std::chrono::hours{4})) - 7'200'000;
      const auto who = world_.prng.below(agents_.size() + 1);
      MachineClock& clock = who == agents_.size() ? scheduler_.clock() : agents_[who]->clock();
      clock.step_wall(step);
      world_.trace.note("world", "a wall clock is set by " + std::to_string(step) + " ms");
      return;
    }
    default: return strike_agent(fault, *agents_[world_.prng.below(agents_.size())]);
  }
}

void Storm::strike_scheduler(Fault fault) {
  if (fault == Fault::slow_disk) {
    scheduler_.set_disk(std::chrono::milliseconds{1}, pause(std::chrono::seconds{3}) + std::chrono::milliseconds{2});
    return;
  }
  if (fault == Fault::full_disk) {
    scheduler_.set_full(true);
    world_.agenda.after(pause(std::chrono::seconds{15}), [this] { scheduler_.set_full(false); });
    return;
  }
  scheduler_.crash(world_.prng.chance(1, 4));
  world_.agenda.after(pause(std::chrono::seconds{20}), [this] { scheduler_.start(); });
}

void Storm::restart_later(AgentNode& agent) {
  const Duration absence = world_.prng.chance(1, 4) ? pause(std::chrono::seconds{300}) : pause(std::chrono::seconds{8});
  world_.agenda.after(absence, [&agent] { agent.start(); });
}

/// One that runs what must be stopped while it is away, if there is one; else the one that was drawn.
AgentNode& Storm::find_leashed(AgentNode& drawn) {
  const auto found = std::find_if(agents_.begin(), agents_.end(), [](const auto& agent) { return agent->keeper().runs_leashed(); });
  return found == agents_.end() ? drawn : **found;
}

void Storm::strike_agent(Fault fault, AgentNode& agent) {
  switch (fault) {
    case Fault::crash_agent: agent.crash(world_.prng.chance(1, 4)); return restart_later(agent);
    case Fault::agent_leaves: agent.leave(); return restart_later(agent);
    case Fault::lose_power: agent.lose_power(world_.prng.chance(1, 2) ? world_.prng.below(6) : 0); return restart_later(agent);
    case Fault::kill_keeper: return agent.keeper().die(pause(std::chrono::seconds{3}));
    case Fault::reinstall: agent.reinstall(); return restart_later(agent);
    case Fault::partition: {
      const AgentNode& away = find_leashed(agent);
      const std::size_t index = away.identity().index;
      const Duration least = away.keeper().runs_leashed() ? kLongAbsence : Duration{0};
      world_.network.partition(index);
      world_.agenda.after(least + pause(std::chrono::seconds{200}), [this, index] { world_.network.heal(index); });
      return;
    }
    case Fault::freeze_agent:
      agent.freeze();
      world_.agenda.after(world_.prng.chance(1, 2) ? pause(std::chrono::seconds{12}) : pause(std::chrono::seconds{240}),
                          [&agent] { agent.thaw(); });
      return;
    case Fault::die_over_key:
      agent.keys().die_at_write(world_.prng.chance(1, 2) ? KeyBox::Death::before_write : KeyBox::Death::after_write);
      world_.agenda.after(pause(std::chrono::seconds{60}), [&agent] { agent.start(); });
      return;
    case Fault::full_agent_disk:
      world_.trace.note(agent.name(), "its disk is full");
      agent.journal().set_full(true);
      agent.keys().set_full(true);
      world_.agenda.after(pause(std::chrono::seconds{20}), [&agent] {
        agent.journal().set_full(false);
        agent.keys().set_full(false);
      });
      return;
    default: {
      const std::string& name = agent.identity().info.name;
      client_.drain(name, true);
      world_.agenda.after(pause(std::chrono::seconds{60}), [this, name] { client_.drain(name, false); });
      return;
    }
  }
}

void Storm::strike_link(Fault fault) {
  const auto open = world_.network.connections();
  if (open.empty()) return;
  const ConnectionId id = open[world_.prng.below(open.size())];
  const Side side = world_.prng.chance(1, 2) ? Side::agent : Side::scheduler;
  switch (fault) {
    case Fault::stall_link: return world_.network.stall(id, side, pause(std::chrono::seconds{40}));
    case Fault::linger:
      world_.network.stall(id, Side::scheduler, pause(std::chrono::seconds{10}));
      return world_.network.break_end(id, Side::agent);
    case Fault::half_open: return world_.network.forget_end(id, side);
    default: return world_.network.reset(id);
  }
}

void Storm::rotate_keys() {
  const auto grace = to_ms(std::chrono::seconds{1} + pause(std::chrono::seconds{40}));
  client_.command("/v1/keys/rotate", "{\"grace_ms\":" + std::to_string(grace) + "}");
  if (!world_.prng.chance(1, 3)) return;
  world_.agenda.after(pause(std::chrono::milliseconds{200}), [this] {
    if (!is_over_) strike_scheduler(Fault::crash_scheduler);
  });
}

/// At once only if every agent has a newer key: who has none must be registered anew, and nobody does that here.
void Storm::retire_some_key() {
  if (!scheduler_.is_running()) return;
  const auto& keys = scheduler_.daemon()->keys();
  for (const auto& row : keys.rows()) {
    const auto state = keys.state_of(row.epoch);
    if (state == scheduler::KeyState::removed || row.epoch >= keys.current_epoch()) continue;
    const bool is_left_by_all = std::all_of(agents_.begin(), agents_.end(), [&](const auto& agent) {
      return agent->is_revoked() || agent->keys().keys().front().epoch > row.epoch;
    });
    const bool is_now = is_left_by_all && world_.prng.chance(1, 2);
    return client_.command("/v1/keys/retire", "{\"key_epoch\":" + std::to_string(row.epoch.value) + (is_now ? ",\"now\":true}" : "}"));
  }
}

/// One at most, and never the last: somebody must do the work.
void Storm::revoke_some_agent() {
  const bool is_done = std::any_of(agents_.begin(), agents_.end(), [](const auto& agent) { return agent->is_revoked(); });
  if (is_done || agents_.size() < 3) return;
  AgentNode& agent = *agents_[world_.prng.below(agents_.size())];
  agent.set_revoked();
  client_.revoke(agent.identity().info.name);
}

void Storm::follow_some_output(JobId job) {
  const auto& spec = *durable_.find_job(job)->spec;
  const auto group = static_cast<std::uint32_t>(world_.prng.below(spec.tasks.size()));
  const std::uint64_t tasks = durable_.size_of({job, group}).value_or(0);
  if (tasks == 0) return;
  const TaskRef task{job, group, static_cast<std::uint32_t>(world_.prng.below(tasks))};
  client_.follow_output(task, durable_.name_of(task));
}

/// One that did not complete; or one that is still at work, which is refused.
void Storm::retry_some_job() {
  if (durable_.jobs().empty()) return;
  std::vector<JobId> jobs;
  for (const auto& [id, job] : durable_.jobs())
    if (durable_.state_of(id) == TaskStatus::failed || durable_.state_of(id) == TaskStatus::cancelled) jobs.push_back(id);
  if (jobs.empty()) jobs.push_back(durable_.jobs().begin()->first);
  const JobId job = jobs[world_.prng.below(jobs.size())];
  client_.retry(job, "retry-" + std::to_string(++retries_));
}

void Storm::ask_something(Fault fault) {
  if (told_.jobs().empty()) return;
  auto at = told_.jobs().begin();
  std::advance(at, static_cast<std::ptrdiff_t>(world_.prng.below(told_.jobs().size())));
  const JobId job = at->second;
  if (fault == Fault::cancel) {
    client_.cancel(job, world_.prng.chance(1, 2) ? std::string() : std::string("t0"));
    return;
  }
  switch (world_.prng.below(4)) {
    case 0: return client_.list_tasks(job);
    case 1: return client_.show_job(job);
    case 2: return follow_some_output(job);
    default: return client_.explain(std::to_string(job.value) + ".t0");
  }
}

}  // namespace stint::sim
