#include "adapters/sqlite/recording.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace stint::sqlite {
namespace {

constexpr const char* kTable = "CREATE TABLE t (a, b, c, d, e)";

Database make_database() {
  auto database = Database::open(":memory:", Database::Access::read_write);
  EXPECT_TRUE(database.has_value());
  EXPECT_TRUE(database->run(kTable).has_value());
  return std::move(*database);
}

/// Of two statements, with values of every kind.
Bytes record(Database& database) {
  Recording recording;
  const Bytes blob{0, 1, 255};
  auto insert = database.prepare("INSERT INTO t VALUES (?,?,?,?,?)");
  auto fixed = database.prepare("INSERT INTO t VALUES (1,2,3,4,5)");
  database.record_to(&recording);
  EXPECT_TRUE(insert->bind(std::numeric_limits<std::int64_t>::min())
                  .bind(std::nextafter(0.1, 1.0))
                  .bind(std::string_view("zero \0 inside", 13))
                  .bind(ByteView(blob))
                  .bind_null()
                  .run());
  EXPECT_TRUE(fixed->run());
  EXPECT_TRUE(insert->bind(std::int64_t{7}).bind(std::string_view()).bind(ByteView()).bind_null().bind_null().run());
  database.record_to(nullptr);
  return {recording.bytes().begin(), recording.bytes().end()};
}

TEST(Recording, WritesNothingAndGivesTheSameRowsLater) {
  Database database = make_database();
  const Bytes recorded = record(database);
  EXPECT_EQ(*database.number("SELECT count(*) FROM t"), 0);
  Database other = make_database();
  ASSERT_TRUE(replay(other, recorded).has_value());
  EXPECT_EQ(*other.number("SELECT count(*) FROM t"), 3);
  EXPECT_EQ(*other.number("SELECT a FROM t WHERE rowid = 1"), std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(*other.number("SELECT e FROM t WHERE rowid = 2"), 5);
  auto row = other.prepare("SELECT b, c, d FROM t WHERE rowid = 1");
  ASSERT_TRUE(*row->step());
  EXPECT_EQ(row->real(0), std::nextafter(0.1, 1.0));
  EXPECT_EQ(row->text(1), std::string("zero \0 inside", 13));
  EXPECT_EQ(row->bytes(2), (Bytes{0, 1, 255}));
  row->reset();
  EXPECT_EQ(*other.number("SELECT count(*) FROM t WHERE rowid = 1 AND e IS NULL AND typeof(c) = 'text' AND typeof(d) = 'blob'"), 1);
  EXPECT_EQ(*other.number("SELECT count(*) FROM t WHERE rowid = 3 AND typeof(b) = 'text' AND typeof(c) = 'blob' AND d IS NULL"), 1);
}

TEST(Recording, StatementsRunAgainWhenItIsOver) {
  Database database = make_database();
  static_cast<void>(record(database));
  auto insert = database.prepare("INSERT INTO t VALUES (?,1,1,1,1)");
  ASSERT_TRUE(insert->bind(std::int64_t{1}).run());
  EXPECT_EQ(*database.number("SELECT count(*) FROM t"), 1);
}

TEST(Recording, BytesThatAreCutOffOrOfNoKindAreCorrupt) {
  Database database = make_database();
  const Bytes recorded = record(database);
  for (std::size_t length = 1; length < recorded.size(); ++length) {
    Database other = make_database();
    ASSERT_TRUE(other.run("BEGIN").has_value());
    const auto status = replay(other, ByteView(recorded).first(length));
    if (status) {
      EXPECT_LT(*other.number("SELECT count(*) FROM t"), 3) << length;  // a whole statement ends there
    } else {
      EXPECT_EQ(status.error().code, Errc::corrupt) << length;
    }
  }
  Bytes unknown = recorded;
  unknown[4 + load_le<std::uint32_t>(unknown.data())] = 99;
  Database other = make_database();
  const auto status = replay(other, unknown);
  ASSERT_FALSE(status.has_value());
  EXPECT_EQ(status.error().code, Errc::corrupt);
}

}  // namespace
}  // namespace stint::sqlite
