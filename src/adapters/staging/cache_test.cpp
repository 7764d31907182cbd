#include "adapters/staging/cache.hpp"

#include <gtest/gtest.h>

#include <thread>

#include "staging/staging_world.hpp"

namespace stint::staging {
namespace {

using namespace staging::testing;

class CacheTest : public ::testing::Test {
 protected:
  std::unique_ptr<ports::BlobClient> client() {
    return make_client(scheduler, "token", 1s, [this] { return is_stopped.load(); });
  }
  bool has(Cache& cache, const BlobId& blob) {
    const auto reads = scheduler.reads;
    const auto pin = cache.get(blob, std::nullopt, *client());
    return pin && scheduler.reads == reads;
  }
  TemporaryDir dir;
  FakeScheduler scheduler;
  std::atomic<bool> is_stopped = false;
};

TEST_F(CacheTest, TheLeastRecentlyUsedGoesAndWhatIsInUseStays) {
  Cache cache{dir.path(), 1000};
  std::vector<BlobId> blobs;
  for (char c = 'a'; c <= 'e'; ++c) blobs.push_back(scheduler.add(std::string(400, c)));
  ASSERT_TRUE(cache.get(blobs[0], std::nullopt, *client()));
  const auto pin = cache.get(blobs[1], std::nullopt, *client());
  ASSERT_TRUE(pin);
  ASSERT_TRUE(cache.get(blobs[0], std::nullopt, *client())) << "used again";
  ASSERT_TRUE(cache.get(blobs[2], std::nullopt, *client()));
  EXPECT_TRUE(exists(pin->path())) << "in use, though the oldest";
  EXPECT_LE(cache.size_bytes(), 1000U);
  EXPECT_FALSE(has(cache, blobs[0]));
}

TEST_F(CacheTest, RemembersTheOrderOfUseOverARestart) {
  const auto a = scheduler.add(std::string(400, 'a'));
  const auto b = scheduler.add(std::string(400, 'b'));
  const auto c = scheduler.add(std::string(400, 'c'));
  {
    Cache cache{dir.path(), 1000};
    ASSERT_TRUE(cache.get(a, std::nullopt, *client()));
    ASSERT_TRUE(cache.get(b, std::nullopt, *client()));
    ::poll(nullptr, 0, 20);  // times of files have the kernel's tick
    ASSERT_TRUE(cache.get(a, std::nullopt, *client()));
  }
  Cache cache{dir.path(), 1000};
  ASSERT_TRUE(cache.get(c, std::nullopt, *client()));
  EXPECT_EQ(cache.size_bytes(), 800U);
  EXPECT_TRUE(has(cache, a));
}

TEST_F(CacheTest, GoesOnWithWhatAnEarlierProcessFetched) {
  std::string bytes(10'000'000, 'x');
  const auto blob = scheduler.add(bytes);
  write_text(dir.path() + "/partial/" + to_hex(blob), bytes.substr(0, 9'000'000));
  Cache cache{dir.path(), 1 << 30};
  ASSERT_TRUE(cache.get(blob, bytes.size(), *client()));
  EXPECT_EQ(scheduler.bytes_down, 1'000'000U) << "the rest only";
  EXPECT_EQ(count_entries(dir.path() + "/partial"), 0U);
}

TEST_F(CacheTest, WhatIsNotWhatItWasIsFetchedAnew) {
  const auto blob = scheduler.add("bytes");
  write_text(dir.path() + "/partial/" + to_hex(blob), "wrong");
  Cache cache{dir.path(), 1000};
  auto path = std::string{};
  {
    const auto pin = cache.get(blob, 5, *client());
    ASSERT_TRUE(pin) << pin.error().detail;
    path = pin->path();
  }
  EXPECT_EQ(read_text(path), "bytes");
  std::filesystem::remove(path);
  ASSERT_TRUE(cache.get(blob, 5, *client()));
  EXPECT_EQ(read_text(path), "bytes");
}

TEST_F(CacheTest, TwoWhoWantTheSameFetchItOnce) {
  const auto blob = scheduler.add(std::string(9'000'000, 'x'));
  Cache cache{dir.path(), 1 << 30};
  std::vector<std::thread> threads;
  std::atomic<int> good = 0;
  for (int i = 0; i < 4; ++i) threads.emplace_back([&] { good += cache.get(blob, 9'000'000, *client()).has_value() ? 1 : 0; });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(good, 4);
  EXPECT_EQ(scheduler.bytes_down, 9'000'000U);
}

TEST_F(CacheTest, ACutConnectionCostsNothingThatHasCome) {
  const auto blob = scheduler.add(std::string(9'000'000, 'x'));
  scheduler.cuts_down = 4;
  Cache cache{dir.path(), 1 << 30};
  EXPECT_TRUE(cache.get(blob, std::nullopt, *client()));
  EXPECT_EQ(scheduler.reads, 5U);
}

TEST_F(CacheTest, WhatIsLongerThanItMayBeIsNotTaken) {
  const auto blob = scheduler.add("bytes");
  scheduler.lies = 100;
  Cache cache{dir.path(), 1000};
  const auto pin = cache.get(blob, 5, *client());
  ASSERT_FALSE(pin);
  EXPECT_EQ(pin.error().code, Errc::corrupt);
  EXPECT_EQ(count_entries(dir.path() + "/partial"), 0U);
}

TEST_F(CacheTest, IsNoMoreThanADirectory) {
  write_text(dir.path() + "/ab/something", "else");
  write_text(dir.path() + "/ab/" + std::string(64, 'c'), "in the wrong place");
  Cache cache{dir.path(), 1000};
  const auto blob = scheduler.add("bytes");
  ASSERT_TRUE(cache.get(blob, std::nullopt, *client()));
  EXPECT_EQ(cache.size_bytes(), 5U);
}

}  // namespace
}  // namespace stint::staging
