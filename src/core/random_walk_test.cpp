// Thousands of random events against the invariants, the rows and a model of agents that only knows what agents know: what it was assigned,
// what it runs and what it has not been acknowledged. A failing walk names its seed.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "base/random.hpp"
#include "core/scheduler.hpp"
#include "core/testing/asked.hpp"
#include "core/testing/people.hpp"
#include "core/testing/random_job.hpp"
#include "core/testing/row_store.hpp"

namespace stint::core {
namespace {

class Walk {
 public:
  explicit Walk(std::uint64_t seed)
      : draw_(seed), name_("seed " + std::to_string(seed)), asked_(scheduler_, draw_), people_(scheduler_, draw_) {
    for (int i = 0; i < 4; ++i) add_agent();
    for (int i = 0; i < 3; ++i) add_person();
  }

  void play(int steps) {
    for (int i = 0; i < steps && !::testing::Test::HasFailure(); ++i) {
      step();
      if (draw_.chance(1, 2)) place();
      if (i % 8 == 0) testing::expect_sound(scheduler_, store_, now_, name_ + ", step " + std::to_string(i));
    }
    calm_down();
  }

 private:
  /// An attempt as its agent knows it.
  struct Held {
    TaskStatus status = TaskStatus::pending;
    std::uint32_t number = 0;
    bool is_stopped = false;
    bool is_recalled = false;
    std::optional<AttemptReport> unacknowledged;
  };
  struct Machine {
    AgentNumber number;
    AgentOffer offer;
    bool is_person = false;
    std::uint8_t instance = 1;
    bool is_connected = false;
    bool is_revoked = false;
    std::map<AttemptRef, Held> held;
  };

  void step() {
    switch (draw_.below(20)) {
      case 0: submit(); break;
      case 1: cancel(); break;
      case 2: toggle_connection(pick_machine()); break;
      case 3: advance(draw_.between(Duration{0}, std::chrono::seconds{90})); break;
      case 4:
        if (draw_.chance(1, 4)) advance(std::chrono::minutes{20});
        break;
      case 5:
        if (draw_.chance(1, 5)) restart();
        break;
      case 6:
        if (draw_.chance(1, 8)) change_agent(pick_machine());
        if (draw_.chance(1, 8)) remove_ended();
        break;
      case 7: retry(); break;
      case 8:
      case 9: answer(true); break;
      case 10: claim(); break;
      case 11: end_claim(true); break;
      case 12:
        if (draw_.chance(1, 30)) replace_person();
        break;
      default: report_something(pick_machine()); break;
    }
  }

  // ---- users

  void submit() {
    const JobSpec spec = testing::draw_job(draw_);
    Effects effects;
    const Result<JobId> id = scheduler_.submit({spec, "walker", ""}, now_, effects);
    ASSERT_TRUE(id) << name_ << ": " << id.error().detail;
    jobs_ = id->value;
    carry_out(effects);
  }

  void cancel() {
    if (jobs_ == 0) return;
    CancelTasks event{JobId{1 + draw_.below(jobs_)}, {}, {}, "walker"};
    if (scheduler_.was_removed(event.job)) return;
    const JobSpec& spec = *scheduler_.find_spec(event.job);
    if (draw_.chance(3, 4)) event.group = static_cast<std::uint32_t>(draw_.below(spec.tasks.size()));
    const std::uint64_t tasks = event.group ? scheduler_.find_group(event.job, *event.group)->counts.total() : 0;
    if (tasks > 0 && draw_.chance(3, 4)) event.index = static_cast<std::uint32_t>(draw_.below(tasks));
    Effects effects;
    ASSERT_TRUE(scheduler_.cancel(event, now_, effects)) << name_;
    carry_out(effects);
  }

  void retry() {
    if (jobs_ == 0) return;
    const JobId old{1 + draw_.below(jobs_)};
    const auto view = scheduler_.find_job(old);
    const bool is_possible = view && (view->state.status == TaskStatus::failed || view->state.status == TaskStatus::cancelled);
    Effects effects;
    const Result<JobId> id = scheduler_.retry({old, "walker", ""}, now_, effects);
    ASSERT_EQ(id.has_value(), is_possible) << name_;
    if (!id) return;
    jobs_ = id->value;
    people_.on_retried(old, *id);
    carry_out(effects);
  }

