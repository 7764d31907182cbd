#pragma once

#include <cstdint>
#include <vector>

#include "base/result.hpp"
#include "bench/cell/cell_processes.hpp"
#include "bench/scale/swarm.hpp"

namespace stint::bench {

/// Registers so many agents with the API, over several connections, since each is a commit.
[[nodiscard]] Result<std::vector<SwarmAgent>> register_agents(const CellProcesses& cell, std::uint32_t count);

/// POST /v1/jobs with this JSON.
[[nodiscard]] Status submit_job(CellProcesses& cell, const std::string& text);

}  // namespace stint::bench
