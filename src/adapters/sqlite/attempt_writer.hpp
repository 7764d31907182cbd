#pragma once

#include <cstdint>
#include <vector>

#include "adapters/sqlite/database.hpp"
#include "core/model/rows.hpp"

namespace stint::sqlite {

/// Writes attempts: neighbours of an array that differ in nothing but their index as one row of `attempt_runs`, all others each as a row
/// of `attempts`.
///
/// Invariants:  runs of one attempt number never overlap;  a row of `attempts` counts, whatever a run says that covers it.
class AttemptWriter {
 public:
  [[nodiscard]] static Result<AttemptWriter> make(Database& database);
  /// Gathers; `finish` writes what is still held.
  [[nodiscard]] Status put(const core::AttemptRow& row);
  [[nodiscard]] Status finish();
  /// Drops what is held: its batch was rolled back.
  void forget() { count_ = 0; }

 private:
  [[nodiscard]] Status write_single(const core::AttemptRow& row);
  [[nodiscard]] Status write_run();
  /// Shortens or splits the runs of this attempt number that cover some of `first … last`.
  [[nodiscard]] Status carve(const core::AttemptRow& row, std::uint32_t first, std::uint32_t last);

  Statement single_, run_, drop_singles_, overlaps_, copy_rest_, shorten_, drop_run_;
  core::AttemptRow held_;    ///< the first of the neighbours
  std::uint32_t count_ = 0;  ///< how many are held
  std::vector<std::pair<std::int64_t, std::int64_t>> found_;  ///< (first, last) of runs to carve
};

}  // namespace stint::sqlite
