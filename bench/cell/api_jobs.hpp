#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "bench/cell/cell_processes.hpp"

namespace stint::bench {

/// One array, as the API takes it. Each task wants one CPU.
struct ArrayJob {
  std::string driver = "noop";
  std::vector<std::string> command;      ///< for drivers that run one
  std::uint32_t tasks = 1;
};
[[nodiscard]] std::string to_json_text(const ArrayJob& job);

/// POST /v1/jobs; returns the job's number, which the API says only of what is durable.
[[nodiscard]] Result<std::int64_t> submit(CellProcesses& cell, const std::string& job_text);
/// The same job so many times, from several connections at once, as from several users. Returns the jobs' numbers.
[[nodiscard]] Result<std::vector<std::int64_t>> submit_many(CellProcesses& cell, const std::string& job_text, std::uint32_t jobs);
/// Until the API says that it has completed, which it says only of what is durable. Errors: io  it ended otherwise.
[[nodiscard]] Status wait_until_completed(CellProcesses& cell, std::int64_t job);
/// Until that many jobs have, and there is no other that goes on.
[[nodiscard]] Status wait_until_all_completed(CellProcesses& cell, std::uint32_t jobs);

}  // namespace stint::bench
