#include "adapters/sqlite/copy.hpp"

#include <sys/stat.h>

#include "adapters/sqlite/ahead_file.hpp"
#include "adapters/sqlite/migrations.hpp"

namespace stint::sqlite {
namespace {

// More than a cell gives out between its last backup and its end, or so many that an agent's memory of them does not matter.
constexpr const char* kJobsSkipped = "1000";
constexpr const char* kEventsSkipped = "10000";

Result<std::string> text_of(Database& database, const std::string& sql) {
  STINT_TRY(auto statement, database.prepare(sql));
  STINT_TRY(const bool row, statement.step());
  return row ? statement.text(0) : std::string{};
}

Result<DatabaseFacts> read_facts(Database& database) {
  DatabaseFacts facts;
  STINT_TRY(facts.schema, database.number("PRAGMA user_version"));
  if (facts.schema == 0) return fail(Errc::not_found, "not the database of a cell");
  STINT_TRY(facts.cell_id, text_of(database, "SELECT value FROM meta WHERE name = 'cell_id'"));
  STINT_TRY(facts.incarnation, database.number("SELECT CAST(value AS INTEGER) FROM meta WHERE name = 'incarnation'"));
  return facts;
}

/// What the cell gave away after the backup is not known here, and what was burned since would count again.
Status void_enrol_tokens(Database& database, const std::string& at) {
  STINT_TRY(const auto tables, database.number("SELECT count(*) FROM sqlite_master WHERE name = 'enrol_tokens'"));
  if (tables == 0) return {};  // it comes with a migration
  return database.run("UPDATE enrol_tokens SET revoked_ms = " + at + " WHERE revoked_ms = 0");
}

Status skip_numbers(Database& database, std::int64_t schema, const std::string& at, std::int64_t incarnation) {
  const std::string body = R"({"incarnation":)" + std::to_string(incarnation) + "}";
  STINT_TRY_VOID(database.run(std::string("INSERT INTO events SELECT coalesce(max(seq), 0) + ") + kEventsSkipped + ", " + at +
                              ", 'cell_restored', 0, '" + body + "' FROM events"));
  if (schema < 4) return {};  // the table comes with the migration
  return database.run(std::string("INSERT INTO removed_jobs SELECT max(coalesce((SELECT max(id) FROM jobs), 0), "
                                  "coalesce((SELECT max(job) FROM removed_jobs), 0)) + ") +
                      kJobsSkipped + ", " + at + ", 1");
}

}  // namespace

Result<DatabaseFacts> copy_database(const std::string& path, const std::string& target, const Database::CopyProgress& progress) {
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0)
    return fail(Errc::not_found, path + ": no database here; --state-dir names the scheduler's directory");
  STINT_TRY(auto source, Database::open(path, Database::Access::read_only));
  STINT_TRY_VOID(source.run("BEGIN"));  // one snapshot: without it every commit of the scheduler would begin the copy anew
  STINT_TRY(auto facts, read_facts(source));
  STINT_TRY(auto copy, Database::open(target, Database::Access::read_write));
  STINT_TRY_VOID(source.copy_to(copy, progress));
  STINT_TRY_VOID(carry_over_ahead(copy, path));
  STINT_TRY_VOID(copy.run("PRAGMA journal_mode=DELETE"));
  if (::chmod(target.c_str(), 0600) != 0) return fail(Errc::io, target + ": cannot be made private");
  return facts;
}

Result<DatabaseFacts> begin_incarnation(const std::string& path, UnixMillis now) {
  STINT_TRY(auto database, Database::open(path, Database::Access::read_write));
  STINT_TRY(const std::string damage, text_of(database, "PRAGMA quick_check(1)"));
  if (damage != "ok") return fail(Errc::corrupt, path + ": " + damage);
  STINT_TRY(auto facts, read_facts(database));
  if (facts.schema > newest_schema())
    return fail(Errc::unsupported, path + ": schema " + std::to_string(facts.schema) + ", this program knows up to " +
                                       std::to_string(newest_schema()) + ": restore with the program that made the backup, or a newer one");
  ++facts.incarnation;
  STINT_TRY_VOID(database.run("BEGIN IMMEDIATE"));
  STINT_TRY_VOID(database.run("INSERT OR REPLACE INTO meta VALUES ('incarnation', '" + std::to_string(facts.incarnation) + "')"));
  STINT_TRY_VOID(skip_numbers(database, facts.schema, std::to_string(to_ms(now)), facts.incarnation));
  STINT_TRY_VOID(void_enrol_tokens(database, std::to_string(to_ms(now))));
  STINT_TRY_VOID(database.run("COMMIT"));
  return facts;
}

}  // namespace stint::sqlite
