#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "adapters/exec/epoll.hpp"
#include "adapters/exec/limits.hpp"
#include "adapters/exec/message_stream.hpp"
#include "adapters/exec/state_dir.hpp"
#include "base/log.hpp"
#include "ports/driver.hpp"

namespace stint::exec {

struct ExecDriverOptions {
  std::string state_dir;
  std::string keeper_binary;  ///< stint-keeper, started when none answers
};

/// Runs attempts as processes, through the keeper of the state directory: connects to the one that is there, or starts one, and starts a
/// fresh one when it has died.
///
/// Order:   what is started before DriverReady was taken is not started; as nobody held it, the agent finds it lost with that DriverReady.
///          Output requests end with DriverReady: ask again.
/// Thread:  one. event_fd() is readable (level-triggered) whenever take_events() has something to do; it belongs to this object.
class ExecDriver final : public ports::Driver {
 public:
  /// Errors: those of the state directory. A keeper that cannot be started is told by notes() and the log, and tried again.
  static Result<std::unique_ptr<ExecDriver>> make(const ExecDriverOptions& options, Log& log);

  void start(ports::LaunchSpec spec) override;
  void prepare(const ports::LaunchSpec& spec) override;
  void stop(const AttemptRef& ref, StopMode mode) override;
  void request_output(const AttemptRef& ref, std::uint8_t stream, std::uint64_t offset, std::size_t max_bytes) override;
  void release(const AttemptRef& ref) override;
  void set_alone_since(Instant since) override;
  std::vector<ports::DriverEvent> take_events() override;
  [[nodiscard]] std::vector<std::string> notes() const override;

  [[nodiscard]] int event_fd() const { return epoll_.fd(); }
  /// The keeper that answered last; pid 0 before.
  [[nodiscard]] const ProcessId& keeper() const { return keeper_; }

 private:
  ExecDriver(StateDir state, std::string binary, Epoll epoll, Log& log)
      : state_(std::move(state)), binary_(std::move(binary)), epoll_(std::move(epoll)), log_(log) {}

  void reach_keeper();
  Result<UniqueFd> start_keeper();
  void greet(UniqueFd socket);
  void disconnect(const std::string& why);
  void try_later(const std::string& why);
  void receive();
  void on_message(Message message);
  void send(const Message& message);
  void flush();
  void arm_timer();
  [[nodiscard]] bool knows_leash() const { return keeper_version_ >= 2; }
  [[nodiscard]] bool knows_prepare() const { return keeper_version_ >= 3; }

  StateDir state_;
  std::string binary_;
  Epoll epoll_;
  Log& log_;

  std::optional<MessageStream> stream_;
  bool wants_write_ = false;
  bool is_ready_ = false;    ///< DriverReady was given to the agent, and the connection stands
  bool was_ready_ = false;   ///< of the keeper that answered last: if it is gone, its tasks are
  ProcessId keeper_;
  std::uint16_t keeper_version_ = 0;
  std::optional<AttemptRef> prepared_;  ///< by the keeper of this connection
  std::optional<message::Alone> alone_;  ///< as the agent said last; nullopt: it has had no session yet
  std::vector<std::string> keeper_notes_;
  std::string trouble_;  ///< why there is no keeper
  std::optional<Instant> retry_at_;
  Duration retry_delay_ = limits::kRetryMin;

  std::vector<ports::DriverEvent> events_;
  std::vector<ports::DriverEvent> attaching_;       ///< DriverHeld until all are there
  std::vector<message::ReportSeen> handed_out_;     ///< by the last take_events(): seen when the agent comes back
};

}  // namespace stint::exec