  void remove_ended() {
    Effects effects;
    const JobRetention keep{std::chrono::minutes{static_cast<std::int64_t>(draw_.below(10))}, draw_.below(4)};
    const std::size_t removed = scheduler_.remove_ended_jobs(keep, 2, now_, effects);
    EXPECT_LE(removed, 2u) << name_;
    carry_out(effects);
  }

  // ---- people

  void add_person() {
    Effects effects;
    const auto number = scheduler_.register_agent({"p" + std::to_string(machines_.size()), "walker"}, now_, effects);
    ASSERT_TRUE(number) << name_;
    AgentOffer offer;
    offer.drivers = {"human"};
    scheduler_.on_agent_offer(*number, offer, now_, effects);
    Machine machine;
    machine.number = *number;
    machine.is_person = true;
    machines_.push_back(std::move(machine));
    people_.add(*number);
    carry_out(effects);
  }

  void replace_person() {
    const AgentNumber person = people_.pick();
    Effects effects;
    ASSERT_TRUE(scheduler_.revoke_agent({person, "walker"}, now_, effects));
    machines_[person.value - 1].is_revoked = true;
    people_.forget(person);
    carry_out(effects);
    add_person();
  }

  void claim() {
    Effects effects;
    people_.claim(people_.pick(), static_cast<std::uint32_t>(1 + draw_.below(5)), now_, effects);
    carry_out(effects);
  }

  bool end_claim(bool may_lose) {
    Effects effects;
    const bool is_ended = people_.end_one(now_, effects, may_lose);
    carry_out(effects);
    return is_ended;
  }

  // ---- agents

  void add_agent() {
    Effects effects;
    const auto number = scheduler_.register_agent({"a" + std::to_string(machines_.size()), "walker"}, now_, effects);
    ASSERT_TRUE(number) << name_;
    Machine machine;
    machine.number = *number;
    machine.offer = random_offer();
    machines_.push_back(std::move(machine));
    carry_out(effects);
    toggle_connection(machines_.back());
  }

  AgentOffer random_offer() {
    AgentOffer offer;
    offer.resources.cpu_millis = static_cast<std::int64_t>(draw_.below(6)) * 1000;
    offer.resources.gpus = static_cast<std::int64_t>(draw_.below(3));
    offer.drivers = {"exec"};
    offer.boot_id = "boot" + std::to_string(draw_.below(3));
    offer.window = static_cast<std::uint32_t>(draw_.below(5) == 0 ? 2 : 20);
    if (draw_.chance(1, 2)) offer.prefetch = static_cast<std::uint32_t>(draw_.below(5));
    if (draw_.chance(1, 3)) offer.types = {AgentType::trainer, AgentType::rater};
    if (draw_.chance(1, 4)) offer.shared_paths = {"/home"};
    if (draw_.chance(1, 2)) offer.labels = {{"zone", draw_.chance(1, 2) ? "a" : "b"}};
    return offer;
  }

  Machine& pick_machine() {
    for (;;)
      if (Machine& machine = machines_[static_cast<std::size_t>(draw_.below(machines_.size()))]; !machine.is_person) return machine;
  }

  void toggle_connection(Machine& machine) {
    Effects effects;
    if (machine.is_connected) {
      machine.is_connected = false;
      scheduler_.on_agent_disconnected(machine.number, now_, effects);
      lose_some(machine);
    } else {
      machine.is_connected = !machine.is_revoked;
      AgentConnected event{machine.number, {machine.instance}, machine.offer, {}, KeyEpoch{1}};
      for (const auto& [ref, held] : machine.held) event.held.push_back({ref, held.status, held.number});
      scheduler_.on_agent_connected(event, now_, effects);
    }
    carry_out(effects);
  }

  /// While nobody looks: the keeper dies, or the whole state directory is replaced.
  void lose_some(Machine& machine) {
    if (draw_.chance(1, 10)) {
      ++machine.instance;
      machine.held.clear();
    }
    std::erase_if(machine.held, [&](const auto&) { return draw_.chance(1, 10); });
  }

