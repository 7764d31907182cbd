#include "adapters/sqlite/store.hpp"

#include <algorithm>
#include <cstdint>
#include <filesystem>

#include "adapters/sqlite/database.hpp"
#include "adapters/sqlite/migrations.hpp"
#include "adapters/sqlite/offer_json.hpp"
#include "adapters/sqlite/test_bench.hpp"
#include "contract/entry_store_contract.hpp"

namespace stint::contract {

INSTANTIATE_TYPED_TEST_SUITE_P(Sqlite, StoreContract, SqliteBench);
INSTANTIATE_TYPED_TEST_SUITE_P(Sqlite, EntryStoreContract, SqliteBench);
INSTANTIATE_TYPED_TEST_SUITE_P(SqliteInline, StoreContract, InlineSqliteBench);
INSTANTIATE_TYPED_TEST_SUITE_P(SqliteInline, EntryStoreContract, InlineSqliteBench);
INSTANTIATE_TYPED_TEST_SUITE_P(SqliteAhead, StoreContract, AheadSqliteBench);
INSTANTIATE_TYPED_TEST_SUITE_P(SqliteAhead, EntryStoreContract, AheadSqliteBench);

TEST(SqliteStore, ASecondSchedulerIsRefusedByName) {
  SqliteBench bench;
  auto first = bench.make_store();
  ASSERT_TRUE(first->open([](BatchNumber, Status) {}).has_value());
  auto second = bench.make_store();
  const auto refused = second->open([](BatchNumber, Status) {});
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, Errc::conflict);
  EXPECT_NE(refused.error().detail.find("process"), std::string::npos) << refused.error().detail;
}

TEST(SqliteStore, ABatchOfAnOlderTokenIsFenced) {
  SqliteBench bench;
  auto store = bench.make_store();
  Status answer;
  const auto opened = store->open([&](BatchNumber, Status status) { answer = std::move(status); });
  ASSERT_TRUE(opened.has_value());
  {
    auto other = sqlite::Database::open(bench.path(), sqlite::Database::Access::read_write);
    ASSERT_TRUE(other->run("UPDATE fence SET token = token + 1").has_value());
  }
  store->commit({BatchNumber{opened->last_batch.value + 1}, {core::Row(core::MetaRow{"a", "b"})}});
  bench.settle(*store);
  ASSERT_FALSE(answer.has_value());
  EXPECT_EQ(answer.error().code, Errc::fenced);
}

TEST(SqliteStore, AFileOfANewerProgramIsRefused) {
  SqliteBench bench;
  {
    auto database = sqlite::Database::open(bench.path(), sqlite::Database::Access::read_write);
    ASSERT_TRUE(database->run("PRAGMA user_version = 99").has_value());
  }
  const auto refused = bench.make_store()->open([](BatchNumber, Status) {});
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, Errc::unsupported);
}

/// As the first version of this program left it.
void make_first_version(const std::string& path) {
  auto database = sqlite::Database::open(path, sqlite::Database::Access::read_write);
  ASSERT_TRUE(sqlite::migrate(*database, path, 1).has_value());
  ASSERT_TRUE(database
                  ->run("INSERT INTO meta VALUES ('cell_id','c'); INSERT INTO agents VALUES (1,'a',0,0,1,x'00','" +
                        sqlite::to_json(core::AgentOffer{}) +
                        "',1,2,3);"
                        "INSERT INTO logs (job,grp,idx,attempt,stream,offset,bytes) VALUES (1,0,0,1,1,0,x'616263')")
                  .has_value());
}

TEST(SqliteStore, AMigrationKeepsWhatIsThereAndLeavesACopyOfWhatWas) {
  SqliteBench bench;
  make_first_version(bench.path());
  auto store = bench.make_store();
  const auto opened = store->open([](BatchNumber, Status) {});
  ASSERT_TRUE(opened.has_value()) << opened.error().detail;
  std::size_t agents = 0;
  const auto loaded = store->load([&](const core::Row& row) -> Status {
    if (const auto* agent = std::get_if<core::AgentRow>(&row)) agents += agent->draining && agent->drain_by == UnixMillis{} ? 1 : 0;
    return {};
  });
  EXPECT_TRUE(loaded.has_value()) << loaded.error().detail;
  EXPECT_EQ(agents, 1u);
  auto database = sqlite::Database::open(bench.path(), sqlite::Database::Access::read_only);
  EXPECT_EQ(*database->number("SELECT log_bytes FROM fence"), 3);
  const auto newest = *database->number("PRAGMA user_version");
  auto copy = sqlite::Database::open(bench.path() + ".before-schema-" + std::to_string(newest), sqlite::Database::Access::read_only);
  ASSERT_TRUE(copy.has_value()) << copy.error().detail;
  EXPECT_EQ(*copy->number("PRAGMA user_version"), 1);
  EXPECT_EQ(*copy->number("SELECT count(*) FROM meta WHERE value = 'c'"), 1);
}

