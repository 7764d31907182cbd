#include "scheduler/log_book.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "adapters/memory/store.hpp"
#include "scheduler/test_links.hpp"

namespace stint::scheduler {
namespace {

using testing::log_chunk;
using testing::ref;

class LogBookTest : public ::testing::Test {
 protected:
  /// What is new of a chunk; "" for a repetition.
  std::string take(std::uint64_t offset, std::string_view text, protocol::LogStream stream = protocol::LogStream::out) {
    auto chunk = log_chunk(ref(1), offset, text);
    chunk.stream = stream;
    const auto taken = book.take(chunk);
    if (!taken) return "error: " + taken.error().detail;
    end = taken->end;
    if (!taken->row) return {};
    EXPECT_EQ(taken->row->ref, ref(1));
    EXPECT_EQ(taken->row->stream, static_cast<std::uint8_t>(stream));
    EXPECT_EQ(taken->row->offset + taken->row->bytes.size(), taken->end);
    return {taken->row->bytes.begin(), taken->row->bytes.end()};
  }

  std::shared_ptr<memory::Tables> tables = std::make_shared<memory::Tables>();
  memory::MemoryReader reader{tables};
  LogBook book{reader};
  std::uint64_t end = 0;
};

TEST_F(LogBookTest, TakesEachByteOnceHoweverOftenItComes) {
  EXPECT_EQ(take(0, "abc"), "abc");
  EXPECT_EQ(take(0, "abc"), "") << "a repetition";
  EXPECT_EQ(end, 3U) << "and it is acknowledged again";
  EXPECT_EQ(take(1, "b"), "") << "a part of it";
  EXPECT_EQ(end, 3U);
  EXPECT_EQ(take(3, "d"), "d");
  EXPECT_EQ(end, 4U);
}

TEST_F(LogBookTest, KeepsOnlyTheNewPartOfAnOverlap) {
  EXPECT_EQ(take(0, "abcd"), "abcd");
  EXPECT_EQ(take(2, "cdef"), "ef");
  EXPECT_EQ(take(0, "abcdefgh"), "gh");
  EXPECT_EQ(end, 8U);
}

TEST_F(LogBookTest, RefusesAGapAndSaysWhereItStands) {
  EXPECT_EQ(take(0, "ab"), "ab");
  const auto taken = book.take(log_chunk(ref(1), 3, "d"));
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().code, Errc::out_of_range);
  EXPECT_NE(taken.error().detail.find("byte 3"), std::string::npos);
  EXPECT_NE(taken.error().detail.find("2 bytes"), std::string::npos);
  EXPECT_EQ(take(2, "cd"), "cd") << "the refusal has moved nothing";
}

TEST_F(LogBookTest, BothStreamsAndAllAttemptsCountOnTheirOwn) {
  EXPECT_EQ(take(0, "out"), "out");
  EXPECT_EQ(take(0, "err", protocol::LogStream::err), "err");
  EXPECT_EQ(take(3, "!", protocol::LogStream::err), "!");
  EXPECT_EQ(book.ends(ref(1))->out, 3U);
  EXPECT_EQ(book.ends(ref(1))->err, 4U);
  const auto other = book.take(log_chunk(ref(1, 0, 2), 0, "again"));
  ASSERT_TRUE(other && other->row) << "the second attempt starts at 0";
}

TEST_F(LogBookTest, GoesOnWhereTheStoreEnds) {
  tables->apply(core::LogRow{.ref = ref(1), .stream = 1, .offset = 0, .bytes = {'a', 'b', 'c'}});
  EXPECT_EQ(take(0, "abcde"), "de");
}

TEST_F(LogBookTest, ForgettingCountsFromTheStoreAgain) {
  EXPECT_EQ(take(0, "abc"), "abc");
  book.clear();  // a full disk has undone what was staged
  EXPECT_EQ(take(0, "abc"), "abc");
}

}  // namespace
}  // namespace stint::scheduler
