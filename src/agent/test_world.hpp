#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "agent/agent.hpp"
#include "agent/noop_driver.hpp"
#include "base/random.hpp"
#include "protocol/session.hpp"

/// For tests: an agent between a driver that does what the test says, a journal in memory that can fail or kill, and a scheduler that
/// holds the
/// agent to its promises. The clock moves when the test moves it.
namespace stint::agent::testing {

using namespace std::chrono_literals;

inline AttemptRef ref(std::uint32_t index, std::uint32_t attempt = 1) { return {{JobId{12}, 0, index}, attempt}; }

/// Thrown out of a journal: the agent's process died there.
struct Died {};

class MemoryJournal final : public ports::Journal {
 public:
  enum class Moment { before_write, after_write };
  Status load(const std::function<void(ByteView record)>& record) override {
    for (const auto& bytes : records_) record(bytes);
    return {};
  }
  Status append(ByteView record) override {
    const bool dies = ++appends == dies_at;
    if (dies && moment == Moment::before_write) throw Died{};
    if (is_full) return fail(Errc::no_space, "no space left");
    records_.emplace_back(record.begin(), record.end());
    size_ += record.size();
    if (dies) throw Died{};
    return {};
  }
  Status rewrite(const std::vector<Bytes>& records) override {
    ++rewrites;
    records_ = records;
    size_ = 0;
    for (const auto& bytes : records_) size_ += bytes.size();
    return {};
  }
  std::size_t size_bytes() const override { return size_; }

  std::size_t appends = 0;
  std::size_t rewrites = 0;
  std::size_t dies_at = 0;  ///< counted from 1; 0: never
  Moment moment = Moment::before_write;
  bool is_full = false;

 private:
  std::vector<Bytes> records_;
  std::size_t size_ = 0;
};

/// Plays the keeper and its client: what it holds outlives the agent.
class ScriptedDriver final : public ports::Driver {
 public:
  struct Task {
    ports::LaunchSpec spec;
    std::string output[2];
    bool ended = false;
    std::vector<FileRef> outputs;  ///< given with its end
    ports::DriverEnded how;
    std::uint64_t window_from[2] = {0, 0};
    std::uint64_t window_end[2] = {0, 0};
  };

