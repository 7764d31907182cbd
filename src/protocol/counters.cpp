#include "protocol/counters.hpp"

namespace stint::protocol {

const char* to_string(Refusal refusal) {
  switch (refusal) {
    case Refusal::malformed: return "malformed";
    case Refusal::bad_envelope: return "bad_envelope";
    case Refusal::bad_timestamp: return "bad_timestamp";
    case Refusal::time: return "time";
    case Refusal::bad_signature: return "bad_signature";
    case Refusal::unknown_message: return "unknown_message";
    case Refusal::null_message: return "null_message";
    case Refusal::missing_field: return "missing_field";
    case Refusal::bad_enum: return "bad_enum";
    case Refusal::bad_progress: return "bad_progress";
    case Refusal::bad_value: return "bad_value";
    case Refusal::bad_size: return "bad_size";
    case Refusal::bad_resources: return "bad_resources";
    case Refusal::list_too_long: return "list_too_long";
    case Refusal::text_too_long: return "text_too_long";
    case Refusal::wrong_direction: return "wrong_direction";
    case Refusal::over_credit: return "over_credit";
    case Refusal::out_of_order: return "out_of_order";
    case Refusal::bad_rekey: return "bad_rekey";
    case Refusal::bad_hello: return "bad_hello";
    case Refusal::bad_enrol: return "bad_enrol";
    case Refusal::unsupported_version: return "unsupported_version";
    case Refusal::rejected: return "rejected";
    case Refusal::handshake_timeout: return "handshake_timeout";
    case Refusal::lease: return "lease";
    case Refusal::overloaded: return "overloaded";
    case Refusal::unsendable: return "unsendable";
    case Refusal::reports_dropped: return "reports_dropped";
    case Refusal::identity_in_use: return "identity_in_use";
    case Refusal::displaced: return "displaced";
  }
  return "unknown";
}

void SessionCounters::for_each_reason(const std::function<void(std::string_view reason, std::uint64_t count)>& visit) const {
  for (std::size_t i = 1; i < wire::kFrameErrorCount; ++i) visit(to_string(static_cast<wire::FrameError>(i)), frames.count[i]);
  for (std::size_t i = 0; i < kRefusalCount; ++i) visit(to_string(static_cast<Refusal>(i)), refusals[i]);
}

}  // namespace stint::protocol
