#pragma once

#include <boost/json.hpp>
#include <string>

#include "base/result.hpp"

namespace stint::scheduler::api {

/// Errors:  invalid_argument  no JSON, or no object.
[[nodiscard]] Result<boost::json::object> read_object(const std::string& body);

}  // namespace stint::scheduler::api
