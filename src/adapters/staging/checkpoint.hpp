#pragma once

#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "adapters/staging/cache.hpp"
#include "base/ids.hpp"
#include "base/result.hpp"
#include "ports/blob_client.hpp"

namespace stint::staging {

/// A task's checkpoint directory, STATE/checkpoints/JOB.GROUP.INDEX: its attempts on this agent find it as the last one left it. Beside it,
/// JOB.GROUP.INDEX.pushed names the manifests that were pushed from it, the newest last: so it is known whether the checkpoint that a
/// new attempt is to start from is this directory's own (or older: then what is here is worth more), or another agent's.
///
/// Thread:  any.
class Checkpoint {
 public:
  Checkpoint(const std::string& root, const AttemptRef& attempt);

  [[nodiscard]] const std::string& path() const { return path_; }
  /// There, with what the attempt is to start from; `from`: the last checkpoint that the scheduler knows, or none.
  [[nodiscard]] Status fill(const BlobId& from, Cache& cache, ports::BlobClient& client);
  /// Gives its files to the scheduler and names them there, if they have changed since the last time. A directory that changes while it is
  /// read is left for the next time: half of two checkpoints is none.
  [[nodiscard]] Status push(ports::BlobClient& client);
  /// The task has completed: nobody needs it.
  [[nodiscard]] Status remove();

  /// No attempt uses it from now on.
  void leave();

  /// Takes away directories that no attempt has used for limits::kCheckpointIdle, and the oldest of more than limits::kCheckpointsIdle.
  /// Returns what is left to be removed, by names that nobody looks for.
  [[nodiscard]] static std::vector<std::string> sweep(const std::string& root, const std::set<std::string>& in_use);

 private:
  [[nodiscard]] bool has_pushed(const BlobId& manifest) const;
  [[nodiscard]] Status remember(const BlobId& manifest) const;

  const AttemptRef attempt_;
  const std::string path_;
  std::mutex mutex_;
  std::string pushed_state_;  ///< of the directory when it was pushed
};

}  // namespace stint::staging