  void change_agent(Machine& machine) {
    Effects effects;
    const std::uint64_t what = draw_.below(4);
    if (what == 0) {
      machine.offer = random_offer();
      if (machine.is_connected) scheduler_.on_agent_offer(machine.number, machine.offer, now_, effects);
    } else if (what == 1 && machines_.size() < 20) {
      machine.is_revoked = true;
      machine.is_connected = false;
      machine.held.clear();
      ASSERT_TRUE(scheduler_.revoke_agent({machine.number, "walker"}, now_, effects));
      carry_out(effects);
      add_agent();  // `machine` may have moved
      return;
    } else {
      DrainAgent drain{machine.number, what == 2, "walker", {}};
      if (draw_.chance(1, 2)) drain.deadline = draw_.between(Duration{0}, std::chrono::minutes{5});
      ASSERT_TRUE(scheduler_.drain_agent(drain, now_, effects));
    }
    carry_out(effects);
  }

  void report_something(Machine& machine) {
    if (machine.held.empty()) return;
    auto at = machine.held.begin();
    std::advance(at, static_cast<std::ptrdiff_t>(draw_.below(machine.held.size())));
    auto& [ref, held] = *at;
    if (!has_ended(held.status) || !held.unacknowledged) advance_attempt(machine, ref, held);
    if (machine.is_connected && held.unacknowledged) deliver(AttemptReport{*held.unacknowledged});
  }

  void advance_attempt(const Machine& machine, const AttemptRef& ref, Held& held) {
    AttemptReport report;
    report.agent = machine.number;
    report.ref = ref;
    report.number = ++held.number;
    const std::uint64_t luck = draw_.below(10);
    if (held.is_recalled && held.status == TaskStatus::pending && luck < 8) {
      report.status = TaskStatus::cancelled;
      report.reason = EndReason::recalled;
    } else if (held.status == TaskStatus::pending && !held.is_stopped && !has_room(machine, ref)) {
      report.status = TaskStatus::pending;
    } else if (held.is_stopped) {
      report.status = luck < 5 ? TaskStatus::cancelled : TaskStatus::completed;
    } else if (held.status == TaskStatus::pending && luck < 5) {
      report.status = luck < 2 ? TaskStatus::pending : TaskStatus::running;
    } else {
      report.status = luck < 8 ? TaskStatus::completed : luck < 9 ? TaskStatus::failed : TaskStatus::cancelled;
    }
    if (report.status == TaskStatus::failed) {
      constexpr std::array<EndReason, 5> kReasons{EndReason::exit, EndReason::exit, EndReason::oom, EndReason::lost, EndReason::refused};
      report.reason = kReasons[static_cast<std::size_t>(draw_.below(kReasons.size()))];
    }
    if (report.status == TaskStatus::completed) leave_something(report);
    held.status = report.status;
    held.unacknowledged = report;
  }

  /// An agent with a queue starts what fits, in whatever order: its word counts.
  bool has_room(const Machine& machine, const AttemptRef& ref) const {
    if (machine.offer.prefetch == 0) return true;
    const auto wanted = [&](const AttemptRef& of) {
      const JobSpec* spec = scheduler_.find_spec(of.task.job);
      return spec == nullptr ? Resources{} : spec->tasks.at(of.task.group).resources;
    };
    Resources free = machine.offer.resources - wanted(ref);
    bool is_alone = true;
    for (const auto& [other, held] : machine.held) {
      if (held.status != TaskStatus::running) continue;
      free -= wanted(other);
      is_alone = false;
    }
    return is_alone || free.covers({});
  }

  void leave_something(AttemptReport& report) {
    if (draw_.chance(1, 2)) report.outputs = {{testing::some_blob(5), 1, false, "out"}};
    if (draw_.chance(1, 3)) report.result = "{}";
  }

  void deliver(const AttemptReport& report) {
    Effects effects;
    scheduler_.on_attempt_report(report, now_, effects);
    carry_out(effects);
    if (draw_.chance(1, 5)) {  // the acknowledgement was slow, so it came again
      Effects again;
      scheduler_.on_attempt_report(report, now_, again);
      const bool changes =
          std::any_of(again.rows.begin(), again.rows.end(), [](const Row& row) { return std::holds_alternative<AttemptRow>(row); });
      EXPECT_FALSE(changes) << name_ << ": a repeated update changed something";
      carry_out(again);
    }
  }

