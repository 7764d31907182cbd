#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <memory_resource>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "base/ids.hpp"
#include "base/resources.hpp"
#include "base/time.hpp"
#include "core/effects.hpp"
#include "core/model/limits.hpp"
#include "core/model/rows.hpp"
#include "core/placement/capacity_index.hpp"
#include "core/placement/shape.hpp"
#include "core/queue/index_ranges.hpp"
#include "core/queue/index_set.hpp"
#include "core/queue/task_states.hpp"
#include "core/views.hpp"

/// The core's memory. Private to src/core: the files beside this one change it, each by its topic.
///
/// Ten million pending tasks must cost nothing, so there is no object per task. A group is an array of tasks; a task is in one of four
/// conditions:
///   ended       two bits in Group::states
///   fresh       never placed and open: at or above Group::cursor, nothing else is known of it
///   entered     placed at least once and open: a TaskEntry, with its live attempts or a place in `ready` / `delayed`
/// An attempt *holds* its place at its agent while it is live, and after that until the agent is known to have let it go: `releasing` is
/// live == false with ended_at zero. Both facts are in its row, so a reload knows them too (never over-commit). With its place it holds
/// the agent's resources, unless it is *queued* there (prefetch.cpp): then the agent starts it when there is room.
namespace stint::core {

struct Group;
struct Job;
struct TaskClass;

struct Attempt {
  AttemptRow row;
  Group* group = nullptr;
  Attempt* older = nullptr;  ///< of the same task, while that is open
  std::uint32_t position = 0;  ///< in Agent::held, while it holds
  std::uint64_t reconciled_in = 0;  ///< the last reconciliation that named it
  bool overdue = false;  ///< its agent is out of reach for too long: another attempt may join
  bool is_queued = false;  ///< waits at its agent, without resources
  bool is_recalled = false;  ///< its agent was asked to give it back
  bool is_short = false;  ///< in Agent::short_running

  [[nodiscard]] bool is_releasing() const { return !row.live && row.ended_at == UnixMillis{}; }
  [[nodiscard]] bool holds() const { return row.live || is_releasing(); }
};

enum class Waiting : std::uint8_t { no, ready, delayed };
/// What the daemon was asked for in this life of the process, and has not answered.
enum class Awaited : std::uint8_t { nothing, preparation, collection };

/// An open task that was placed at least once.
struct TaskEntry {
  std::array<Attempt*, limits::kLiveAttempts> live{};
  Attempt* newest = nullptr;  ///< of all its attempts, linked by `older`
  std::uint32_t attempts = 0;
  std::uint32_t failures = 0;  ///< that count against `retries`
  std::uint32_t reschedules = 0;  ///< lost, given up: they cost no retry, but a growing pause
  std::uint8_t live_count = 0;
  Waiting waiting = Waiting::no;
  bool is_running = false;  ///< an attempt in the live set has started
  bool is_active = false;  ///< a live attempt that is not overdue: takes a place of max_parallel
  UnixMillis retry_at{};  ///< not placed again before
  Instant due{};  ///< of its place in Group::delayed
};

/// One entry of a job: a task or an array of tasks.
struct Group {
  Group(Job& owner, std::uint32_t number, const TaskSpec& entry, std::pmr::memory_resource& nodes)
      : job(&owner), position(number), spec(&entry), states(0), is_sized(!is_sized_later(entry)), entries(&nodes) {
    resize(entry.array_count);
  }
  /// Before any of its tasks was placed or has ended.
  void resize(std::uint32_t count) {
    states = TaskStates(count);
    fresh = count;
    counts.pending = count;
    if (spec->overlap > 1) answered_by.resize(count);
  }

