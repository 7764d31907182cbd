#pragma once

#include <cstdint>
#include <type_traits>

#include "adapters/sqlite/database.hpp"
#include "base/ids.hpp"

/// Ids and words as the integers of the tables.
namespace stint::sqlite {

/// The same 64 bits: SQLite's integers are signed.
[[nodiscard]] constexpr std::int64_t as_number(std::uint64_t value) { return static_cast<std::int64_t>(value); }
template <class Enum>
[[nodiscard]] constexpr std::int64_t as_number(Enum value)
  requires std::is_enum_v<Enum>
{
  return static_cast<std::int64_t>(value);
}

/// job, grp, idx
inline Statement& bind_task(Statement& s, const TaskRef& task) {
  return s.bind(as_number(task.job.value)).bind(std::int64_t{task.group}).bind(std::int64_t{task.index});
}
/// job, grp, idx, attempt
inline Statement& bind_ref(Statement& s, const AttemptRef& ref) { return bind_task(s, ref.task).bind(std::int64_t{ref.attempt}); }

}  // namespace stint::sqlite
