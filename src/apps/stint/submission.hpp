#pragma once

#include <string>
#include <vector>

#include "apps/stint/command_line.hpp"
#include "base/result.hpp"
#include "core/model/job.hpp"

namespace stint::cli {

/// The job file's keys as options of `run`, as they were typed; empty: not given.
struct RunOptions {
  std::string file;
  std::string name, type, cpu, memory, gpu, storage, array, retries, timeout, workdir, priority, queue;
  std::vector<std::string> env;  ///< K=V, or K for the value it has here
};

/// The job of a command or a file with the options applied, complete as it is sent: absolute directories with what an agent checks them by,
/// the
/// user's environment below the job's own. Notes for the user go to `notes`.
///
/// Errors:  invalid_argument  a wrong option or job file; all problems of the file, a line each.
[[nodiscard]] Result<core::JobSpec> make_submission(const RunOptions& options, const std::vector<std::string>& command,
                                                    std::vector<std::string>& notes);

}  // namespace stint::cli
