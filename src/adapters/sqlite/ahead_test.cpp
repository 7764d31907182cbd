#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>

#include "adapters/sqlite/copy.hpp"
#include "adapters/sqlite/database.hpp"
#include "adapters/sqlite/test_bench.hpp"
#include "hash/sha256.hpp"

namespace stint::contract {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kJob = 7;

/// A job as somebody submits it, its one task placed.
std::vector<core::Row> new_job(std::uint64_t id = kJob) {
  core::JobSpec spec;
  spec.name = "it's \"quoted\"";
  spec.tasks.emplace_back().command = {"echo", "a\nb"};
  core::AttemptRow attempt;
  attempt.ref = {{JobId{id}, 0, 0}, 1};
  attempt.agent = AgentNumber{3};
  attempt.placed_at = unix_millis(2000);
  core::JobStateRow state;
  state.job = JobId{id};
  state.status = TaskStatus::running;
  return {core::JobRow{JobId{id}, std::make_shared<const core::JobSpec>(spec), "me", "key", unix_millis(1000)},
          core::EventRow{id, unix_millis(1000), "job_submitted", JobId{id}, "{}"}, attempt, state};
}

std::int64_t number(const std::string& path, const std::string& sql) {
  auto database = sqlite::Database::open(path, sqlite::Database::Access::read_only);
  EXPECT_TRUE(database.has_value());
  return *database->number(sql);
}

std::int64_t batch_in(const std::string& path) { return number(path, "SELECT batch FROM fence"); }
std::int64_t jobs_in(const std::string& path) { return number(path, "SELECT count(*) FROM jobs"); }

/// A store that has just been given a job.
struct Ahead {
  Ahead() : loop(bench) { loop.commit(new_job()); }

  /// The files as a crash leaves them now, for a bench of their own.
  void crash_into(AheadSqliteBench& other) const {
    for (const char* tail : {"", "-wal", "-ahead"})
      if (fs::exists(bench.path() + tail)) fs::copy_file(bench.path() + tail, other.path() + tail);
  }
  [[nodiscard]] std::int64_t number_of_the_job() const { return static_cast<std::int64_t>(loop.next.value); }

