#pragma once

#include <cstdint>
#include <string>

#include "adapters/sqlite/database.hpp"
#include "base/time.hpp"

/// A cell's database for backups: copied while its scheduler works, checked and brought back.
namespace stint::sqlite {

struct DatabaseFacts {
  std::int64_t schema = 0;
  std::string cell_id;
  std::int64_t incarnation = 0;  ///< how often the cell was restored
};

/// Copies the database at `path` to the new file `target`, in one snapshot; the copy needs no further file beside it.
/// Errors:  not_found  there is no database, or it is not a cell's;  unavailable  `progress` said stop;  no_space, io, corrupt.
[[nodiscard]] Result<DatabaseFacts> copy_database(const std::string& path, const std::string& target,
                                                  const Database::CopyProgress& progress);

/// Makes a copy the state of the cell's next incarnation. Jobs and events that the lost time gave out get no successor of the same number.
/// Errors:  corrupt  damaged;  unsupported  written by a newer program.
[[nodiscard]] Result<DatabaseFacts> begin_incarnation(const std::string& path, UnixMillis now);

}  // namespace stint::sqlite
