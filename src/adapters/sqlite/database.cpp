#include "adapters/sqlite/database.hpp"

#include <sqlite3.h>

#include <cerrno>
#include <utility>

#include "adapters/sqlite/recording.hpp"
#include "base/assert.hpp"

namespace stint::sqlite {
namespace {

Errc code_of(int code, int system_errno) {
  switch (code & 0xff) {
    case SQLITE_FULL: return Errc::no_space;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return Errc::corrupt;
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return Errc::conflict;
    case SQLITE_IOERR: return system_errno == ENOSPC || system_errno == EDQUOT ? Errc::no_space : Errc::io;
    case SQLITE_CANTOPEN: return system_errno == ENOSPC || system_errno == EDQUOT ? Errc::no_space : Errc::io;
    default: return Errc::io;
  }
}

}  // namespace

Database::~Database() { sqlite3_close_v2(handle_); }
Database::Database(Database&& other) noexcept
    : handle_(std::exchange(other.handle_, nullptr)), recording_(std::exchange(other.recording_, nullptr)) {}
Database& Database::operator=(Database&& other) noexcept {
  std::swap(handle_, other.handle_);
  std::swap(recording_, other.recording_);
  return *this;
}

Result<Database> Database::open(const std::string& path, Access access) {
  sqlite3* handle = nullptr;
  const int flags = access == Access::read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
  const int code = sqlite3_open_v2(path.c_str(), &handle, flags | SQLITE_OPEN_NOMUTEX, nullptr);
  Database database(handle);
  if (code != SQLITE_OK) {
    Error why = database.error(code);
    why.detail = path + ": " + why.detail;
    return tl::unexpected<Error>(std::move(why));
  }
  sqlite3_extended_result_codes(handle, 1);
  sqlite3_busy_timeout(handle, 5000);
  return database;
}

Status Database::run(const std::string& sql) {
  const int code = sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return tl::unexpected<Error>(error(code));
  return {};
}

Result<Statement> Database::prepare(std::string_view sql) {
  sqlite3_stmt* handle = nullptr;
  const int code = sqlite3_prepare_v3(handle_, sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT, &handle, nullptr);
  if (code != SQLITE_OK) return tl::unexpected<Error>(error(code));
  return Statement(handle, this);
}

Result<std::int64_t> Database::number(std::string_view sql, std::int64_t otherwise) {
  STINT_TRY(auto statement, prepare(sql));
  STINT_TRY(const bool row, statement.step());
  return row ? statement.number(0) : otherwise;
}

std::int64_t Database::changes() const { return sqlite3_changes64(handle_); }

Status Database::copy_to(Database& target, const CopyProgress& progress) {
  constexpr int kPagesAtOnce = 1024;
  sqlite3_backup* copy = sqlite3_backup_init(target.handle_, "main", handle_, "main");
  if (copy == nullptr) return tl::unexpected<Error>(target.error(sqlite3_errcode(target.handle_)));
  int code = SQLITE_OK;
  bool goes_on = true;
  while (code == SQLITE_OK && goes_on) {
    code = sqlite3_backup_step(copy, kPagesAtOnce);
    const std::int64_t all = sqlite3_backup_pagecount(copy);
    goes_on = progress(all - sqlite3_backup_remaining(copy), all);
  }
  sqlite3_backup_finish(copy);
  if (code == SQLITE_DONE) return {};
  if (code == SQLITE_OK) return fail(Errc::unavailable, "stopped");
  return tl::unexpected<Error>(target.error(code));
}

Error Database::error(int code) const {
  const int system_errno = handle_ != nullptr ? sqlite3_system_errno(handle_) : 0;
  std::string detail = handle_ != nullptr ? sqlite3_errmsg(handle_) : sqlite3_errstr(code);
  return Error{code_of(code, system_errno), "SQLite: " + detail + " (code " + std::to_string(code) + ")"};
}

void Database::watch_log(int* pages) {
  const auto note = [](void* to, sqlite3*, const char*, int count) {
    *static_cast<int*>(to) = count;
    return SQLITE_OK;
  };
  sqlite3_wal_hook(handle_, note, pages);
}

void Database::copy_log() { sqlite3_wal_checkpoint_v2(handle_, nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr); }

Statement::~Statement() { sqlite3_finalize(handle_); }
Statement::Statement(Statement&& other) noexcept
    : handle_(std::exchange(other.handle_, nullptr)), database_(other.database_), next_(other.next_) {}
Statement& Statement::operator=(Statement&& other) noexcept {
  std::swap(handle_, other.handle_);
  std::swap(database_, other.database_);
  std::swap(next_, other.next_);
  return *this;
}

template <class Value>
bool Statement::record(Value value) {
  Recording* to = database_->recording_;
  if (to == nullptr) return false;
  if (next_++ == 1) to->begin(sqlite3_sql(handle_));
  to->add(value);
  return true;
}

// Binding fails only for a parameter that the SQL does not have, or for lack of memory: ours, not the user's.
Statement& Statement::bind(std::int64_t value) {
  if (record(value)) return *this;
  STINT_ASSERT(sqlite3_bind_int64(handle_, next_++, value) == SQLITE_OK);
  return *this;
}
Statement& Statement::bind(double value) {
  if (record(value)) return *this;
  STINT_ASSERT(sqlite3_bind_double(handle_, next_++, value) == SQLITE_OK);
  return *this;
}
Statement& Statement::bind_null() {
  if (record(nullptr)) return *this;
  STINT_ASSERT(sqlite3_bind_null(handle_, next_++) == SQLITE_OK);
  return *this;
}
Statement& Statement::bind(std::string_view text) {
  if (record(text)) return *this;
  STINT_ASSERT(sqlite3_bind_text64(handle_, next_++, text.empty() ? "" : text.data(), text.size(), SQLITE_STATIC, SQLITE_UTF8) ==
               SQLITE_OK);
  return *this;
}
Statement& Statement::bind(ByteView bytes) {
  if (record(bytes)) return *this;
  const int code = bytes.empty() ? sqlite3_bind_zeroblob(handle_, next_++, 0)
                                 : sqlite3_bind_blob64(handle_, next_++, bytes.data(), bytes.size(), SQLITE_STATIC);
  STINT_ASSERT(code == SQLITE_OK);
  return *this;
}

Result<bool> Statement::step() {
  STINT_ASSERT(database_->recording_ == nullptr);
  const int code = sqlite3_step(handle_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  Error why = database_->error(code);
  reset();
  return tl::unexpected<Error>(std::move(why));
}

Status Statement::run() {
  if (Recording* to = database_->recording_; to != nullptr) {
    if (next_ == 1) to->begin(sqlite3_sql(handle_));
    to->end();
    next_ = 1;
    return {};
  }
  STINT_TRY_VOID(step());
  reset();
  return {};
}

void Statement::reset() {
  sqlite3_reset(handle_);
  next_ = 1;
}

std::int64_t Statement::number(int column) const { return sqlite3_column_int64(handle_, column); }
double Statement::real(int column) const { return sqlite3_column_double(handle_, column); }
std::string Statement::text(int column) const {
  const auto* data = reinterpret_cast<const char*>(sqlite3_column_text(handle_, column));
  return data == nullptr ? std::string() : std::string(data, static_cast<std::size_t>(sqlite3_column_bytes(handle_, column)));
}
Bytes Statement::bytes(int column) const {
  const auto* data = static_cast<const std::uint8_t*>(sqlite3_column_blob(handle_, column));
  return data == nullptr ? Bytes() : Bytes(data, data + sqlite3_column_bytes(handle_, column));
}

}  // namespace stint::sqlite
