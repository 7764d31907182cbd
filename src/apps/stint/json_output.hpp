#pragma once

#include <string>
#include <string_view>

#include "client/views.hpp"

namespace stint::cli {

/// `{"items":[…],"next":…}`.
[[nodiscard]] std::string to_json(const client::Page& page);
/// `json` over several lines, two spaces a level; as it is if it is not JSON.
[[nodiscard]] std::string indent_json(std::string_view json);

}  // namespace stint::cli