  void start(ports::LaunchSpec spec) override {
    const auto id = spec.ref;
    starts[id]++;
    if (spec.workdir == "/refused") {
      ports::DriverEnded how;
      how.ref = id;
      how.reason = EndReason::refused;
      how.detail = "not this machine's directory";
      tasks[id].ended = true;
      tasks[id].how = how;
      events_.emplace_back(how);
      return;
    }
    tasks[id].spec = std::move(spec);
    events_.emplace_back(ports::DriverStarted{id, 1'000, 77});
  }
  void prepare(const ports::LaunchSpec& spec) override { prepared.push_back(spec); }
  void stop(const AttemptRef& id, StopMode mode) override {
    stops.emplace_back(id, mode);
    if (tasks.contains(id) && !tasks[id].ended) end(id, EndReason::cancelled, 0);
  }
  void request_output(const AttemptRef& id, std::uint8_t stream, std::uint64_t offset, std::size_t max_bytes) override {
    const auto found = tasks.find(id);
    if (found == tasks.end()) return;
    found->second.window_from[stream - 1] = offset;
    found->second.window_end[stream - 1] = offset + max_bytes;
    flow(id, stream);
  }
  void release(const AttemptRef& id) override {
    releases.push_back(id);
    tasks.erase(id);
  }
  std::vector<ports::DriverEvent> take_events() override { return std::exchange(events_, {}); }
  std::vector<std::string> notes() const override { return notes_; }

  [[nodiscard]] bool has_events() const { return !events_.empty(); }

  /// A new agent has connected.
  void attach() {
    events_.clear();
    if (is_away) return;
    for (auto& [id, task] : tasks) {
      task.window_end[0] = task.window_end[1] = 0;
      events_.emplace_back(ports::DriverHeld{id, task.ended});
    }
    events_.emplace_back(ports::DriverReady{});
    for (auto& [id, task] : tasks) {
      events_.emplace_back(ports::DriverStarted{id, 1'000, 77});
      if (task.ended) events_.emplace_back(task.how);
    }
  }
  void print(const AttemptRef& id, std::uint8_t stream, const std::string& text) {
    tasks.at(id).output[stream - 1] += text;
    flow(id, stream);
  }
  void report(const AttemptRef& id, const std::string& lines) { events_.emplace_back(ports::DriverReport{id, lines}); }
  void end(const AttemptRef& id, EndReason reason, std::int32_t code) {
    auto& task = tasks.at(id);
    task.ended = true;
    task.how = {};
    task.how.ref = id;
    task.how.reason = reason;
    task.how.exit_code = code;
    task.how.started_ms = 1'000;
    task.how.ended_ms = 2'000;
    task.how.outputs = task.outputs;
    task.how.stdout_bytes = task.output[0].size();
    task.how.stderr_bytes = task.output[1].size();
    events_.emplace_back(task.how);
  }
  /// The keeper dies with all it holds.
  void go() {
    tasks.clear();
    events_.emplace_back(ports::DriverGone{"the keeper died"});
  }
  void come_back() { events_.emplace_back(ports::DriverReady{}); }

  std::map<AttemptRef, Task> tasks;
  std::map<AttemptRef, int> starts;
  std::vector<ports::LaunchSpec> prepared;
  std::vector<std::pair<AttemptRef, StopMode>> stops;
  std::vector<AttemptRef> releases;
  std::vector<std::string> notes_;
  bool is_away = false;  ///< when an agent connects

 private:
  void flow(const AttemptRef& id, std::uint8_t stream) {
    auto& task = tasks.at(id);
    const auto& all = task.output[stream - 1];
    auto& from = task.window_from[stream - 1];
    const auto end = std::min<std::uint64_t>(all.size(), task.window_end[stream - 1]);
    if (from >= end) return;
    const auto part = as_bytes(std::string_view{all}.substr(from, end - from));
    events_.emplace_back(ports::DriverOutput{id, stream, from, {part.begin(), part.end()}});
    from = end;
  }

  std::vector<ports::DriverEvent> events_;
};

class SeededEntropy final : public ports::Entropy {
 public:
  explicit SeededEntropy(std::uint64_t seed) : prng_(seed) {}
  void fill(std::span<std::uint8_t> out) override { prng_.fill(out); }

 private:
  Prng prng_;
};

class LinesLog final : public Log {
 public:
  void write(LogLevel /*level*/, std::string message) override { lines.push_back(std::move(message)); }
  std::vector<std::string> lines;
};

/// The other end: remembers what it was told, and calls it a breach if one number comes with two contents or a state goes backwards.
class FakeScheduler final : public protocol::KeyLookup {
 public:
  struct Task {
    std::map<std::uint32_t, protocol::StatusUpdate> updates;
    std::vector<protocol::StatusUpdate> reports;
    std::string output[2];
    [[nodiscard]] const protocol::StatusUpdate* last() const { return updates.empty() ? nullptr : &updates.rbegin()->second; }
    [[nodiscard]] bool ended() const { return last() != nullptr && has_ended(last()->status); }
  };
  std::optional<protocol::AgentKeyBytes> find_agent_key(AgentNumber /*agent*/, KeyEpoch epoch) const override {
    return unknown_epochs.contains(epoch) ? std::nullopt : std::optional(key_of(epoch));
  }
  /// Of every agent; that of epoch 1 is all zero.
  static protocol::AgentKeyBytes key_of(KeyEpoch epoch) {
    protocol::AgentKeyBytes key{};
    key[0] = static_cast<std::uint8_t>(epoch.value - 1);
    return key;
  }

  void open(Now now) {
    protocol::SchedulerSessionOptions options;
    options.session = SessionId{++sessions};
    options.session_time_offset_ms = to_ms(now.wall) - to_ms(now.mono.time_since_epoch());
    options.log_chunk_credit = log_credit;
    session = protocol::make_scheduler_session(*this, options, now);
    reconciled = false;
  }
  void pump() {
    protocol::SessionEvent event;
    while (session && session->next(event)) {
      if (const auto* e = std::get_if<protocol::Established>(&event)) hellos.push_back(e->hello);
      if (const auto* e = std::get_if<protocol::Ended>(&event)) ends.push_back(*e);
      if (auto* e = std::get_if<protocol::Received>(&event)) std::visit([&](auto& message) { on(message); }, e->message);
    }
  }
  void assign(const std::vector<AttemptRef>& refs, const protocol::TaskTemplate& tmpl, std::vector<protocol::AssignedExtra> extras = {}) {
    protocol::AssignmentList list;
    list.templates.push_back(tmpl);
    for (const auto& id : refs) list.items.push_back({id, 0});
    list.extras = std::move(extras);
    session->send(std::move(list));
  }
  void announce(const AttemptRef& id, const protocol::TaskTemplate& tmpl) {
    session->send(protocol::AssignmentList{{tmpl}, {{id, 0}}, {}, true});
  }
  void confirm(const std::vector<AttemptRef>& refs) { session->send(protocol::AssignmentList{{}, {}, {}, false, refs}); }

  std::unique_ptr<protocol::Session> session;
  std::set<KeyEpoch> unknown_epochs;
  std::uint64_t sessions = 0;
  std::uint32_t log_credit = 16;
  bool reconciled = false;
  bool acks = true;  ///< answers updates
  bool log_acks = true;  ///< answers chunks
  std::map<AttemptRef, Task> tasks;
  std::map<AttemptRef, protocol::Verdict> verdicts;  ///< instead of keep
  std::function<void()> before_reconcile = [] {};
  std::function<void()> after_reconcile = [] {};
  std::vector<protocol::Resume> resumes;
  protocol::AgentInfo resumed;  ///< with the last Resume
  std::vector<protocol::AgentInfo> infos;
  std::vector<protocol::ErrorMessage> errors;
  std::vector<protocol::HelloInfo> hellos;
  std::vector<protocol::Ended> ends;
  std::vector<std::string> breaches;
  std::size_t update_lists = 0;

  /// What the agent last said of itself in this session.
  [[nodiscard]] const protocol::AgentInfo& told() const { return infos.empty() ? resumed : infos.back(); }

 private:
  void on(protocol::Resume& resume) {
    resumed = resume.info;
    protocol::Reconcile answer;
    for (const auto& held : resume.held) {
      protocol::AttemptVerdict verdict;
      verdict.ref = held.ref;
      const auto& task = tasks[held.ref];
      if (verdicts.contains(held.ref)) verdict.verdict = verdicts[held.ref];
      if (const auto* last = task.last()) verdict.acked_update = last->number;
      verdict.stdout_acked = task.output[0].size();
      verdict.stderr_acked = task.output[1].size();
      answer.items.push_back(verdict);
    }
    resumes.push_back(std::move(resume));
    reconciled = true;
    before_reconcile();
    session->send(std::move(answer));
    after_reconcile();
  }
  void on(protocol::UpdateList& list) {
    ++update_lists;
    protocol::StatusAck ack;
    for (auto& update : list.items) {
      auto& task = tasks[update.ref];
      if (update.number == 0) {
        if (task.ended()) breaches.emplace_back("a report after the end");
        task.reports.push_back(update);
        continue;
      }
      ack.items.push_back({update.ref, update.number});
      const auto [known, is_new] = task.updates.emplace(update.number, update);
      if (!is_new && !(known->second == update)) breaches.push_back("update " + std::to_string(update.number) + " with two contents");
      if (is_new && known != std::prev(task.updates.end())) breaches.emplace_back("numbers fell");
      if (is_new && task.updates.size() > 1 && has_ended(std::prev(known)->second.status)) breaches.emplace_back("a second end");
    }
    if (acks && !ack.items.empty()) session->send(std::move(ack));
  }
  void on(protocol::LogChunk& chunk) {
    auto& output = tasks[chunk.ref].output[static_cast<int>(chunk.stream) - 1];
    if (chunk.offset > output.size()) breaches.emplace_back("a gap in the output");
    const auto text = as_text(chunk.bytes);
    if (chunk.offset + text.size() > output.size()) output += text.substr(output.size() - chunk.offset);
    if (log_acks) session->send(protocol::Credit{1, 0, {{chunk.ref, chunk.stream, output.size()}}});
  }
  void on(protocol::AgentInfo& info) { infos.push_back(info); }
  void on(protocol::ErrorMessage& error) { errors.push_back(error); }
  template <class Other>
  void on(Other& /*message*/) {}
};

inline protocol::TaskTemplate task_template(std::string driver = "exec") {
  protocol::TaskTemplate tmpl;
  tmpl.job_name = "job";
  tmpl.task_name = "main";
  tmpl.driver = std::move(driver);
  if (tmpl.driver == "exec") tmpl.command = {"true"};
  tmpl.workdir = "/";
  tmpl.is_array = true;
  tmpl.array_size = 100;
  tmpl.resources.cpu_millis = 1000;
  return tmpl;
}

class MemoryKeys final : public ports::KeyStore {
 public:
  Status write_keys(const std::vector<ports::HeldKey>& wanted) override {
    ++writes;
    if (is_full) return fail(Errc::no_space, "no space left");
    keys = wanted;
    return {};
  }
  Status write_pins(const std::vector<Pin>& wanted) override {
    pins = wanted;
    return {};
  }
  std::vector<ports::HeldKey> keys{{KeyEpoch{1}, 0, {}}};
  std::vector<Pin> pins;
  std::size_t writes = 0;
  bool is_full = false;
};

class World {
 public:
  explicit World(std::int64_t gpus = 0) : gpus_(gpus) {}

  [[nodiscard]] Now now() const { return {Instant{1h + time}, unix_millis(1'793'000'000'000 + to_ms(time))}; }

  /// A new process on the same state directory. Throws what the journal throws.
  void start() {
    driver.attach();
    noop = NoopDriver{};
    AgentConfig config;
    config.number = AgentNumber{7};
    config.keys = key_store.keys;
    config.key_store = &key_store;
    config.info.name = "a1";
    config.info.resources = offered;
    config.info.resources.gpus = gpus_;
    config.info.prefetch = prefetch;
    config.info.drivers = {"exec", "noop"};
    config.info.window = window;
    config.base_env = {{"PATH", "/bin"}, {"HOME", "/root"}};
    std::vector<DriverSlot> slots{{.name = "exec", .driver = &driver, .start_rule = StartRule::after_persist},
                                  {.name = "noop", .driver = &noop, .start_rule = StartRule::at_once}};
    agent = std::make_unique<Agent>(std::move(config), std::move(slots), journal, entropy, log);
    const auto status = agent->recover(now());
    if (!status) throw std::runtime_error(status.error().detail);
  }
  void connect() {
    agent->on_link_dialing();
    scheduler.open(now());
    agent->on_link_open(now());
    settle();
  }
  void cut() {
    scheduler.session.reset();
    if (agent) agent->on_link_closed(now());
  }
  /// Everything on its way arrives, and drivers are asked, until nothing moves.
  void settle() {
    for (bool moves = true; moves;) {
      agent->on_driver_events(now());
      moves = false;
      if (!scheduler.session && !second.session) return;
      moves = exchange(scheduler, *agent);
      moves |= exchange(second, agent->second_line());
      moves |= driver.has_events();
    }
  }
  bool exchange(FakeScheduler& with, ports::LinkClient& line) {
    if (!with.session) return false;
    Bytes up;
    line.take_link_output(now(), SIZE_MAX, up);
    with.session->on_bytes(up, now(), now().mono);
    with.pump();
    Bytes down;
    with.session->take_output(now(), SIZE_MAX, down);
    line.on_link_bytes(down, now(), now().mono);
    return !up.empty() || !down.empty() || line.has_link_output();
  }
  void advance(Duration by) {
    time += by;
    agent->on_timer(now());
    settle();
  }
  /// kill -9 and a new start.
  void restart() {
    agent.reset();
    scheduler.session.reset();
    start();
    connect();
  }
  void assign(const std::vector<AttemptRef>& refs, const protocol::TaskTemplate& tmpl = task_template(),
              std::vector<protocol::AssignedExtra> extras = {}) {
    scheduler.assign(refs, tmpl, std::move(extras));
    settle();
  }
  FakeScheduler::Task& task(std::uint32_t index) { return scheduler.tasks[ref(index)]; }

  Duration time{0};
  std::uint32_t window = 0;
  std::uint32_t prefetch = 0;
  Resources offered;  ///< without GPUs
  MemoryJournal journal;
  MemoryKeys key_store;
  ScriptedDriver driver;
  NoopDriver noop;
  SeededEntropy entropy{42};
  LinesLog log;
  FakeScheduler scheduler;
  FakeScheduler second;  ///< the same one, on the agent's other line
  std::unique_ptr<Agent> agent;

 private:
  std::int64_t gpus_;
};

}  // namespace stint::agent::testing
