#pragma once

#include <deque>
#include <functional>
#include <string>

#include "apps/stint/dev_child.hpp"
#include "apps/stint/dev_state.hpp"
#include "base/resources.hpp"
#include "client/api.hpp"

namespace stint::cli {

struct DevOptions {
  std::size_t agents = 1;
  std::string listen = "127.0.0.1:7464";
};

/// What one of `count` agents on this machine offers: the whole machine for one, an even share of CPU (at least one) and memory for
/// several,
/// all GPUs for the first, since agents number GPUs from 0.
[[nodiscard]] Resources share_of(const Resources& machine, std::size_t count, std::size_t number);

/// A scheduler and agents on this machine, as processes that are started again when they die.
///
/// Order:  start, supervise, stop. Thread: one.
class DevCell {
 public:
  DevCell(DevState& state, DevOptions options) : state_(state), options_(std::move(options)) {}

  /// Returns when the API answers and every agent is connected.
  /// Errors:  io           something does not come up; the detail names the log.
  ///          unavailable  the user wants to leave.
  [[nodiscard]] Status start();
  /// Until a signal asks to leave.
  void supervise();
  /// Ends agents, their keepers and tasks, and the scheduler.
  void stop();

 private:
  Status start_scheduler();
  Status start_agent(client::Api& api, std::size_t number, const Resources& machine);
  Status retire_agent(client::Api& api, std::size_t number);
  Status wait_connected(client::Api& api);
  Result<std::string> ensure_key(client::Api& api, std::size_t number);
  void pin_address();

  DevState& state_;
  DevOptions options_;
  std::deque<DevChild> children_;  ///< the scheduler first
  std::vector<std::string> agent_names_;
  std::string address_;  ///< host:port that the scheduler got
};

/// Ends the keepers and tasks of all agents of `state`; for when their agents are gone. Errors: unavailable, those that did not end.
[[nodiscard]] Status stop_keepers(const DevState& state);

}  // namespace stint::cli
