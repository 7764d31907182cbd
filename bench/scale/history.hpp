#pragma once

#include <cstdint>
#include <string>

#include "base/ids.hpp"
#include "base/result.hpp"

namespace stint::bench {

/// Writes job 1 into the database of a scheduler that does not run: an array of `noop` tasks, a tenth of which `agent` has completed, in
/// random order. Through the store, so that the rows are those that the scheduler would have written; it would take it longer.
[[nodiscard]] Status write_array_history(const std::string& database, std::uint32_t tasks, AgentNumber agent);

}  // namespace stint::bench
