#pragma once

#include <string>
#include <vector>

#include "adapters/jobfile/job_file.hpp"
#include "apps/stint/command_line.hpp"
#include "base/result.hpp"
#include "client/resolve.hpp"
#include "core/model/job.hpp"

namespace stint::cli {

/// The job file's keys as options of `run` and `plan`, as they were typed; empty: not given.
struct RunOptions {
  std::string file;
  std::string name, type, cpu, memory, gpu, storage, array, retries, timeout, workdir, priority, queue;
  std::string upload;                   ///< a directory whose files every task starts with
  std::vector<std::string> env;         ///< K=V, or K for the value it has here
  std::vector<std::string> parameters;  ///< K=V, of the file's `parameters`
};
void add_submission_options(CLI::App& command, RunOptions& run);

/// A job before its files and items have been looked at (client::resolve_sources).
struct Submission {
  core::JobSpec spec;
  std::vector<client::TaskOrigin> origins;  ///< of spec.tasks
  std::vector<std::string> notes;           ///< for the user
};

/// The job of a command or a file with the options applied: absolute directories with what an agent checks them by, the user's environment
/// below the job's own.
///
/// Errors:  invalid_argument  a wrong option or job file; all problems of the file, a line each.
[[nodiscard]] Result<Submission> make_submission(const RunOptions& options, const std::vector<std::string>& command);

/// The text of a job file; of stdin for `-`.
[[nodiscard]] Result<std::string> read_job_text(const std::string& path);

/// `K=V` of -p. Errors: invalid_argument.
[[nodiscard]] Result<adapters::Parameters> parse_parameters(const std::vector<std::string>& words);

}  // namespace stint::cli
