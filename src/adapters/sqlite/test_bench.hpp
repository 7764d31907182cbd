#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "adapters/sqlite/store.hpp"

/// What tests of the SQLite store stand on.
namespace stint::contract {

/// A folder of its own, and a queue that stands for the owner's loop.
struct SqliteBench {
  SqliteBench() {
    char name[] = "/tmp/stint-store-XXXXXX";
    folder = ::mkdtemp(name);
  }
  SqliteBench(const SqliteBench&) = delete;
  SqliteBench& operator=(const SqliteBench&) = delete;
  virtual ~SqliteBench() { std::filesystem::remove_all(folder); }

  std::string path() const { return folder + "/state.db"; }
  virtual std::unique_ptr<sqlite::Store> make_store() {
    const auto post = [this](std::function<void()> work) {
      const std::lock_guard lock(mutex);
      posted.push_back(std::move(work));
      wake.notify_all();
    };
    return sqlite::make_store({path(), post, write_inline, post_later});
  }
  std::unique_ptr<ports::StoreReader> make_reader() {
    auto reader = sqlite::make_reader(path());
    EXPECT_TRUE(reader.has_value()) << (reader ? "" : reader.error().detail);
    return std::move(*reader);
  }
  /// One answer at least, then all that are there.
  void settle(ports::Store&) {
    std::unique_lock lock(mutex);
    wake.wait(lock, [this] { return !posted.empty(); });
    while (!posted.empty()) {
      auto work = std::move(posted.front());
      posted.pop_front();
      lock.unlock();
      work();
      lock.lock();
    }
  }

  /// Of what is given, on this thread; false: nothing was told yet.
  bool has_told() {
    const std::lock_guard lock(mutex);
    return !posted.empty();
  }

  sqlite::InlineLimits write_inline{.rows = 0};  ///< the store's thread writes all
  std::function<void(std::chrono::nanoseconds, std::function<void()>)> post_later;  ///< none: nothing is written ahead of the database
  std::string folder;
  std::mutex mutex;
  std::condition_variable wake;
  std::deque<std::function<void()>> posted;
};

inline constexpr sqlite::InlineLimits kAlwaysInline{
    .rows = SIZE_MAX, .commit_time = std::chrono::hours(1), .fast_in_a_row = 0, .quiet = std::chrono::nanoseconds(0)};

/// Whoever commits writes, whenever the store's thread does not.
struct InlineSqliteBench : SqliteBench {
  InlineSqliteBench() { write_inline = kAlwaysInline; }
};

/// New jobs are told of before the database has them; what is asked of it then goes through the store's own reader.
struct AheadSqliteBench : InlineSqliteBench {
  AheadSqliteBench() {
    post_later = [this](std::chrono::nanoseconds, std::function<void()> work) { later = std::move(work); };
  }
  std::unique_ptr<sqlite::Store> make_store() override {
    auto made = InlineSqliteBench::make_store();
    newest = made.get();
    return made;
  }
  std::unique_ptr<ports::StoreReader> make_reader() const {
    auto reader = newest->make_reader();
    EXPECT_TRUE(reader.has_value()) << (reader ? "" : reader.error().detail);
    return std::move(*reader);
  }

  std::function<void()> later;
  sqlite::Store* newest = nullptr;
};

/// Rows that no limit of InlineLimits lets through.
inline std::vector<core::Row> many_rows(std::size_t count) {
  std::vector<core::Row> rows;
  for (std::size_t i = 0; i < count; ++i) rows.emplace_back(core::MetaRow{"row " + std::to_string(i), "x"});
  return rows;
}

/// Commits as the loop does, which hears of them later.
struct LoopStore {
  explicit LoopStore(SqliteBench& where) : bench(where), store(bench.make_store()) {
    const auto opened = store->open([this](BatchNumber number, const Status& status) {
      EXPECT_TRUE(status.has_value());
      told.push_back(number);
    });
    EXPECT_TRUE(opened.has_value()) << (opened ? "" : opened.error().detail);
    if (!opened) return;
    next = opened->last_batch;
    wait_for_thread();
  }
  /// Returns when the store's thread has let the connection go.
  void wait_for_thread() const { EXPECT_TRUE(store->reopen().has_value()); }
  void commit(std::vector<core::Row> rows) { store->commit({BatchNumber{++next.value}, std::move(rows)}); }
  void settle() {
    while (told.empty() || told.back() != next) bench.settle(*store);
  }
  SqliteBench& bench;
  std::unique_ptr<sqlite::Store> store;
  BatchNumber next;
  std::vector<BatchNumber> told;
};

}  // namespace stint::contract