  // ---- the daemon

  void answer(bool may_fail) {
    Effects effects;
    asked_.answer(now_, effects, may_fail);
    carry_out(effects);
  }

  void place() {
    Effects effects;
    scheduler_.place(now_, effects);
    carry_out(effects);
  }

  void advance(Duration by) {
    now_.mono += by;
    now_.wall += std::chrono::duration_cast<std::chrono::milliseconds>(by);
    Effects effects;
    scheduler_.on_timer(now_, effects);
    EXPECT_GT(scheduler_.next_deadline(), now_.mono) << name_;
    carry_out(effects);
  }

  void restart() {
    Effects effects;
    Result<Scheduler> loaded = store_.reload(now_, effects);
    ASSERT_TRUE(loaded) << name_ << ": " << loaded.error().detail;
    scheduler_ = *std::move(loaded);
    for (Machine& machine : machines_) machine.is_connected = false;
    asked_.restart();
    carry_out(effects);
  }

  void carry_out(const Effects& effects) {
    store_.commit(effects);
    for (const Row& row : effects.rows) count_result(row);
    for (const Row& row : effects.rows) check_output(row);
    for (const Send& send : effects.sends) std::visit([&](const auto& message) { receive(message); }, send);
  }

  void count_result(const Row& row) {
    const auto* attempt = std::get_if<AttemptRow>(&row);
    if (attempt == nullptr || !attempt->is_result) return;
    const auto [at, is_first] = results_.emplace(attempt->ref.task, attempt->ref.attempt);
    EXPECT_TRUE(is_first || at->second == attempt->ref.attempt) << name_ << ": a task has two results";
  }

  /// Only the attempt that is the task's result leaves something.
  void check_output(const Row& row) {
    const auto* output = std::get_if<OutputRow>(&row);
    if (output == nullptr || output->task.index == kWholeEntry) return;
    const auto at = results_.find(output->task);
    EXPECT_TRUE(at != results_.end() && at->second == output->attempt) << name_ << ": an output of an attempt that is no result";
  }

  /// Nothing runs before its needs are met: told from how many ended how, and not from what the core makes of it.
  void check_needs(const TaskRef& task) {
    for (const Need& need : scheduler_.find_spec(task.job)->tasks.at(task.group).needs) {
      const GroupState state = *scheduler_.find_group(task.job, need.group);
      EXPECT_TRUE(state.is_sized && state.has_ended) << name_ << ": placed before its needs";
      const bool is_whole = state.counts.completed == state.counts.total() && !asked_.is_uncollected(task.job, need.group);
      const bool is_empty = state.counts.total() == 0;  // how its doom was is not to be seen in the counts
      EXPECT_TRUE(need.on != NeedOn::success || is_whole) << name_ << ": placed though a need failed";
      EXPECT_TRUE(need.on != NeedOn::failure || !is_whole || is_empty) << name_ << ": placed though nothing failed";
    }
  }

  Held* find_held(AgentNumber agent, const AttemptRef& ref) {
    Machine& machine = machines_[agent.value - 1];
    const auto at = machine.held.find(ref);
    return machine.is_connected && at != machine.held.end() ? &at->second : nullptr;
  }
  void receive(const Assign& assign) {
    Machine& machine = machines_[assign.agent.value - 1];
    EXPECT_FALSE(machine.is_revoked) << name_;
    check_needs(assign.ref.task);
    if (machine.is_connected && draw_.chance(19, 20)) machine.held.try_emplace(assign.ref);  // the rest is lost with the link
  }
  void receive(const Stop& stop) {
    if (Held* held = find_held(stop.agent, stop.ref)) (stop.mode == StopMode::recall ? held->is_recalled : held->is_stopped) = true;
  }
  void receive(const Ack& ack) {
    Held* held = find_held(ack.agent, ack.ref);
    if (held == nullptr || !held->unacknowledged || held->unacknowledged->number != ack.number) return;
    held->unacknowledged.reset();
    if (has_ended(held->status)) machines_[ack.agent.value - 1].held.erase(ack.ref);
  }
  void receive(const Verdict& verdict) {
    Held* held = find_held(verdict.agent, verdict.ref);
    if (held == nullptr) return;
    if (verdict.verdict == HeldVerdict::stop) held->is_stopped = true;
    if (verdict.verdict == HeldVerdict::forget) machines_[verdict.agent.value - 1].held.erase(verdict.ref);
  }
  void receive(const Reconciled&) {}
  void receive(const CutSession&) {}
  void receive(const Prepare& prepare) { asked_.on_send(prepare); }
  void receive(const Collect& collect) { asked_.on_send(collect); }

