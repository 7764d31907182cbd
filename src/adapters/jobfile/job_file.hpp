#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/model/job.hpp"

namespace stint::adapters {

/// Lines and columns count from 1; 0 = the file as a whole.
struct Place {
  int line = 0;
  int column = 0;
  auto operator<=>(const Place&) const = default;
};

/// Something to say about one place of a job file.
struct JobFileRemark {
  int line = 0;
  int column = 0;
  std::string text;
  bool operator==(const JobFileRemark&) const = default;
};

/// A path, a folder (`data/`) or a pattern (`*.py`, `src/**/*.py`), relative to the directory that the task would run in without inputs.
struct InputPattern {
  std::string pattern;
  Place place;
};
/// An output of another job: `{from_job: sweep, task: main.3, path: model.npz}`. It lies in the task's directory by its base name.
struct FromJob {
  std::string job;   ///< a number, or the name whose newest completed job is meant
  std::string task;  ///< `main`, `main.3`
  std::string path;
  Place place;
};
/// A list of items that lies with whoever submits.
struct ItemSource {
  enum class Kind { none, list, glob, file };
  Kind kind = Kind::none;
  std::vector<std::string> items;  ///< of a list; mappings as JSON
  std::string path;                ///< pattern of a glob, path of a file with an item a line
  Place place;
};
/// What a task takes from the machine it is submitted on, and from other jobs. Digests, and so the rest of TaskSpec (inputs, each.items,
/// each.count, array_count), are known only when somebody who may read files and ask the scheduler has looked.
struct TaskSources {
  std::vector<InputPattern> inputs;
  std::vector<FromJob> from_jobs;
  ItemSource items;
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