TEST(SqliteStore, ASecondMigrationToTheSameVersionKeepsTheFirstCopy) {
  SqliteBench bench;
  make_first_version(bench.path());
  ASSERT_TRUE(bench.make_store()->open([](BatchNumber, Status) {}).has_value());
  std::filesystem::remove(bench.path());
  std::filesystem::remove(bench.path() + "-wal");
  std::filesystem::remove(bench.path() + "-shm");
  make_first_version(bench.path());
  const auto again = bench.make_store()->open([](BatchNumber, Status) {});
  EXPECT_TRUE(again.has_value()) << again.error().detail;
}

/// A store whose commits are answered one by one.
struct WrittenStore {
  explicit WrittenStore(SqliteBench& where) : bench(where), store(bench.make_store()) {
    const auto opened = store->open([](BatchNumber, Status status) { EXPECT_TRUE(status.has_value()); });
    EXPECT_TRUE(opened.has_value());
    next = opened->last_batch;
  }
  void write(std::vector<core::Row> rows) {
    store->commit({BatchNumber{++next.value}, std::move(rows)});
    bench.settle(*store);
  }
  SqliteBench& bench;
  std::unique_ptr<ports::Store> store;
  BatchNumber next;
};

void check_that_the_log_is_longer(SqliteBench& bench) {
  WrittenStore written(bench);
  for (int i = 0; i < 20; ++i) written.write({core::Row(core::MetaRow{"fact " + std::to_string(i), "x"})});
  const auto log = bench.path() + "-wal";
  const auto is_long = [&] {
    return std::filesystem::file_size(log) > std::uintmax_t{1} << 20;
  };  // after the answer, on the store's thread
  for (int i = 0; i < 2000 && !is_long(); ++i) written.write({core::Row(core::MetaRow{"again", "x"})});
  EXPECT_TRUE(is_long());
  // As a crash leaves both files.
  const std::string crashed = bench.folder + "/crashed.db";
  std::filesystem::copy_file(bench.path(), crashed);
  std::filesystem::copy_file(log, crashed + "-wal");
  auto database = sqlite::Database::open(crashed, sqlite::Database::Access::read_write);
  EXPECT_EQ(*database->number("SELECT count(*) FROM meta WHERE name LIKE 'fact %'"), 20);
  EXPECT_EQ(*database->number("SELECT batch FROM fence"), static_cast<std::int64_t>(written.next.value));
}

TEST(SqliteStore, TheLogIsLongerThanWhatIsWrittenInItAndNothingOfThatIsRead) {
  SqliteBench bench;
  check_that_the_log_is_longer(bench);
}

TEST(SqliteStore, TheLogIsLongerAlsoWhenTheLoopWrites) {
  InlineSqliteBench bench;
  check_that_the_log_is_longer(bench);
}

TEST(SqliteStore, ASmallBatchIsWrittenWhenCommitReturnsOnceTheDiskHasShownThatItIsFast) {
  SqliteBench bench;
  bench.write_inline = {.rows = 1, .commit_time = std::chrono::hours(1), .fast_in_a_row = 2, .quiet = std::chrono::nanoseconds(0)};
  LoopStore loop(bench);
  for (int i = 0; i < 2; ++i) {
    loop.commit(many_rows(1));
    loop.settle();
  }
  loop.wait_for_thread();
  loop.commit(many_rows(1));
  EXPECT_TRUE(bench.has_told());
  auto database = sqlite::Database::open(bench.path(), sqlite::Database::Access::read_only);
  EXPECT_EQ(*database->number("SELECT batch FROM fence"), static_cast<std::int64_t>(loop.next.value));
}

TEST(SqliteStore, ASmallBatchDoesNotOvertakeALargeOne) {
  SqliteBench bench;
  bench.write_inline = kAlwaysInline;
  bench.write_inline.rows = 1;
  LoopStore loop(bench);
  for (int i = 0; i < 50; ++i) {
    loop.commit(many_rows(200));
    loop.commit(many_rows(1));
    if (i % 3 == 0) loop.settle();  // so that the thread is asleep, at work or about to be
  }
  loop.settle();
  ASSERT_EQ(loop.told.size(), 100u);
  EXPECT_TRUE(std::is_sorted(loop.told.begin(), loop.told.end()));
}

