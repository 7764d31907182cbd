#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/model/job.hpp"
#include "core/model/task_sources.hpp"

namespace stint::adapters {

using core::FromJob;
using core::InputPattern;
using core::ItemSource;
using core::Place;
using core::TaskSources;

/// Something to say about one place of a job file: line and column count from 1; 0 = the file as a whole.
struct JobFileRemark {
  int line = 0;
  int column = 0;
  std::string text;
  bool operator==(const JobFileRemark&) const = default;
};

struct JobFile {
  core::JobSpec spec;                      ///< meaningful only if there are no problems
  std::vector<TaskSources> sources;        ///< of spec.tasks, in the same order
  std::vector<JobFileRemark> problems;     ///< in the order of the file
  std::vector<JobFileRemark> notes;        ///< what is accepted but not enforced, or has no effect
};

using Parameters = std::vector<std::pair<std::string, std::string>>;

/// Reads a job file (YAML; the keys are in docs/job-file.md). All problems are found in one go, each with its place, those of
/// core::find_problem included. `parameters` replace the defaults of the file's `parameters`.
/// `workdir` stays as written: the caller knows what it is relative to.
[[nodiscard]] JobFile parse_job_file(std::string_view yaml, const Parameters& parameters = {});

/// `job.yaml:3:5: unknown key "memroy"; did you mean "memory"?`
[[nodiscard]] std::string show_remark(std::string_view file, const JobFileRemark& remark);

}  // namespace stint::adapters
