#include "agent/attempt.hpp"

namespace stint::agent {

protocol::StatusUpdate make_update(const AttemptState& state) {
  protocol::StatusUpdate update;
  update.ref = state.ref;
  update.number = state.number;
  update.status = state.status;
  update.reason = state.reason;
  update.exit_code = state.exit_code;
  update.signal = state.signal;
  update.started_ms = state.started_ms;
  update.ended_ms = state.ended_ms;
  update.detail = state.detail;
  if (!has_ended(state.status)) return update;
  update.outputs = state.outputs;
  update.result = state.result;
  return update;
}

}  // namespace stint::agent
