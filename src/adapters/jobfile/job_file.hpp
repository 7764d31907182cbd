#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/model/job.hpp"

namespace stint::adapters {

/// Something to say about one place of a job file. Lines and columns count from 1; 0 = the file as a whole.
struct JobFileRemark {
  int line = 0;
  int column = 0;
  std::string text;
  bool operator==(const JobFileRemark&) const = default;
};

struct JobFile {
  core::JobSpec spec;                      ///< meaningful only if there are no problems
  std::vector<JobFileRemark> problems;     ///< in the order of the file
  std::vector<JobFileRemark> notes;        ///< what is accepted but not enforced
};

/// Reads a job file (YAML; the keys are in docs/job-file.md). All problems are found in one go, each with its place.
/// `workdir` stays as written: the caller knows what it is relative to. What core::find_problem says is the caller's to ask.
[[nodiscard]] JobFile parse_job_file(std::string_view yaml);

/// `job.yaml:3:5: unknown key "memroy"; did you mean "memory"?`
[[nodiscard]] std::string show_remark(std::string_view file, const JobFileRemark& remark);

}  // namespace stint::adapters
