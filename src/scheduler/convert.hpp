#pragma once

#include "core/effects.hpp"
#include "core/events.hpp"
#include "core/model/agent.hpp"
#include "core/model/job.hpp"
#include "protocol/messages.hpp"

/// Between the words of the wire and those of the core, which do not know each other.
namespace stint::scheduler {

[[nodiscard]] core::AgentOffer to_offer(const protocol::AgentInfo& info);
[[nodiscard]] core::AttemptReport to_report(AgentNumber agent, const protocol::StatusUpdate& update);
[[nodiscard]] protocol::TaskTemplate to_template(const core::JobSpec& job, const core::TaskSpec& task);
[[nodiscard]] protocol::Verdict to_verdict(core::HeldVerdict verdict);
[[nodiscard]] protocol::CancelMode to_cancel_mode(core::StopMode mode);

}  // namespace stint::scheduler
