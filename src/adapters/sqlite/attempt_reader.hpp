#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "adapters/sqlite/database.hpp"
#include "core/model/rows.hpp"
#include "ports/store.hpp"

namespace stint::sqlite {

/// Every attempt that is not of a removed job, in any order.
[[nodiscard]] Status read_attempts(Database& database, const std::function<Status(const core::Row&)>& row);

/// Pages of attempts: rows of their own and members of runs, merged in the order of their keys.
class AttemptReader {
 public:
  [[nodiscard]] static Result<AttemptReader> make(Database& database);
  [[nodiscard]] Result<std::vector<core::AttemptRow>> read(const ports::StoreReader::AttemptQuery& query);

 private:
  struct Run {
    core::AttemptRow next;  ///< its lowest member that was not yielded
    std::uint32_t last = 0;
    bool may_be_overruled = false;
  };
  class Merge;

  void bind(const ports::StoreReader::AttemptQuery& query);
  /// Rows of their own say what became of the next member of the run, or of a later one up to `last`.
  [[nodiscard]] Result<bool> is_overruled(const Run& run, std::uint32_t last);

  Statement singles_, runs_, overruled_;
};

}  // namespace stint::sqlite
