#pragma once

#include "adapters/sqlite/database.hpp"
#include "base/ids.hpp"
#include "ports/store.hpp"

namespace stint::sqlite {

/// Takes away what retention does not keep, a little at a time: one call is one transaction over at most some thousand rows, so that the
/// batches that wait behind it wait for milliseconds. Freed pages are used again; the file does not shrink.
class Sweeper {
 public:
  /// Errors:  fenced  another scheduler has taken over;  no_space, io. Nothing is taken away then.
  [[nodiscard]] Result<ports::Swept> sweep(Database& database, FencingToken token, const ports::StoreRetention& keep, UnixMillis now);

 private:
  Status take(Database& database, FencingToken token, const ports::StoreRetention& keep, UnixMillis now, ports::Swept& swept);
  Status take_removed_job(Database& database, ports::Swept& swept);
  Status take_events(Database& database, const ports::StoreRetention& keep, UnixMillis now, ports::Swept& swept);
  Status take_logs(Database& database, const ports::StoreRetention& keep, UnixMillis now, ports::Swept& swept);

  std::int64_t log_cursor_ = 0;  ///< pieces of output up to this id were looked at in this round
};

}  // namespace stint::sqlite