  AheadSqliteBench bench;
  LoopStore loop;
};

struct Reopened {
  explicit Reopened(AheadSqliteBench& bench) : store(bench.make_store()) {
    const auto opened = store->open([](BatchNumber, const Status&) {});
    EXPECT_TRUE(opened.has_value()) << (opened ? "" : opened.error().detail);
    if (opened) last_batch = static_cast<std::int64_t>(opened->last_batch.value);
  }
  std::unique_ptr<sqlite::Store> store;
  std::int64_t last_batch = 0;
};

/// With a digest that fits.
void write_version(const std::string& path, char version) {
  std::string bytes(std::size_t{64} << 10, '\0');
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  bytes[8] = version;
  const auto length = load_le<std::uint32_t>(as_bytes(bytes).data() + 12);
  const BlobId digest = blob_id_of(as_bytes(bytes.substr(0, 32) + bytes.substr(64, length)));
  std::copy(digest.bytes.begin(), digest.bytes.end(), bytes.begin() + 32);
  file.seekp(0);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

TEST(SqliteAhead, AJobIsToldOfBeforeTheDatabaseHasIt) {
  Ahead ahead;
  EXPECT_TRUE(ahead.bench.has_told());
  EXPECT_EQ(batch_in(ahead.bench.path()), ahead.number_of_the_job() - 1);
  EXPECT_EQ(jobs_in(ahead.bench.path()), 0);
}

TEST(SqliteAhead, TheNextBatchTakesItAlong) {
  Ahead ahead;
  ahead.loop.commit(many_rows(1));
  ahead.loop.settle();
  EXPECT_EQ(batch_in(ahead.bench.path()), ahead.number_of_the_job());  // of the next one, by now
  EXPECT_EQ(jobs_in(ahead.bench.path()), 1);
  EXPECT_EQ(number(ahead.bench.path(), "SELECT count(*) FROM meta WHERE name = 'row 0'"), 1);
  EXPECT_EQ(ahead.loop.told.size(), 2u);
}

TEST(SqliteAhead, TheDatabaseHasItALittleLaterIfNothingElseComes) {
  Ahead ahead;
  ahead.loop.settle();
  ASSERT_TRUE(ahead.bench.later);
  ahead.bench.later();
  while (batch_in(ahead.bench.path()) < ahead.number_of_the_job()) std::this_thread::yield();
  EXPECT_EQ(jobs_in(ahead.bench.path()), 1);
  EXPECT_EQ(ahead.loop.told.size(), 1u);
}

TEST(SqliteAhead, WhoReadsThroughTheStoreMissesNothing) {
  Ahead ahead;
  const auto reader = ahead.bench.make_reader();
  const auto events = reader->events(0, JobId{}, 10);
  ASSERT_TRUE(events.has_value());
  ASSERT_EQ(events->size(), 1u);
  EXPECT_EQ(events->front().kind, "job_submitted");
}

TEST(SqliteAhead, LoadingGivesItToo) {
  Ahead ahead;
  std::vector<core::Row> rows;
  ASSERT_TRUE(ahead.loop.store->load([&](const core::Row& row) -> Status {
    rows.push_back(row);
    return {};
  }));
  EXPECT_EQ(std::count_if(rows.begin(), rows.end(), [](const core::Row& row) { return std::holds_alternative<core::JobRow>(row); }), 1);
}

TEST(SqliteAhead, AnEndWritesIt) {
  AheadSqliteBench bench;
  {
    LoopStore loop(bench);
    loop.commit(new_job());
  }
  EXPECT_EQ(jobs_in(bench.path()), 1);
}

TEST(SqliteAhead, ACrashLosesNothingOfIt) {
  Ahead ahead;
  AheadSqliteBench crashed;
  ahead.crash_into(crashed);
  ASSERT_EQ(jobs_in(crashed.path()), 0);
  const Reopened reopened(crashed);
  EXPECT_EQ(reopened.last_batch, ahead.number_of_the_job());
  std::vector<core::JobRow> jobs;
  std::vector<core::AttemptRow> attempts;
  ASSERT_TRUE(reopened.store->load([&](const core::Row& row) -> Status {
    if (const auto* job = std::get_if<core::JobRow>(&row)) jobs.push_back(*job);
    if (const auto* attempt = std::get_if<core::AttemptRow>(&row)) attempts.push_back(*attempt);
    return {};
  }));
  ASSERT_EQ(jobs.size(), 1u);
  const auto wanted = std::get<core::JobRow>(new_job().front());
  EXPECT_EQ(jobs.front().id, wanted.id);
  EXPECT_EQ(*jobs.front().spec, *wanted.spec);
  EXPECT_EQ(jobs.front().idempotency_key, wanted.idempotency_key);
  ASSERT_EQ(attempts.size(), 1u);
  EXPECT_EQ(attempts.front().agent, AgentNumber{3});
  EXPECT_EQ(attempts.front().placed_at, unix_millis(2000));
}

/// The only file that knows of it.
TEST(SqliteAhead, ATornWriteIsNoBatch) {
  Ahead ahead;
  for (const std::streamoff at : {0, 9, 13, 17, 25, 40, 70, 300}) {
    AheadSqliteBench crashed;
    ahead.crash_into(crashed);
    {
      std::fstream file(crashed.path() + "-ahead", std::ios::in | std::ios::out | std::ios::binary);
      file.seekg(at);
      const char was = static_cast<char>(file.get());
      file.seekp(at);
      file.put(static_cast<char>(was ^ 1));
    }
    const Reopened reopened(crashed);
    EXPECT_EQ(reopened.last_batch, ahead.number_of_the_job() - 1) << at;
    EXPECT_EQ(jobs_in(crashed.path()), 0) << at;
  }
}

/// Of a newer program: what it means is not known, so it is not thrown away.
TEST(SqliteAhead, AnotherVersionIsRefusedWhileItMatters) {
  for (const bool is_over : {false, true}) {
    Ahead ahead;
    AheadSqliteBench crashed;
    ahead.crash_into(crashed);
    write_version(crashed.path() + "-ahead", 2);
    if (is_over) {
      auto database = sqlite::Database::open(crashed.path(), sqlite::Database::Access::read_write);
      ASSERT_TRUE(database->run("UPDATE fence SET batch = batch + 1").has_value());
    }
    const auto opened = crashed.make_store()->open([](BatchNumber, const Status&) {});
    EXPECT_EQ(opened.has_value() ? Errc{} : opened.error().code, is_over ? Errc{} : Errc::unsupported);
  }
}

TEST(SqliteAhead, AFileCutShortIsMadeLongAgain) {
  Ahead ahead;
  for (const std::uintmax_t bytes : {std::uintmax_t{0}, std::uintmax_t{63}, std::uintmax_t{200}, std::uintmax_t{5000}}) {
    AheadSqliteBench crashed;
    ahead.crash_into(crashed);
    fs::resize_file(crashed.path() + "-ahead", bytes);
    const Reopened reopened(crashed);
    EXPECT_EQ(jobs_in(crashed.path()), bytes == 5000 ? 1 : 0) << bytes;
    EXPECT_EQ(fs::file_size(crashed.path() + "-ahead"), std::uintmax_t{64} << 10);
  }
}

TEST(SqliteAhead, WhatTheDatabaseHasIsNotWrittenAgain) {
  Ahead ahead;
  ahead.loop.commit({core::Row(core::JobStateRow{JobId{kJob}, TaskStatus::completed, EndReason::exit, "", false, unix_millis(9)})});
  ahead.loop.settle();
  AheadSqliteBench crashed;
  ahead.crash_into(crashed);
  const Reopened reopened(crashed);
  EXPECT_EQ(reopened.last_batch, ahead.number_of_the_job());
  EXPECT_EQ(number(crashed.path(), "SELECT ended_ms FROM job_states"), 9);
}

TEST(SqliteAhead, AnotherSchedulersBatchIsNotTaken) {
  Ahead ahead;
  AheadSqliteBench crashed;
  ahead.crash_into(crashed);
  {
    auto database = sqlite::Database::open(crashed.path(), sqlite::Database::Access::read_write);
    ASSERT_TRUE(database->run("UPDATE fence SET token = token + 1").has_value());
  }
  const Reopened reopened(crashed);
  EXPECT_EQ(jobs_in(crashed.path()), 0);
}

TEST(SqliteAhead, ACopyHasItToo) {
  Ahead ahead;
  const std::string copy = ahead.bench.folder + "/copy.db";
  const auto facts = sqlite::copy_database(ahead.bench.path(), copy, [](std::int64_t, std::int64_t) { return true; });
  ASSERT_TRUE(facts.has_value()) << facts.error().detail;
  EXPECT_EQ(jobs_in(ahead.bench.path()), 0);
  EXPECT_EQ(jobs_in(copy), 1);
}

TEST(SqliteAhead, WhatHasNoNewJobOrIsMuchGoesToTheDatabase) {
  std::vector<core::Row> many = new_job();
  for (std::uint32_t index = 1; index < 8; ++index) {
    core::AttemptRow attempt = std::get<core::AttemptRow>(many[2]);
    attempt.ref.task.index = index;
    many.emplace_back(attempt);
  }
  std::vector<core::Row> large = new_job();
  std::get<core::EventRow>(large[1]).body.assign(std::size_t{70} << 10, 'x');
  std::vector<core::Row> others = new_job();
  others.emplace_back(core::MetaRow{"a", "b"});
  for (const auto& rows : {many, large, others, many_rows(1)}) {
    AheadSqliteBench bench;
    LoopStore loop(bench);
    loop.commit(rows);
    EXPECT_EQ(batch_in(bench.path()), static_cast<std::int64_t>(loop.next.value));
  }
}

TEST(SqliteAhead, OnlyTheFirstNewJobIsPrompt) {
  AheadSqliteBench bench;
  LoopStore loop(bench);
  EXPECT_TRUE(loop.store->is_prompt({BatchNumber{1}, new_job()}));
  EXPECT_FALSE(loop.store->is_prompt({BatchNumber{1}, many_rows(1)}));
  loop.commit(new_job());
  EXPECT_FALSE(loop.store->is_prompt({BatchNumber{2}, new_job()})) << "it has to take the first along into the database";
}

TEST(SqliteAhead, WhoeverHasItOpenKeepsOthersOut) {
  Ahead ahead;
  fs::remove(ahead.bench.path() + ".lock");
  const auto refused = ahead.bench.make_store()->open([](BatchNumber, const Status&) {});
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, Errc::conflict);
  EXPECT_NE(refused.error().detail.find("-ahead"), std::string::npos) << refused.error().detail;
}

TEST(SqliteAhead, WithoutRoomForTheFileTheDatabaseIsWrittenAtOnce) {
  AheadSqliteBench bench;
  fs::create_symlink("/dev/full", bench.path() + "-ahead");
  LoopStore loop(bench);
  loop.commit(new_job());
  EXPECT_EQ(jobs_in(bench.path()), 1);
}

}  // namespace
}  // namespace stint::contract
