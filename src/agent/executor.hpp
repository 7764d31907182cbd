#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/attempts.hpp"
#include "agent/gpu_pool.hpp"
#include "agent/log_pump.hpp"
#include "agent/room.hpp"
#include "agent/task_env.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "ports/driver.hpp"

namespace stint::agent {

/// When an accepted attempt may be handed to its driver.
enum class StartRule {
  after_persist,  ///< starting has effects outside: the journal must know of the attempt first
  at_once         ///< it has none (noop): accepted, run and ended in one turn and one record
};

struct DriverSlot {
  std::string name;
  ports::Driver* driver = nullptr;
  StartRule start_rule = StartRule::after_persist;
  bool is_ready = false;  ///< between DriverReady and DriverGone
};

/// Runs attempts through the drivers: starts what is accepted, turns what drivers say into changes of attempts. Knows no session.
class Executor final : public OutputSource {
 public:
  /// `info`: what this agent offers, and whether attempts may wait for it.
  Executor(Attempts& attempts, std::vector<DriverSlot> drivers, const protocol::AgentInfo& info, Environment base_env, Log& log)
      : attempts_(attempts),
        drivers_(std::move(drivers)),
        gpus_(static_cast<std::size_t>(std::max<std::int64_t>(info.resources.gpus, 0))),
        room_(info.resources, info.prefetch > 0),
        base_env_(std::move(base_env)),
        log_(log) {}

  /// Names and GPUs of attempts from before a restart; those whose driver is gone for good are lost.
  void adopt(Attempt& attempt, Now now);
  /// Accepts, or ends it at once: as refused if another agent may take it, as failed to start if none can. The update says why.
  /// `extra`: of this attempt, or null.
  void accept(const AttemptRef& ref, const protocol::TaskTemplate& tmpl, const protocol::AssignedExtra* extra, Now now);
  void refuse(const AttemptRef& ref, std::string why, Now now);
  void stop(Attempt& attempt, ports::Driver::StopMode mode, EndReason reason, Now now);
  /// Ends it as given back, unless a driver has it.
  void recall(Attempt& attempt, Now now);
  /// True if something runs that an earlier process began: how much room there is cannot be known.
  [[nodiscard]] bool has_adopted() const { return adopted_ > 0; }

  /// Hands waiting attempts to the drivers of this rule, in the order in which they came, as far as they are persisted (after_persist) and
  /// what they take is free.
  void launch(StartRule rule, Now now);
  /// Of attempts that ended and had not been launched.
  void take_back_gpus(const std::vector<std::uint32_t>& indices) { gpus_.give_back(indices); }
  /// Takes the events of the drivers of this rule. False: there were none.
  bool take_events(StartRule rule, Now now);
  void release(const std::vector<Attempts::Dropped>& dropped);
  void request_output(const Attempt& attempt, std::uint8_t stream, std::uint64_t offset, std::size_t max_bytes) override;

  /// As ports::Driver::set_alone_since, of all drivers. What would be stopped for that is not begun either.
  void set_alone_since(Instant since) {
    alone_since_ = since;
    for (auto& slot : drivers_) slot.driver->set_alone_since(since);
  }

  /// What the drivers cannot enforce here; nullopt while none has come or gone since the last call.
  [[nodiscard]] std::optional<std::vector<std::string>> take_notes();

  /// What drivers said that is not the attempts' business, since the last call.
  [[nodiscard]] std::vector<ports::DriverOutput> take_output() { return std::exchange(output_, {}); }
  [[nodiscard]] std::vector<ports::DriverReport> take_reports() { return std::exchange(reports_, {}); }
  /// Attempts whose output can be asked for from now on: started, or found again.
  [[nodiscard]] std::vector<AttemptRef> take_readable() { return std::exchange(readable_, {}); }

 private:
  Result<ports::LaunchSpec> prepare(const DriverSlot& slot, const AttemptRef& ref, const protocol::TaskTemplate& tmpl,
                                    const protocol::AssignedExtra* extra) const;
  void keep_result(Attempt& attempt, std::string_view report_lines);
  DriverSlot* find_driver(const std::string& name);
  bool take_gpus(Attempt& attempt);
  void complete(ports::LaunchSpec& spec, const std::vector<std::uint32_t>& gpus, StartRule rule) const;
  bool try_launch(Attempt& attempt, StartRule rule, Now now);
  [[nodiscard]] bool may_be_begun(const ports::LaunchSpec& spec, Now now) const;
  void end(Attempt& attempt, const ports::DriverEnded& ended, Now now);
  void end_without_driver(Attempt& attempt, EndReason reason, std::string detail, Now now);
  void on_event(DriverSlot& slot, ports::DriverHeld event, Now now);
  void on_event(DriverSlot& slot, ports::DriverReady event, Now now);
  void on_event(DriverSlot& slot, const ports::DriverGone& event, Now now);
  void on_event(DriverSlot& slot, ports::DriverStarted event, Now now);
  void on_event(DriverSlot& slot, ports::DriverOutput event, Now now);
  void on_event(DriverSlot& slot, ports::DriverReport event, Now now);
  void on_event(DriverSlot& slot, const ports::DriverEnded& event, Now now);

  Attempts& attempts_;
  std::vector<DriverSlot> drivers_;
  GpuPool gpus_;
  Room room_;
  std::size_t adopted_ = 0;  ///< not ended
  Instant alone_since_{};
  Environment base_env_;
  Log& log_;
  bool notes_are_new_ = false;
  std::deque<AttemptRef> waiting_;
  std::vector<ports::DriverOutput> output_;
  std::vector<ports::DriverReport> reports_;
  std::vector<AttemptRef> readable_;
};

}  // namespace stint::agent
