#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/random.hpp"
#include "ports/driver.hpp"
#include "sim/agenda.hpp"
#include "sim/trace.hpp"

namespace stint::sim {

/// What one attempt did, seen from outside: the witness that results are compared with.
struct Execution {
  AttemptRef ref;
  bool has_ended = false;
  EndReason reason = EndReason::none;
  std::int32_t exit_code = 0;
  std::array<std::uint64_t, 2> output_bytes{};
  std::vector<FileRef> outputs;
  std::string result;
  std::string item;  ///< what it was given to work on
};

/// What the processes of a world leave, told from the attempt alone: the list that other tasks take their items from.
[[nodiscard]] std::string list_left_by(const AttemptRef& ref);
inline constexpr const char* kListFile = "list.txt";
inline constexpr const char* kPartFile = "part.txt";

/// `12:0:3@1`, for findings.
[[nodiscard]] std::string name_of(const AttemptRef& ref);

/// The byte that any attempt prints at this place.
[[nodiscard]] std::uint8_t printed_byte(const AttemptRef& ref, std::uint8_t stream, std::uint64_t offset);

/// A machine's keeper with its task processes. It outlives the agent; an agent that connects is told the whole story anew, as the real
/// keeper does.
///
/// A job of the simulation says in its command how its processes behave: {"work", longest run in ms, failures in percent, most bytes
/// printed, whether they leave results}.
class Keeper {
 public:
  /// Where files that are left are stored before their attempt's end is told: staging them is not what is simulated.
  using KeepBlob = std::function<BlobId(const std::string& bytes)>;
  Keeper(Agenda& agenda, MachineClock& clock, Trace& trace, Findings& findings, std::string name, Resources offered, std::uint64_t seed,
         KeepBlob keep_blob)
      : agenda_(agenda),
        clock_(clock),
        trace_(trace),
        findings_(findings),
        name_(std::move(name)),
        offered_(offered),
        seed_(seed),
        keep_blob_(std::move(keep_blob)) {}

  /// An agent connects: Held of everything, Ready, then each attempt's story.
  void attach(std::function<void()> wake);
  void detach();
  [[nodiscard]] std::vector<ports::DriverEvent> take_events() { return std::exchange(events_, {}); }

  void start(ports::LaunchSpec spec);
  void stop(const AttemptRef& ref, ports::Driver::StopMode mode);
  void request_output(const AttemptRef& ref, std::uint8_t stream, std::uint64_t offset, std::size_t max_bytes);
  void release(const AttemptRef& ref);
  void set_alone_since(Instant since);

  /// With its machine: it and its tasks stand still.
  void fall_asleep() { is_asleep_ = true; }
  void wake_up();
  /// Its processes die with it; another one is there after a while.
  void die(Duration absence);
  /// What the machine has started before may be started again: its state directory was lost, or its last records were.
  void forget_history() { started_.clear(); }
  void set_refusing(bool is_refusing) { is_refusing_ = is_refusing; }

  /// One that its task's policy allows to have no other beside it.
  [[nodiscard]] bool runs_leashed(const TaskRef& task) const;
  [[nodiscard]] bool runs_leashed() const;
  /// Asked before a process starts that may have no other of its task beside it: whether one runs anywhere.
  void watch_starts(std::function<bool(const TaskRef&)> runs_elsewhere) { runs_elsewhere_ = std::move(runs_elsewhere); }

  [[nodiscard]] bool is_asleep() const { return is_asleep_; }
  [[nodiscard]] std::size_t held() const { return processes_.size(); }
  [[nodiscard]] std::size_t deaths() const { return deaths_; }
  [[nodiscard]] const std::map<AttemptRef, Execution>& executions() const { return executions_; }

 private:
  struct Request {
    std::uint64_t offset = 0;
    std::uint64_t bytes = 0;
  };
  struct Process {
    ports::LaunchSpec spec;
    Instant started{};
    ports::DriverEnded end;  ///< how it will end, or did
    std::array<std::uint64_t, 2> total{};  ///< bytes it prints if it is not stopped
    std::array<std::uint64_t, 2> written{};
    std::string result_line;  ///< in its report file
    std::array<Request, 2> requests{};
    std::uint32_t steps_done = 0;  ///< of kSteps: it prints and reports at each
    bool has_ended = false;
    bool is_stopping = false;
    std::uint64_t life = 0;
  };

  void later(Instant when, Agenda::Action action);
  void urgent(Instant when, Agenda::Action action);
  void wait_awake(Instant when, bool is_urgent, Agenda::Action action);
  void watch_leash(const AttemptRef& ref, const Process& process);
  void decide(Process& process, Duration& run);
  void step(const AttemptRef& ref, std::uint64_t life);
  void end(const AttemptRef& ref, std::uint64_t life, EndReason reason, std::int32_t exit_code, std::int32_t signal);
  void leave_something(Process& process);
  void check_room(const Process& newcomer);
  void tell_output(Process& process, std::uint8_t stream);
  [[nodiscard]] static std::string report_line(const AttemptRef& ref, std::uint32_t step);
  void tell(ports::DriverEvent event);
  void wake();

  Agenda& agenda_;
  MachineClock& clock_;
  Trace& trace_;
  Findings& findings_;
  std::string name_;
  Resources offered_;
  std::uint64_t seed_;
  KeepBlob keep_blob_;
  std::function<void()> wake_;
  std::vector<ports::DriverEvent> events_;
  std::map<AttemptRef, Process> processes_;
  std::map<AttemptRef, Execution> executions_;
  std::set<AttemptRef> started_;
  std::uint64_t lives_ = 0;
  std::size_t deaths_ = 0;
  std::function<bool(const TaskRef&)> runs_elsewhere_;
  std::optional<Instant> alone_since_;  ///< in the world's time
  bool is_away_ = false;
  bool is_asleep_ = false;
  std::vector<Agenda::Action> urgent_;     ///< that came due while it slept
  std::vector<Agenda::Action> postponed_;
  bool is_refusing_ = false;
};

/// The driver of one life of the agent: a connection to the keeper.
class KeeperDriver final : public ports::Driver {
 public:
  explicit KeeperDriver(Keeper& keeper) : keeper_(keeper) {}
  ~KeeperDriver() override { keeper_.detach(); }
  KeeperDriver(const KeeperDriver&) = delete;
  KeeperDriver& operator=(const KeeperDriver&) = delete;

  void start(ports::LaunchSpec spec) override { keeper_.start(std::move(spec)); }
  void stop(const AttemptRef& ref, StopMode mode) override { keeper_.stop(ref, mode); }
  void request_output(const AttemptRef& ref, std::uint8_t stream, std::uint64_t offset, std::size_t max_bytes) override {
    keeper_.request_output(ref, stream, offset, max_bytes);
  }
  void release(const AttemptRef& ref) override { keeper_.release(ref); }
  void set_alone_since(Instant since) override { keeper_.set_alone_since(since); }
  std::vector<ports::DriverEvent> take_events() override { return keeper_.take_events(); }

 private:
  Keeper& keeper_;
};

}  // namespace stint::sim
