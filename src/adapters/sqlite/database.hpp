#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/result.hpp"

struct sqlite3;
struct sqlite3_stmt;

namespace stint::sqlite {

class Recording;
class Statement;

/// One SQLite connection. Every failure becomes an Error: no_space for a full disk, corrupt for a damaged file, conflict for a locked one,
/// else io.
class Database {
 public:
  enum class Access { read_write, read_only };

  Database() = default;
  ~Database();
  Database(Database&& other) noexcept;
  Database& operator=(Database&& other) noexcept;

  [[nodiscard]] static Result<Database> open(const std::string& path, Access access);
  /// One or several statements without parameters or results.
  [[nodiscard]] Status run(const std::string& sql);
  [[nodiscard]] Result<Statement> prepare(std::string_view sql);
  /// First column of the first row; `otherwise` if there is none.
  [[nodiscard]] Result<std::int64_t> number(std::string_view sql, std::int64_t otherwise = 0);
  [[nodiscard]] std::int64_t changes() const;
  /// From now on `pages` says after each commit how long the write-ahead log is, and it is copied into the database by `copy_log` alone.
  void watch_log(int* pages);
  /// As much of it as no reader still needs. Does nothing if it cannot be done now.
  void copy_log();
  /// Pages copied so far, of how many; false stops the copy.
  using CopyProgress = std::function<bool(std::int64_t done, std::int64_t all)>;
  /// Makes `target` a copy of this database as the read transaction that is open here sees it; others go on writing meanwhile.
  /// Errors:  unavailable  `progress` said stop;  no_space, io, corrupt.
  [[nodiscard]] Status copy_to(Database& target, const CopyProgress& progress);
  /// From now on statements are not run: what they would write goes there. Those that have results may not be used. Null: as before.
  void record_to(Recording* recording) { recording_ = recording; }
  [[nodiscard]] Error error(int code) const;

 private:
  friend class Statement;
  explicit Database(sqlite3* handle) : handle_(handle) {}
  sqlite3* handle_ = nullptr;
  Recording* recording_ = nullptr;
};

/// A prepared statement, used again and again: bind in order, step, reset.
class Statement {
 public:
  Statement() = default;
  ~Statement();
  Statement(Statement&& other) noexcept;
  Statement& operator=(Statement&& other) noexcept;

  /// Binds the next parameter. Text and bytes must live until the next reset.
  Statement& bind(std::int64_t value);
  Statement& bind(std::string_view text);
  Statement& bind(ByteView bytes);
  Statement& bind(double value);
  Statement& bind_null();

  /// True: a row is there; false: done.
  [[nodiscard]] Result<bool> step();
  /// For statements without results: steps once and resets.
  [[nodiscard]] Status run();
  void reset();

  [[nodiscard]] std::int64_t number(int column) const;
  [[nodiscard]] double real(int column) const;
  [[nodiscard]] std::string text(int column) const;
  [[nodiscard]] Bytes bytes(int column) const;

 private:
  friend class Database;
  Statement(sqlite3_stmt* handle, const Database* database) : handle_(handle), database_(database) {}
  /// True: the value has gone into a recording instead of into the statement.
  template <class Value>
  [[nodiscard]] bool record(Value value);
  sqlite3_stmt* handle_ = nullptr;
  const Database* database_ = nullptr;
  int next_ = 1;
};

}  // namespace stint::sqlite
