#pragma once

#include <string>

#include "adapters/sqlite/database.hpp"

namespace stint::sqlite {

/// Brings the database to this program's schema, one numbered step after another; before the first step a copy is made beside the file.
/// Errors:  unsupported  the file was written by a newer program (the detail names both versions);  no_space, io.
[[nodiscard]] Status migrate(Database& database, const std::string& path);

}  // namespace stint::sqlite
