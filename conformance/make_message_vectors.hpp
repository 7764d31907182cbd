#pragma once

#include <boost/json.hpp>
#include <vector>

/// Vectors of what frames carry, and of time: the verdicts are written by hand, as those of frames are.
namespace stint::conformance {

[[nodiscard]] std::vector<boost::json::object> message_vectors();
[[nodiscard]] std::vector<boost::json::object> time_vectors();

}  // namespace stint::conformance
