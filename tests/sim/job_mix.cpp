#include "sim/job_mix.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "hash/sha256.hpp"
#include "sim/keeper.hpp"

namespace stint::sim {
namespace {

constexpr std::uint64_t kTypeLimit = static_cast<std::uint64_t>(kAgentTypes);

AgentType draw_type(Prng& prng) { return static_cast<AgentType>(prng.below(kTypeLimit)); }

/// A part of what one agent offers, so that some tasks fill it and others share it.
Resources draw_resources(Prng& prng, const Resources& offer) {
  const auto part = static_cast<std::int64_t>(1 + prng.below(4));
  Resources wanted;
  wanted.cpu_millis = std::max<std::int64_t>(100, offer.cpu_millis / part);
  if (prng.chance(1, 2)) wanted.memory_bytes = offer.memory_bytes / kMiB / part * kMiB;  // the wire knows whole MiB
  if (offer.gpus > 0 && prng.chance(1, 3)) wanted.gpus = 1 + static_cast<std::int64_t>(prng.below(static_cast<std::uint64_t>(offer.gpus)));
  return wanted;
}

void draw_policy(Prng& prng, core::TaskSpec& task) {
  task.on_disconnect = static_cast<core::DisconnectPolicy>(prng.below(3));
  task.lost_after = prng.between(std::chrono::seconds{1}, prng.chance(1, 2) ? std::chrono::seconds{10} : std::chrono::seconds{300});
}

/// Longer than the scheduler waits for an agent: only then two attempts of a task could meet.
void outlive_absences(Prng& prng, core::TaskSpec& task) {
  task.command[1] = std::to_string(60'000 + prng.below(540'000));
  task.timeout = Duration{0};
}

void draw_array(Prng& prng, const JobMix& mix, core::TaskSpec& task) {
  task.is_array = true;
  task.array_count = 1 + static_cast<std::uint32_t>(prng.below(mix.tasks_max));
  task.array_first = static_cast<std::uint32_t>(prng.below(3));
  task.array_step = 1 + static_cast<std::uint32_t>(prng.below(3));
  if (prng.chance(1, 4)) task.max_parallel = 1 + static_cast<std::uint32_t>(prng.below(3));
}

core::TaskSpec draw_task(Prng& prng, const JobMix& mix, const protocol::AgentInfo& model, std::size_t position) {
  core::TaskSpec task;
  task.name = "t" + std::to_string(position);
  const std::uint64_t run_ms = 1 + prng.below(static_cast<std::uint64_t>(to_ms(mix.run_max)));
  const std::uint64_t fails = mix.has_failures && prng.chance(1, 2) ? prng.below(60) : 0;
  const std::uint64_t bytes = prng.chance(1, 6) ? prng.below(200'000) : prng.below(2'000);
  const bool has_results = mix.has_flows && prng.chance(1, 2);
  task.command = {"work", std::to_string(run_ms), std::to_string(fails), std::to_string(bytes), has_results ? "1" : "0"};
  if (mix.has_noop && prng.chance(1, 6)) {
    task.driver = "noop";
    task.command.clear();
  }
  task.resources = draw_resources(prng, model.resources);
  if (!model.types.empty() && prng.chance(1, 2)) task.type = model.types[prng.below(model.types.size())];
  if (prng.chance(2, 3)) draw_array(prng, mix, task);
  task.retries = static_cast<std::uint32_t>(prng.below(4));
  if (prng.chance(1, 3)) task.timeout = prng.between(mix.run_max / 10, mix.run_max);
  task.kill_grace = prng.between(Duration{0}, std::chrono::seconds{4});
  task.timeout -= task.timeout % std::chrono::milliseconds{1};
  task.kill_grace -= task.kill_grace % std::chrono::milliseconds{1};
  if (mix.has_policies && prng.chance(1, 2)) draw_policy(prng, task);
  if (task.on_disconnect == core::DisconnectPolicy::stop_after && task.driver == "exec" && prng.chance(1, 2)) outlive_absences(prng, task);
  task.lost_after -= task.lost_after % std::chrono::milliseconds{1};
  if (!model.labels.empty() && prng.chance(1, 5)) task.labels = {model.labels.front()};
  return task;
}

/// A list of its own, or one that an earlier task leaves.
void draw_items(Prng& prng, std::vector<std::string>& lists, core::JobSpec& job, core::TaskSpec& task) {
  task.is_array = true;
  task.array_first = 0;
  task.array_step = 1;
  task.each.emplace();
  task.each->batch = prng.chance(1, 3) ? 1 + static_cast<std::uint32_t>(prng.below(3)) : 0;
  if (!job.tasks.empty() && prng.chance(2, 3)) {
    task.each->from = static_cast<std::uint32_t>(prng.below(job.tasks.size()));
    task.each->file = kListFile;
    task.array_count = 0;
    core::TaskSpec& lister = job.tasks[*task.each->from];
    if (lister.driver == "exec" && lister.outputs.empty()) lister.outputs = {kListFile};
    return;
  }
  std::string list;
  task.each->count = 1 + prng.below(8);
  for (std::uint64_t i = 0; i < task.each->count; ++i) list += "item-" + std::to_string(prng.below(1000)) + "\n";
  task.each->items = blob_id_of(as_bytes(list));
  lists.push_back(std::move(list));
  task.array_count = static_cast<std::uint32_t>(core::tasks_for_items(task, task.each->count));
}

void make_for_people(core::TaskSpec& task) {
  task.driver = "human";
  task.form = "{}";
  task.command.clear();
  task.labels.clear();
  task.resources = {};
  task.timeout = {};
}

void draw_needs(Prng& prng, const JobMix& mix, core::TaskSpec& task, std::size_t position) {
  for (std::uint32_t earlier = 0; earlier < position; ++earlier) {
    const bool is_lister = task.each && task.each->from == earlier;
    const bool has_condition = mix.has_flows && prng.chance(1, 3);
    const auto on = has_condition ? static_cast<core::NeedOn>(prng.below(3)) : core::NeedOn::success;
    if (prng.chance(1, 2) || is_lister) task.needs.push_back({earlier, on});
  }
}

void draw_flow(Prng& prng, const JobMix& mix, std::vector<std::string>& lists, core::JobSpec& job, core::TaskSpec& task) {
  if (mix.has_people && prng.chance(1, 3)) make_for_people(task);
  if (prng.chance(1, 3)) {
    if (task.driver == "human") task.overlap = 1 + static_cast<std::uint32_t>(prng.below(3));
    draw_items(prng, lists, job, task);
  }
  if (prng.chance(1, 3)) task.reschedules = static_cast<std::uint32_t>(prng.below(5));
  if (prng.chance(1, 6)) task.constraints = {*core::parse_constraint(prng.chance(1, 2) ? "zone not exists" : "zone != a1")};
  if (task.driver != "exec") return;
  if (prng.chance(1, 3)) task.outputs = {kPartFile};
  if (!task.is_array || !prng.chance(1, 3)) return;
  task.outputs = {kPartFile};
  task.collect = core::CollectSpec{kPartFile, "all.txt"};
}

}  // namespace