  Job* job;
  std::uint32_t position;
  const TaskSpec* spec;
  TaskClass* task_class = nullptr;
  TaskStates states;
  std::uint32_t fresh = 0;  ///< how many were never placed and are open
  std::uint32_t cursor = 0;  ///< no fresh task lies below
  std::uint32_t entered_end = 0;  ///< no task at or above ever had an entry
  std::uint32_t active = 0;  ///< tasks with is_active
  std::uint32_t needs_open = 0;  ///< needs that are not met
  EndReason doom = EndReason::none;  ///< this group never starts (needs_failed, skipped), or what it left cannot be collected
  bool is_sized;  ///< the number of its tasks is known
  bool is_prepared = false;  ///< its row says what it starts with
  bool is_collected = false;  ///< its row says that what `collect` asks for is there
  bool has_ended = false;  ///< all its tasks have, and nothing is left to collect
  bool may_start = false;  ///< needs are met, and the daemon has at hand what was prepared
  Awaited awaited = Awaited::nothing;
  bool is_changed = false;  ///< in State::changed
  BlobId items;
  BlobId needs_inputs;
  std::uint64_t skipped = 0;  ///< of counts.cancelled
  std::uint64_t results = 0;  ///< completed tasks that left a result
  std::vector<AgentNumber> answered_by;  ///< with overlap: who completed which task; no person answers for one item twice
  bool is_offered = false;  ///< in its class's set
  std::pmr::unordered_map<std::uint32_t, TaskEntry> entries;
  IndexSet ready;  ///< waits to be placed again, now
  std::set<std::pair<Instant, std::uint32_t>> delayed;
  Instant timer = Instant::max();  ///< when the first of `delayed` is due
  std::vector<std::uint32_t> dependants;
  TaskCounts counts;
  /// How long its tasks have run, the last ones above all; unknown until one has completed in this life of the process.
  std::optional<Duration> mean_run;
  std::array<IndexRanges, 3> ended_in_turn;  ///< completed, failed, cancelled: told as one event each
  bool is_told_in_turn = false;

  /// The lowest fresh task, or count().
  [[nodiscard]] std::uint32_t first_fresh() const;
  /// Fresh tasks below `index`.
  [[nodiscard]] std::uint64_t fresh_before(std::uint32_t index) const;
  [[nodiscard]] std::uint64_t open() const { return counts.pending + counts.running; }
  /// Its tasks may be queued at agents.
  [[nodiscard]] bool is_short() const { return mean_run && *mean_run < limits::kShortTask; }
};

struct Job {
  JobRow row;
  JobStateRow state;
  std::vector<std::unique_ptr<Group>> groups;
  std::uint64_t open = 0;  ///< tasks that have not ended
  std::uint64_t failed = 0;
  std::uint64_t cancelled = 0;  ///< without those that were skipped
  std::uint32_t open_groups = 0;  ///< that have not ended
  std::uint32_t retried_by = 0;  ///< jobs that take over what completed here: while there are any, the job stays
  std::uint64_t holding = 0;  ///< attempts that hold an agent's resources: while there are any, the job stays
};

/// Tasks of one shape, queue and priority, whatever job they belong to. While `is_blocked`, no agent takes one: nobody asks again until
/// capacity
/// is freed that would.
struct ClassKey {
  Shape shape;
  std::string queue;
  std::int32_t priority = 0;
  JobId only;  ///< not zero: split off for a job that some agent refused
  auto operator<=>(const ClassKey&) const = default;
};
struct GroupKey {
  JobId job;
  std::uint32_t group = 0;
  auto operator<=>(const GroupKey&) const = default;
};
/// Who is asked first: the higher priority, then the earlier job.
struct TurnKey {
  std::int32_t falling_priority = 0;
  GroupKey head;
  std::uint64_t class_number = 0;
  auto operator<=>(const TurnKey&) const = default;
};
struct TaskClass {
  const ClassKey* key = nullptr;
  std::uint64_t number = 0;
  std::uint32_t groups = 0;  ///< that belong to it and have open tasks
  std::map<GroupKey, Group*> offered;  ///< groups with something to place, in job order
  std::vector<Refusal> refusals;
  bool is_blocked = false;
  std::optional<TurnKey> turn;  ///< its place in State::runnable, or, if it is blocked, in State::waiting
  bool turn_is_blocked = false;  ///< which of the two
};

struct Agent {
  AgentRow row;
  bool is_connected = false;  ///< and reconciled: the core answers a connection at once
  bool is_awaited = false;  ///< after a restart: nobody saw it go, so it has one lease to come back
  /// Its offer fell below what it holds, or it says itself that it has begun more than fits: no over-commit of ours.
  bool is_shrunk = false;
  Resources used;  ///< by those of `held` that are not queued
  std::vector<Attempt*> held;
  std::vector<Attempt*> queue;  ///< those of `held` that are queued, in the order in which they were assigned
  std::uint32_t short_running = 0;  ///< attempts with resources whose tasks are known to be short: places that soon come free
  Instant disconnected_since{};
  Instant timer = Instant::max();  ///< when the first of its attempts is overdue
  Instant drain_timer = Instant::max();  ///< when its drain's deadline is

