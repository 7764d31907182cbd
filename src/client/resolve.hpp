#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/blob_id.hpp"
#include "client/api.hpp"
#include "core/model/job.hpp"
#include "core/model/manifest.hpp"
#include "core/model/task_sources.hpp"

namespace stint::client {

/// Files and texts of the submitting machine that a job needs, and their way to the scheduler.
class LocalFiles {
 public:
  /// The files that were found, and what the scheduler lacks of them; one that lies under several names is sent once. The lists that name
  /// them, and texts, are not counted.
  struct Uploads {
    std::uint64_t files = 0, bytes = 0;
    std::uint64_t missing_files = 0, missing_bytes = 0;
  };

  virtual ~LocalFiles() = default;
  /// The files below `directory` that the patterns name: a path, a folder with everything in it, a pattern with `*`, `?`,
  /// `[…]` and `**`; `.` is all of it. Ignore files hold for folders, patterns and `.`; not for paths. Hashed, and remembered for send().
  ///
  /// Errors:  not_found  a pattern that no file matches; the detail names it and the directory.
  [[nodiscard]] virtual Result<core::Manifest> find_files(const std::string& directory, const std::vector<std::string>& patterns) = 0;
  /// The same files by their names alone: nothing of them is read or sent.
  [[nodiscard]] virtual Result<std::vector<std::string>> find_names(const std::string& directory, const std::string& pattern) = 0;
  [[nodiscard]] virtual Result<std::string> read_text(const std::string& path) = 0;
  /// Names the text, and remembers it for send().
  [[nodiscard]] virtual Result<BlobId> keep_text(std::string text) = 0;
  /// What send() would do; asks the scheduler.
  [[nodiscard]] virtual Result<Uploads> count_uploads() = 0;
  /// Until the scheduler has everything.
  [[nodiscard]] virtual Status send() = 0;
};

/// Where what one task is made of comes from.
struct TaskOrigin {
  core::TaskSources sources;
  std::string directory;  ///< absolute: inputs and items are relative to it
  std::string upload;  ///< absolute: everything below it travels too; empty: nothing
  std::string file;  ///< the job file, for messages; empty: there is none
};

/// Fills in what `origins[i]` stand for in spec.tasks[i]: manifests, lists of items, counts. Nothing is sent.
///
/// Errors:  not_found         a pattern without files, a job, task or output that is not there.
///          invalid_argument  files that cannot lie in one directory, a list without items.
/// The detail begins with the place in the job file. is_in_job_file() tells these from a scheduler that does not answer.
[[nodiscard]] Status resolve_sources(core::JobSpec& spec, const std::vector<TaskOrigin>& origins, LocalFiles& files, Api& api);

/// The remedy is in the job file, or among the files that it names: a mistake of the caller's, not a failure of Stint's.
[[nodiscard]] bool is_in_job_file(const Error& error);

}  // namespace stint::client
