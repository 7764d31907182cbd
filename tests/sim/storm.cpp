#include "sim/storm.hpp"

#include <algorithm>
#include <string>

namespace stint::sim {
namespace {

constexpr Duration kLongAbsence = std::chrono::seconds{200};  // longer than anybody waits for an agent whose tasks may not be alone
constexpr std::int64_t kDriftMaxPpm = 3000;                   // within what the leash's margin of 10 s bears in an hour
constexpr std::int64_t kJumpMaxMs = 7'200'000;

Duration pause(Prng& draw, Duration longest) { return draw.between(Duration{0}, longest); }

}  // namespace

Storm::Storm(Surroundings world, SchedulerNode& scheduler, std::vector<std::unique_ptr<AgentNode>>& agents, Client& client,
             const Durable& durable, const Told& told)
    : world_(world), scheduler_(scheduler), agents_(agents), client_(client), operators_(world, scheduler, agents, client, durable, told) {}

void Storm::begin(const Plan& plan, LiarNode* liar) {
  liar_ = liar;
  world_.network.set_weather(plan.weather);
  if (has(plan.faults, Fault::slow_network)) world_.faults.add(Fault::slow_network);
  client_.set_loss(plan.lost_answers);
  scheduler_.set_batch_fates(
      {has(plan.faults, Fault::lost_batch), has(plan.faults, Fault::torn_batch), has(plan.faults, Fault::unanswered_batch)});
  for (std::size_t i = 0; i < agents_.size(); ++i) {
    if (!plan.agents.at(i).is_refusing) continue;
    agents_[i]->keeper().set_refusing(true);
    world_.faults.add(Fault::refusing_agent);
  }
  for (const Strike& planned : plan.strikes)
    world_.agenda.after(planned.when, [this, planned] {
      if (!is_over_) strike(planned.fault, Prng(planned.seed));
    });
}

void Storm::end() {
  is_over_ = true;
  world_.trace.note("world", "calm");
  world_.network.set_weather({});
  client_.set_loss(0);
  scheduler_.set_disk(std::chrono::microseconds{100}, std::chrono::milliseconds{2});
  scheduler_.set_full(false);
  scheduler_.spare_writes();
  scheduler_.start();
  if (liar_ != nullptr) client_.revoke(liar_->name());
  for (auto& agent : agents_) {
    agent->wake_up();
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

void Storm::strike(Fault fault, Prng draw) {
  AgentNode& agent = *agents_[draw.below(agents_.size())];
  switch (fault) {
    case Fault::crash_scheduler:
    case Fault::restart_scheduler:
    case Fault::upgrade_scheduler:
    case Fault::disk_error:
    case Fault::slow_disk:
    case Fault::full_disk: return strike_scheduler(fault, draw);
    case Fault::clock_jump:
    case Fault::clock_drift: return strike_clock(fault, draw);
    case Fault::reset_link:
    case Fault::stall_link:
    case Fault::linger:
    case Fault::half_open: return strike_link(fault, draw);
    case Fault::partition:
    case Fault::partition_one_way: return strike_network(fault, agent, draw);
    case Fault::crash_agent:
    case Fault::agent_leaves:
    case Fault::upgrade_agent:
    case Fault::freeze_agent:
    case Fault::slow_agent_disk:
    case Fault::die_over_key: return agent.is_asleep() ? void() : strike_process(fault, agent, draw);
    case Fault::lose_power:
    case Fault::kill_keeper:
    case Fault::reinstall:
    case Fault::sleep_machine:
    case Fault::full_agent_disk: return agent.is_asleep() ? void() : strike_machine(fault, agent, draw);
    case Fault::lie_wrong_digest:
    case Fault::lie_conflict:
    case Fault::lie_replay:
    case Fault::lie_stale:
    case Fault::lie_others:
    case Fault::lie_unknown: return liar_ == nullptr ? void() : liar_->lie(fault);
    default: return act(fault, agent, draw);
  }
}

void Storm::act(Fault fault, AgentNode& agent, Prng& draw) {
  switch (fault) {
    case Fault::drain_agent: return operators_.drain(agent, draw);
    case Fault::drain_deadline: return operators_.drain_by(agent, draw);
    case Fault::retire_key: return operators_.retire_some_key(draw);
    case Fault::revoke_agent: return operators_.revoke_some_agent(draw);
    case Fault::retry_job: return operators_.retry_some_job(draw);
    case Fault::cancel: return operators_.cancel_something(draw);
    case Fault::look: return operators_.look(draw);
    case Fault::tokens: return operators_.change_tokens(draw);
    case Fault::rotate_keys:
      operators_.rotate_keys(draw);
      if (!draw.chance(1, 3)) return;
      return world_.agenda.after(pause(draw, std::chrono::milliseconds{200}), [this, own = Prng(draw.next())]() mutable {
        if (!is_over_) crash_scheduler(own);
      });
    default: return;  // holds all the time
  }
}

void Storm::crash_scheduler(Prng& draw) {
  if (!scheduler_.is_running()) return;
  const bool is_silent = draw.chance(1, 4);
  if (draw.chance(1, 2)) return scheduler_.crash_at_next_write(is_silent);
  world_.faults.add(Fault::crash_scheduler);
  scheduler_.crash(is_silent);
  world_.agenda.after(pause(draw, std::chrono::seconds{20}), [this] { scheduler_.start(); });
}

void Storm::strike_scheduler(Fault fault, Prng& draw) {
  if (!scheduler_.is_running()) return;
  switch (fault) {
    case Fault::slow_disk:
      world_.faults.add(fault);
      return scheduler_.set_disk(std::chrono::milliseconds{1}, pause(draw, std::chrono::seconds{3}) + std::chrono::milliseconds{2});
    case Fault::full_disk:
      world_.faults.add(fault);
      scheduler_.set_full(true);
      return world_.agenda.after(pause(draw, std::chrono::seconds{15}), [this] { scheduler_.set_full(false); });
    case Fault::disk_error: return scheduler_.break_next_write();
    case Fault::restart_scheduler:
    case Fault::upgrade_scheduler:
      world_.faults.add(fault);
      scheduler_.leave();
      if (fault == Fault::upgrade_scheduler) scheduler_.change_heartbeat(std::chrono::seconds{2 + draw.below(29)});
      return world_.agenda.after(pause(draw, std::chrono::seconds{5}), [this] { scheduler_.start(); });
    default: return crash_scheduler(draw);
  }
}

void Storm::strike_clock(Fault fault, Prng& draw) {
  const auto who = draw.below(agents_.size() + 1);
  MachineClock& clock = who == agents_.size() ? scheduler_.clock() : agents_[who]->clock();
  world_.faults.add(fault);
  if (fault == Fault::clock_drift) {
    const auto ppm = static_cast<std::int64_t>(draw.below(2 * kDriftMaxPpm + 1)) - kDriftMaxPpm;
    clock.set_drift(ppm);
    return world_.trace.note("world", "a clock drifts by " + std::to_string(ppm) + " ppm");
  }
  const auto step = static_cast<std::int64_t>(draw.below(2 * kJumpMaxMs)) - kJumpMaxMs;
  clock.step_wall(step);
  world_.trace.note("world", "a wall clock is set by " + std::to_string(step) + " ms");
}

void Storm::restart_later(AgentNode& agent, Prng& draw) {
  const Duration absence = draw.chance(1, 4) ? pause(draw, std::chrono::seconds{300}) : pause(draw, std::chrono::seconds{8});
  world_.agenda.after(absence, [&agent] { agent.start(); });
}

/// One that runs what must be stopped while it is away, if there is one; else the one that was drawn.
AgentNode& Storm::find_leashed(AgentNode& drawn) {
  const auto found = std::find_if(agents_.begin(), agents_.end(), [](const auto& agent) { return agent->keeper().runs_leashed(); });
  return found == agents_.end() ? drawn : **found;
}

void Storm::strike_network(Fault fault, AgentNode& agent, Prng& draw) {
  const AgentNode& away = find_leashed(agent);
  const std::size_t index = away.identity().index;
  const Duration least = away.keeper().runs_leashed() ? kLongAbsence : Duration{0};
  world_.faults.add(fault);
  if (fault == Fault::partition) {
    world_.network.partition(index);
  } else {
    world_.network.partition(index, draw.chance(1, 2) ? Side::agent : Side::scheduler);
  }
  world_.agenda.after(least + pause(draw, std::chrono::seconds{200}), [this, index] { world_.network.heal(index); });
}

void Storm::freeze(AgentNode& agent, Duration duration) {
  agent.freeze();
  world_.agenda.after(duration, [&agent] { agent.thaw(); });
}

void Storm::strike_process(Fault fault, AgentNode& agent, Prng& draw) {
  if (agent.is_running()) world_.faults.add(fault);
  switch (fault) {
    case Fault::agent_leaves: agent.leave(); return restart_later(agent, draw);
    case Fault::upgrade_agent: return upgrade(agent, draw);
    case Fault::slow_agent_disk: return freeze(agent, pause(draw, std::chrono::seconds{4}));  // its process waits for fsync
    case Fault::freeze_agent:
      return freeze(agent, draw.chance(1, 2) ? pause(draw, std::chrono::seconds{12}) : pause(draw, std::chrono::seconds{240}));
    case Fault::die_over_key:
      agent.keys().die_at_write(draw.chance(1, 2) ? KeyBox::Death::before_write : KeyBox::Death::after_write);
      return world_.agenda.after(pause(draw, std::chrono::seconds{60}), [&agent] { agent.start(); });
    default: agent.crash(draw.chance(1, 4)); return restart_later(agent, draw);
  }
}

/// It comes back with other labels, of another version, sometimes with half its CPUs: what it has runs on.
void Storm::upgrade(AgentNode& agent, Prng& draw) {
  protocol::AgentInfo info = agent.identity().info;
  info.version = std::to_string(2 + draw.below(8));
  info.labels = {{"zone", draw.chance(1, 2) ? info.name : "a1"}};
  info.window = draw.chance(1, 2) ? 0 : 2 + static_cast<std::uint32_t>(draw.below(4));
  info.prefetch = draw.chance(1, 2) ? 0 : static_cast<std::uint32_t>(draw.below(12));
  if (draw.chance(1, 3)) info.resources.cpu_millis = std::max<std::int64_t>(1000, info.resources.cpu_millis / 2);
  agent.change_info(std::move(info));
  agent.leave();
  restart_later(agent, draw);
}

void Storm::strike_machine(Fault fault, AgentNode& agent, Prng& draw) {
  switch (fault) {
    case Fault::lose_power:
      world_.faults.add(fault);
      agent.lose_power(draw.chance(1, 2) ? draw.below(6) : 0);
      return restart_later(agent, draw);
    case Fault::kill_keeper: world_.faults.add(fault); return agent.keeper().die(pause(draw, std::chrono::seconds{3}));
    case Fault::reinstall:
      world_.faults.add(fault);
      agent.reinstall();
      return restart_later(agent, draw);
    case Fault::sleep_machine:
      if (!agent.is_running()) return;
      world_.faults.add(fault);
      agent.fall_asleep();
      return world_.agenda.after(draw.chance(1, 2) ? pause(draw, std::chrono::seconds{30}) : pause(draw, std::chrono::seconds{600}),
                                 [&agent] { agent.wake_up(); });
    default: return fill_disk(agent, draw);
  }
}

void Storm::fill_disk(AgentNode& agent, Prng& draw) {
  world_.faults.add(Fault::full_agent_disk);
  world_.trace.note(agent.name(), "its disk is full");
  agent.journal().set_full(true);
  agent.keys().set_full(true);
  world_.agenda.after(pause(draw, std::chrono::seconds{20}), [&agent] {
    agent.journal().set_full(false);
    agent.keys().set_full(false);
  });
}

void Storm::strike_link(Fault fault, Prng& draw) {
  const auto open = world_.network.connections();
  if (open.empty()) return;
  const ConnectionId id = open[draw.below(open.size())];
  const Side side = draw.chance(1, 2) ? Side::agent : Side::scheduler;
  world_.faults.add(fault);
  switch (fault) {
    case Fault::stall_link: return world_.network.stall(id, side, pause(draw, std::chrono::seconds{40}));
    case Fault::linger:
      world_.network.stall(id, Side::scheduler, pause(draw, std::chrono::seconds{10}));
      return world_.network.break_end(id, Side::agent);
    case Fault::half_open: return world_.network.forget_end(id, side);
    default: return world_.network.reset(id);
  }
}

}  // namespace stint::sim