  [[nodiscard]] bool is_within_offer() const { return row.offer.resources.covers(used) && held.size() <= window_of(row.offer); }
  [[nodiscard]] bool takes_work() const { return is_connected && !row.draining && !row.revoked && held.size() < window_of(row.offer); }
  /// How many attempts more may be queued here: few, since what waits here does not see what becomes free elsewhere.
  [[nodiscard]] std::size_t queue_places() const {
    const std::size_t most = std::min<std::size_t>(row.offer.prefetch, std::size_t{limits::kQueuedPerRunning} * short_running);
    return takes_work() && !is_shrunk && most > queue.size() ? most - queue.size() : 0;
  }
};

struct Timer {
  Instant at;
  enum class Kind : std::uint8_t { agent, group, drain } kind = Kind::agent;
  AgentNumber agent;
  GroupKey group;
  auto operator<=>(const Timer&) const = default;
};

struct State {
  std::pmr::unsynchronized_pool_resource nodes;  ///< of attempts and entries: those that end leave theirs to those that start
  std::vector<std::unique_ptr<Job>> jobs;  ///< by id - 1; null: removed by retention
  std::vector<std::unique_ptr<Agent>> agents;  ///< by number - 1
  std::map<std::string, AgentNumber> agent_names;  ///< of agents that are not revoked
  std::unordered_map<std::string, JobId> idempotency_keys;
  std::pmr::unordered_map<AttemptRef, Attempt> attempts{&nodes};  ///< all of open tasks, and those that still hold

  std::map<ClassKey, TaskClass> classes;
  std::map<TurnKey, TaskClass*> runnable;  ///< classes with something offered that are not blocked
  std::map<std::uint64_t, TaskClass*> blocked;  ///< by number
  std::map<TurnKey, TaskClass*> waiting;  ///< of those, the ones with something offered
  std::uint64_t next_class = 1;
  CapacityIndex capacity;
  std::set<AgentNumber> freed;  ///< have more to give than when place() last looked
  std::set<std::pair<std::size_t, AgentNumber>> queues;  ///< agents at which attempts are queued, by how many

  std::set<Timer> timers;
  std::vector<Group*> told_in_turn;  ///< groups with ended_in_turn
  std::vector<Job*> ended_in_turn;
  std::vector<Group*> changed;  ///< what ended in them may concern others: looked at before the event ends
  /// Groups of driver human with something to place: the higher priority first, then the earlier job.
  std::map<std::pair<std::int32_t, GroupKey>, Group*> claimable;
  std::set<std::pair<UnixMillis, JobId>> ended;  ///< jobs by when they ended: retention begins with the oldest
  std::uint64_t next_event_seq = 1;
  std::uint32_t first_generation = 0;  ///< of a new agent's key: the cell's incarnation, so that a restore gives no number's key again
  std::uint64_t reconciliations = 0;
  std::uint64_t conflicts = 0;  ///< updates that came again with other fields
  bool is_settled = false;  ///< nothing happened since place()

  [[nodiscard]] Job* find_job(JobId id) const { return id.value - 1 < jobs.size() ? jobs[id.value - 1].get() : nullptr; }
  [[nodiscard]] Agent* find_agent(AgentNumber number) const {
    return number.value - 1 < agents.size() ? agents[number.value - 1].get() : nullptr;
  }
  [[nodiscard]] Group* find_group(JobId id, std::uint32_t group) const {
    Job* job = find_job(id);
    return job != nullptr && group < job->groups.size() ? job->groups[group].get() : nullptr;
  }
};

/// One event being worked on: the memory, the moment, and where its consequences go.
struct Turn {
  State& state;
  Now now;
  Effects& effects;
};

}  // namespace stint::core