TEST(SqliteStore, ASweepThatWaitsIsDoneWhenTheLoopHasWritten) {
  InlineSqliteBench bench;
  LoopStore loop(bench);
  int swept = 0;
  for (int i = 1; i <= 200; ++i) {
    loop.store->sweep({}, unix_millis(1), [&](const Result<ports::Swept>& outcome) { swept += outcome.has_value() ? 1 : 0; });
    loop.commit(many_rows(1));  // often before the thread is awake
    while (swept < i) bench.settle(*loop.store);
  }
  loop.settle();
  EXPECT_EQ(loop.told.size(), 200u);
}

TEST(SqliteStore, TheLogIsCopiedAndWrittenFromItsBeginningAgain) {
  SqliteBench bench;
  WrittenStore written(bench);
  constexpr std::uint32_t kMegabytes = 48;
  for (std::uint32_t i = 0; i < kMegabytes; ++i) {
    std::vector<core::Row> rows;
    for (std::uint32_t part = 0; part < 16; ++part) {
      core::LogRow row;
      row.ref = {{JobId{1}, 0, i * 16 + part}, 1};
      row.bytes = Bytes(64 << 10, 'x');
      rows.emplace_back(std::move(row));
    }
    written.write(std::move(rows));
  }
  EXPECT_LT(std::filesystem::file_size(bench.path() + "-wal"), std::uintmax_t{kMegabytes / 2} << 20);
  EXPECT_GT(std::filesystem::file_size(bench.path()), std::uintmax_t{kMegabytes / 2} << 20);
}

/// Whoever reads the database with SQL finds each attempt of a run, the one that has a row of its own included.
TEST(SqliteStore, AViewSaysOfEveryAttemptWhatItsRowOrItsRunSays) {
  SqliteBench bench;
  auto store = bench.make_store();
  const auto opened = store->open([](BatchNumber, Status status) { EXPECT_TRUE(status.has_value()); });
  ASSERT_TRUE(opened.has_value());
  core::AttemptRow row;
  row.ref = {{JobId{1}, 0, 0}, 1};
  row.agent = AgentNumber{1};
  core::JobSpec spec;
  spec.tasks.emplace_back();
  std::vector<core::Row> rows{core::Row(core::JobRow{JobId{1}, std::make_shared<const core::JobSpec>(spec), "", "", {}})};
  for (; row.ref.task.index < 5000; ++row.ref.task.index) rows.emplace_back(row);
  row.ref.task.index = 70;
  row.status = TaskStatus::completed;
  row.is_result = true;
  rows.emplace_back(row);
  store->commit({BatchNumber{opened->last_batch.value + 1}, std::move(rows)});
  bench.settle(*store);
  auto database = sqlite::Database::open(bench.path(), sqlite::Database::Access::read_only);
  EXPECT_LT(*database->number("SELECT count(*) FROM attempts"), 10);
  EXPECT_EQ(*database->number("SELECT count(*) FROM attempts_in_words"), 5000);
  EXPECT_EQ(*database->number("SELECT count(DISTINCT idx) FROM attempts_in_words"), 5000);
  EXPECT_EQ(*database->number("SELECT max(idx) FROM attempts_in_words WHERE status = 'pending'"), 4999);
  EXPECT_EQ(*database->number("SELECT idx FROM attempts_in_words WHERE status = 'completed'"), 70);
}

TEST(SqliteStore, WhatCannotBeLoadedIsCorruptAndNamed) {
  SqliteBench bench;
  auto store = bench.make_store();
  ASSERT_TRUE(store->open([](BatchNumber, Status) {}).has_value());
  {
    auto other = sqlite::Database::open(bench.path(), sqlite::Database::Access::read_write);
    ASSERT_TRUE(other->run("INSERT INTO jobs VALUES (5,'n','q',0,'','',0,'{broken')").has_value());
  }
  const auto status = store->load([](const core::Row&) -> Status { return {}; });
  ASSERT_FALSE(status.has_value());
  EXPECT_EQ(status.error().code, Errc::corrupt);
  EXPECT_NE(status.error().detail.find("job 5"), std::string::npos);
}

}  // namespace stint::contract
