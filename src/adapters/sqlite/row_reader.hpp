#pragma once

#include <functional>

#include "adapters/sqlite/database.hpp"
#include "core/model/rows.hpp"

namespace stint::sqlite {

inline constexpr const char* kAttemptColumns =
    "job, grp, idx, attempt, agent, status, reason, live, accepted, is_result, exit_code, signal, acked_update, update_digest, placed_ms, "
    "started_ms, "
    "ended_ms, retry_ms, instance, detail, has_result, lease_ms";

/// What a removed job has left behind, and no sweep has taken yet, is not there.
inline constexpr const char* kNotRemoved = " WHERE job NOT IN (SELECT job FROM removed_jobs WHERE swept = 0)";

/// A blob's name; none for NULL.
[[nodiscard]] BlobId read_blob(const Statement& s, int column);
/// The current row of a statement that selects kAttemptColumns.
[[nodiscard]] core::AttemptRow read_attempt(const Statement& s);
[[nodiscard]] AttemptRef read_ref(const Statement& s, int first_column);

/// Every row that the core's memory is made of; tables in the order of core::Row's alternatives.
[[nodiscard]] Status read_all(Database& database, const std::function<Status(const core::Row&)>& row);

}  // namespace stint::sqlite
