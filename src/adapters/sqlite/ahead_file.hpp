#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "adapters/sqlite/database.hpp"
#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "hash/sha256.hpp"

namespace stint::sqlite {

/// A file beside the database that holds one batch, durable before the database has it: one write of a page, where a transaction needs ten
/// times as much processor time. Whoever opens the database carries it over first.
///
/// Source:  docs/storage.md "Ahead of the database"
class AheadFile {
 public:
  /// Statements of a batch, in bytes.
  static constexpr std::size_t kBytesMax = std::size_t{60} << 10;

  AheadFile();
  ~AheadFile();
  AheadFile(const AheadFile&) = delete;
  AheadFile& operator=(const AheadFile&) = delete;

  /// Makes it if it is not there, and gives it its full length, so that no write has to. What stands in it stays.
  /// Errors:  conflict  another process has it open;  no_space, io  go on without it.
  [[nodiscard]] Status open(const std::string& database_path);
  [[nodiscard]] bool is_open() const { return fd_ >= 0; }
  /// Durable when it returns: what was in the file before must have been carried over durably.
  /// Errors:  no_space, io  whether the batch is there is unknown: `give_up`.
  [[nodiscard]] Status write(FencingToken token, BatchNumber number, ByteView statements);
  /// Removes the file, and with it what it holds. It is open no longer.
  void give_up();

 private:
  struct Block;
  [[nodiscard]] Status lock() const;
  [[nodiscard]] Status lengthen();

  int fd_ = -1;
  std::string path_;
  std::unique_ptr<Block> block_;
  Sha256 sha_;
};

/// Carries over what stands in the file beside the database at `database_path` into `database`, that one or a copy of it, if it is the
/// batch that comes next there: what is older is there already.
/// Errors:  unsupported  a newer program wrote it;  corrupt, no_space, io.
[[nodiscard]] Status carry_over_ahead(Database& database, const std::string& database_path);

}  // namespace stint::sqlite
