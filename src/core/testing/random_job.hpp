#pragma once

#include <algorithm>
#include <string>

#include "base/random.hpp"
#include "core/model/job.hpp"

/// For tests only: jobs that use everything a job can, small enough that each ends within a few hundred events.
namespace stint::core::testing {

inline BlobId some_blob(std::uint8_t mark) {
  BlobId blob;
  blob.bytes.fill(mark);
  return blob;
}

/// Agents whose label `zone` is `a` meet every constraint that is drawn.
inline void draw_constraints(Prng& draw, TaskSpec& task) {
  constexpr const char* kTexts[] = {"zone != b", "zone in (a, c)", "zone exists", "zone not in (b)"};
  task.constraints = {*parse_constraint(kTexts[draw.below(std::size(kTexts))])};
}

inline void draw_size(Prng& draw, TaskSpec& task, std::uint32_t position) {
  task.is_array = draw.chance(2, 3);
  if (task.is_array) task.array_count = static_cast<std::uint32_t>(1 + draw.below(40));
  if (!draw.chance(1, 2)) return;
  const bool is_for_people = task.driver == "human";
  task.is_array = true;
  task.each.emplace();
  if (is_for_people) task.overlap = static_cast<std::uint32_t>(1 + draw.below(3));
  if (position > 0 && draw.chance(2, 3)) {
    task.each->from = static_cast<std::uint32_t>(draw.below(position));
    task.each->file = "items";
    task.array_count = 0;
    return;
  }
  task.each->items = some_blob(1);
  task.each->count = 1 + draw.below(12);
  task.each->batch = static_cast<std::uint32_t>(draw.below(3));
  task.array_count = static_cast<std::uint32_t>(tasks_for_items(task, task.each->count));
}

inline NeedOn draw_condition(Prng& draw) { return draw.chance(1, 2) ? NeedOn::success : static_cast<NeedOn>(draw.below(3)); }

inline void draw_needs(Prng& draw, TaskSpec& task, std::uint32_t position) {
  for (std::uint32_t need = 0; need < position; ++need) {
    const bool is_list = task.each && task.each->from == need;
    const NeedOn on = draw_condition(draw);
    if (is_list || draw.chance(1, 3)) task.needs.push_back({need, on});
  }
}

inline void draw_work(Prng& draw, TaskSpec& task) {
  if (draw.chance(1, 6)) {
    task.driver = "human";
    task.form = "{}";
    return;
  }
  task.command = {"true"};
  task.resources.cpu_millis = static_cast<std::int64_t>(draw.below(4)) * 500;
  task.resources.gpus = draw.chance(1, 6) ? 1 : 0;
  if (draw.chance(1, 4)) {
    task.workdir = "/home/u";
    task.submit_boot_id = "boot" + std::to_string(draw.below(3));
  }
}

inline TaskSpec draw_task(Prng& draw, std::uint32_t position) {
  TaskSpec task;
  task.name = "t" + std::to_string(position);
  draw_work(draw, task);
  draw_size(draw, task, position);
  draw_needs(draw, task, position);
  if (draw.chance(1, 2)) task.outputs = {"out"};
  if (task.is_array && draw.chance(1, 3)) {
    task.outputs = {"out"};
    task.collect = CollectSpec{"out", "all"};
  }
  if (draw.chance(1, 4)) task.max_parallel = static_cast<std::uint32_t>(1 + draw.below(3));
  task.retries = static_cast<std::uint32_t>(draw.below(3));
  if (draw.chance(1, 3)) task.reschedules = static_cast<std::uint32_t>(draw.below(4));
  task.on_disconnect = static_cast<DisconnectPolicy>(draw.below(3));
  task.lost_after = std::chrono::seconds{static_cast<std::int64_t>(draw.below(300))};
  if (draw.chance(1, 4)) task.type = static_cast<AgentType>(draw.below(kAgentTypes));
  if (draw.chance(1, 5)) draw_constraints(draw, task);
  return task;
}

inline JobSpec draw_job(Prng& draw) {
  JobSpec spec;
  spec.priority = static_cast<std::int32_t>(draw.below(3));
  if (draw.chance(1, 4)) spec.max_fails = static_cast<std::uint32_t>(1 + draw.below(3));
  const std::uint64_t groups = 1 + draw.below(4);
  for (std::uint32_t i = 0; i < groups; ++i) spec.tasks.push_back(draw_task(draw, i));
  return spec;
}

}  // namespace stint::core::testing
