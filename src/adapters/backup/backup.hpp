#pragma once

#include <functional>
#include <string>

#include "adapters/backup/files.hpp"
#include "adapters/backup/manifest.hpp"
#include "base/result.hpp"

/// A cell's state directory, out and in again. The database's own part is given by the caller.
namespace stint::backup {

struct BackupPlan {
  std::string state_dir;
  std::string target;  ///< a new directory
  Manifest manifest;   ///< what is known before: version, taken_at
  bool has_kek_file = true;  ///< false: the key-encryption key comes from the environment, and is only taken if it lies there all the same
  /// Copies the database to the path given and fills in what it says about itself.
  std::function<Status(const std::string& target, Manifest& manifest)> copy_database;
  Progress progress;
};
/// Blobs are immutable and named by their digest: they are linked where that is possible, before the database is copied and once more after
/// it, so that every blob the copy speaks of is there, whatever is collected or uploaded meanwhile.
/// Errors:  already_exists  the target is there;  not_found  no state directory of a scheduler;  unavailable  stopped;  no_space, io.
/// What was begun is removed when it fails.
[[nodiscard]] Result<Manifest> take_backup(const BackupPlan& plan);

struct RestorePlan {
  std::string source;
  std::string state_dir;  ///< absent or empty
  /// What the manifest must be for this program; before anything is made.
  std::function<Status(const Manifest& manifest)> check;
  /// The database's last word before it gets its name.
  std::function<Status(const std::string& database)> finish_database;
  Progress progress;
};
/// Copies and verifies every file; the database gets its name last.
/// Errors:  not_found  no backup, or a file is missing;  corrupt  a size or digest differs;  conflict  the state directory holds something;
///          unavailable  stopped;  no_space, io;  those of `check` and `finish_database`. What was begun is removed when it fails.
[[nodiscard]] Result<Manifest> restore_backup(const RestorePlan& plan);

}  // namespace stint::backup
