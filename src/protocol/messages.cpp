#include "protocol/messages.hpp"

#include <algorithm>
#include <tuple>

namespace stint::protocol {
namespace {

auto fields(const Metric& m) { return std::tie(m.name, m.value, m.step); }

auto fields(const StatusUpdate& u) {
  return std::tie(u.ref, u.number, u.status, u.reason, u.exit_code, u.signal, u.started_ms, u.ended_ms, u.progress, u.detail, u.outputs,
                  u.result);
}

}  // namespace

bool StatusUpdate::operator==(const StatusUpdate& other) const {
  return fields(*this) == fields(other) && metrics.size() == other.metrics.size() &&
         std::equal(metrics.begin(), metrics.end(), other.metrics.begin(),
                    [](const Metric& a, const Metric& b) { return fields(a) == fields(b); });
}

}  // namespace stint::protocol
