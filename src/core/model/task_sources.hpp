#pragma once

#include <compare>
#include <string>
#include <vector>

/// What a job file says of files and items before anybody has looked at them. Digests, and so the rest of TaskSpec (inputs, each.items,
/// each.count, array_count), are known only when somebody who may read files and ask the scheduler has: client/resolve.hpp.
namespace stint::core {

/// In a text. Lines and columns count from 1; 0 = the text as a whole.
struct Place {
  int line = 0;
  int column = 0;
  auto operator<=>(const Place&) const = default;
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
struct TaskSources {
  std::vector<InputPattern> inputs;
  std::vector<FromJob> from_jobs;
  ItemSource items;
};

}  // namespace stint::core