  /// No more trouble: big agents that never fail must bring every job that can end to its end.
  void calm_down() {
    for (int i = 0; i < 3; ++i) add_person();  // enough for every item's copies, whoever has had one
    for (Machine& machine : machines_) {
      if (machine.is_person) continue;
      machine.offer = {};
      machine.offer.resources = {100'000, kGiB, 100, kGiB};
      machine.offer.drivers = {"exec"};
      machine.offer.shared_paths = {"/"};
      machine.offer.labels = {{"zone", "a"}};
      if (machine.is_revoked) continue;
      Effects effects;
      ASSERT_TRUE(scheduler_.drain_agent({machine.number, false, "walker", {}}, now_, effects));
      carry_out(effects);
      if (machine.is_connected) toggle_connection(machine);
      toggle_connection(machine);
    }
    for (int round = 0; round < 400 && open_jobs() > 0; ++round) {
      for (Machine& machine : machines_) finish_all(machine);
      while (!asked_.empty()) answer(false);
      for (std::size_t i = 0; i < 2 * people_.size(); ++i) claim();
      while (end_claim(false)) {
      }
      advance(std::chrono::seconds{61});
      for (Machine& machine : machines_)  // an assignment that the link lost is found at the next connection
        for (int i = 0; i < 2 && !machine.is_revoked && !machine.is_person; ++i) toggle_connection(machine);
      place();
    }
    EXPECT_EQ(open_jobs(), 0u) << name_ << ": jobs that never end: " << scheduler_.digest();
    for (Machine& machine : machines_) finish_all(machine);
    for (const AgentView& agent : scheduler_.agents()) EXPECT_EQ(agent.used, Resources{}) << name_ << ": " << agent.row.name;
    testing::expect_sound(scheduler_, store_, now_, name_ + ", calm");
  }

  void finish_all(Machine& machine) {
    std::vector<AttemptRef> refs;
    for (const auto& [ref, held] : machine.held) refs.push_back(ref);
    for (const AttemptRef& ref : refs) {
      const auto at = machine.held.find(ref);
      if (at == machine.held.end() || !machine.is_connected) continue;
      if (!at->second.unacknowledged || !has_ended(at->second.status)) {
        AttemptReport report;
        report.agent = machine.number;
        report.ref = ref;
        report.number = ++at->second.number;
        report.status = TaskStatus::completed;
        report.reason = EndReason::exit;
        at->second.status = report.status;
        at->second.unacknowledged = report;
      }
      deliver(AttemptReport{*at->second.unacknowledged});
    }
  }

  std::uint64_t open_jobs() const {
    const auto jobs = scheduler_.jobs();
    return static_cast<std::uint64_t>(
        std::count_if(jobs.begin(), jobs.end(), [](const JobView& job) { return !has_ended(job.state.status); }));
  }

  Prng draw_;
  std::string name_;
  Scheduler scheduler_;
  testing::RowStore store_;
  testing::Asked asked_;
  testing::People people_;
  Now now_{Instant{std::chrono::hours{1}}, unix_millis(1'700'000'000'000)};
  std::vector<Machine> machines_;
  std::map<TaskRef, std::uint32_t> results_;
  std::uint64_t jobs_ = 0;
};

class RandomWalkTest : public ::testing::TestWithParam<std::uint64_t> {};

TEST_P(RandomWalkTest, KeepsEveryInvariantAndEndsInTheCalm) {
  Walk walk{GetParam()};
  walk.play(600);
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomWalkTest, ::testing::Range<std::uint64_t>(1, 25));
// Seeds that found a bug.
INSTANTIATE_TEST_SUITE_P(Found, RandomWalkTest, ::testing::Values(1300, 1441, 637, 2067, 3747, 75, 2061));

}  // namespace
}  // namespace stint::core
