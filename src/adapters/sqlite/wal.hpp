#pragma once

#include <cstdint>
#include <string>

#include "adapters/sqlite/database.hpp"

namespace stint::sqlite {

/// Looks after the write-ahead log of one database between commits, so that no commit has to: copies it into the database when it is
/// long, and keeps its file longer than what is written in it. Overwriting zeros costs a tenth of the flush that growing the file costs.
class WriteAheadLog {
 public:
  WriteAheadLog() = default;
  WriteAheadLog(const WriteAheadLog&) = delete;
  WriteAheadLog& operator=(const WriteAheadLog&) = delete;

  /// From now on `database`, in WAL mode, tells of its commits, and copies nothing by itself.
  void watch(Database& database, std::string path);
  /// Whether tend() would do anything: no system call.
  [[nodiscard]] bool is_due() const;
  /// Between two commits: does what is due, if anything. What cannot be done is tried again after the next commit; nothing depends on it.
  void tend();

 private:
  void lengthen();

  Database* database_ = nullptr;
  std::string path_;  ///< of the log
  int pages_ = 0;  ///< in the log after the last commit
  std::int64_t bytes_ = 0;  ///< at least as long is its file; it never becomes shorter
};

}  // namespace stint::sqlite
