#pragma once

#include <string>

#include "adapters/sqlite/database.hpp"

namespace stint::sqlite {

/// The schema of this program: PRAGMA user_version.
[[nodiscard]] std::int64_t newest_schema();
/// Brings the database to this program's schema, one numbered step after another; before the first step a copy is made beside the file.
/// Errors:  unsupported  the file was written by a newer program (the detail names both versions);  no_space, io.
/// `newest` is for tests: an older program's schema.
[[nodiscard]] Status migrate(Database& database, const std::string& path, std::int64_t newest = newest_schema());
/// Where the copy lies that was made before the migration to `version`.
[[nodiscard]] std::string copy_before(const std::string& path, std::int64_t version);

}  // namespace stint::sqlite
