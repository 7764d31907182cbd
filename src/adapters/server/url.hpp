#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace stint::server {

/// `/v1/jobs/12%20?a=b&c` -> path and query, percent escapes decoded (`+` in the query is a space). False if an escape is broken.
[[nodiscard]] bool parse_target(std::string_view target, std::string& path, std::vector<std::pair<std::string, std::string>>& query);

}  // namespace stint::server
