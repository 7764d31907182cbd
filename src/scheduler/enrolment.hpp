#pragma once

#include "base/time.hpp"
#include "core/scheduler.hpp"
#include "scheduler/enrol_book.hpp"
#include "scheduler/enrol_desk.hpp"
#include "scheduler/keyring.hpp"

namespace stint::scheduler {

/// Decides on one good ENROL. The first one of a token registers the agent and burns the token, in rows of one batch; the same key gets the
/// same answer again, with nothing to write. The answer may be told when `effects`, and all before them, are durable.
[[nodiscard]] decltype(EnrolAnswer::what) decide_enrolment(const protocol::Enrol& request, EnrolBook& book, core::Scheduler& core,
                                                           const Keyring& keys, Now now, core::Effects& effects);

}  // namespace stint::scheduler