protocol::AgentInfo draw_agent(Prng& prng, std::size_t index) {
  protocol::AgentInfo info;
  info.name = "a" + std::to_string(index + 1);
  info.host = info.name;
  info.version = "1";
  info.boot_id = "boot-" + info.name;
  info.resources.cpu_millis = 1000 * static_cast<std::int64_t>(1 + prng.below(8));
  info.resources.memory_bytes = kGiB * static_cast<std::int64_t>(1 + prng.below(16));
  info.resources.gpus = prng.chance(1, 3) ? static_cast<std::int64_t>(1 + prng.below(4)) : 0;
  info.resources.storage_bytes = 100 * kGiB;
  info.drivers = {"exec", "noop"};
  if (prng.chance(1, 3)) info.types = {draw_type(prng)};
  if (prng.chance(1, 3)) info.labels = {{"zone", info.name}};
  info.window = prng.chance(1, 4) ? 1 + static_cast<std::uint32_t>(prng.below(4)) : 0;
  info.prefetch = prng.chance(1, 2) ? static_cast<std::uint32_t>(prng.below(12)) : 0;
  return info;
}

JobMix draw_mix(Prng& prng) {
  JobMix mix;
  mix.jobs = 1 + prng.below(6);
  mix.tasks_max = 1 + static_cast<std::uint32_t>(prng.below(16));
  // Some have only tasks so short that they may wait at agents.
  const bool is_short = prng.chance(1, 4);
  mix.run_max = is_short ? prng.between(std::chrono::milliseconds{20}, std::chrono::milliseconds{400})
                         : prng.between(std::chrono::milliseconds{100}, std::chrono::seconds{40});
  mix.has_graphs = prng.chance(1, 2);
  mix.has_failures = prng.chance(1, 2);
  mix.has_noop = prng.chance(1, 2);
  mix.has_policies = prng.chance(1, 2);
  mix.has_misfits = prng.chance(1, 3);
  mix.has_flows = prng.chance(1, 2);
  mix.has_people = mix.has_flows && prng.chance(1, 2);
  return mix;
}

core::JobSpec draw_job(Prng& prng, const JobMix& mix, const std::vector<protocol::AgentInfo>& agents, std::size_t number,
                       std::vector<std::string>& lists) {
  core::JobSpec job;
  job.name = "job-" + std::to_string(number);
  job.priority = static_cast<std::int32_t>(prng.below(3)) - 1;
  if (prng.chance(1, 6)) job.max_fails = 1 + static_cast<std::uint32_t>(prng.below(4));
  const std::size_t entries = mix.has_graphs ? 1 + prng.below(4) : 1;
  for (std::size_t i = 0; i < entries; ++i) {
    const auto& model = agents[prng.below(agents.size())];
    core::TaskSpec task = draw_task(prng, mix, model, i);
    if (mix.has_flows) draw_flow(prng, mix, lists, job, task);
    draw_needs(prng, mix, task, i);
    job.tasks.push_back(std::move(task));
  }
  if (mix.has_misfits && prng.chance(1, 3) && job.tasks.back().driver != "human") job.tasks.back().resources.memory_bytes = 1000 * kGiB;
  return job;
}

}  // namespace stint::sim
