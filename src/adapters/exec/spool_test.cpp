#include "adapters/exec/spool.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>

#include "adapters/exec/limits.hpp"
#include "base/random.hpp"

namespace stint::exec {
namespace {

class SpoolTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/stint-spool-XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    root = name;
    auto opened = StateDir::open(root);
    ASSERT_TRUE(opened);
    state = std::make_unique<StateDir>(std::move(*opened));
    reopen();
  }
  void TearDown() override { std::filesystem::remove_all(root); }
  void reopen() {
    auto opened = Spool::open(*state);
    ASSERT_TRUE(opened);
    spool = std::make_unique<Spool>(std::move(*opened));
  }
  std::string read(const SpooledStream& stream, std::uint64_t offset, std::size_t size) const {
    std::string text(size, '?');
    text.resize(spool->read(stream, offset, {reinterpret_cast<std::uint8_t*>(text.data()), size}));
    return text;
  }
  [[nodiscard]] std::uint64_t disk_bytes() const {
    std::uint64_t bytes = 0;
    for (const auto& entry : std::filesystem::directory_iterator{root + "/spool"}) {
      struct stat status{};
      if (::stat(entry.path().c_str(), &status) == 0) bytes += static_cast<std::uint64_t>(status.st_blocks) * 512;
    }
    return bytes;
  }

  std::string root;
  std::unique_ptr<StateDir> state;
  std::unique_ptr<Spool> spool;
};

TEST_F(SpoolTest, InterleavedStreamsAreReadBackFromAnyOffset) {
  Prng random{7};
  std::array<SpooledStream, 5> streams;
  std::array<std::string, 5> expected;
  for (int round = 0; round < 3000; ++round) {
    const std::size_t at = random.below(streams.size());
    const std::string text(random.below(20000), static_cast<char>('a' + random.below(26)));
    ASSERT_EQ(spool->append(streams[at], as_bytes(text)), text.size());
    expected[at] += text;
  }
  ASSERT_GT(spool->segments(), 1U);  // so pieces cross from one segment to the next
  for (int round = 0; round < 500; ++round) {
    const std::size_t at = random.below(streams.size());
    const std::uint64_t offset = random.below(expected[at].size() + 10);
    const std::size_t size = random.below(100'000);
    const std::string wanted = offset < expected[at].size() ? expected[at].substr(offset, size) : "";
    ASSERT_TRUE(read(streams[at], offset, size) == wanted) << at << " " << offset << " " << size;
  }
}

TEST_F(SpoolTest, NothingIsOnDiskBeforeSomethingIsSaid) {
  EXPECT_TRUE(std::filesystem::is_empty(root + "/spool"));
  SpooledStream silent;
  spool->release(silent);
  EXPECT_TRUE(std::filesystem::is_empty(root + "/spool"));
}

TEST_F(SpoolTest, SegmentsGoWhenAllInThemIsReleased) {
  const Bytes piece(1 << 20, 'x');
  std::vector<SpooledStream> streams(64);
  for (SpooledStream& stream : streams) ASSERT_EQ(spool->append(stream, piece), piece.size());
  EXPECT_EQ(spool->segments(), 64U * piece.size() / limits::kSegmentBytes);
  for (SpooledStream& stream : streams) spool->release(stream);
  EXPECT_LE(spool->segments(), 1U);
  EXPECT_EQ(disk_bytes(), 0U);
}

TEST_F(SpoolTest, OneLongTaskDoesNotHoldTheSpaceOfTheShortOnes) {
  SpooledStream pinned;
  const Bytes piece(1 << 20, 'x');
  std::uint64_t most = 0;
  for (int round = 0; round < 100; ++round) {
    SpooledStream brief;
    ASSERT_EQ(spool->append(pinned, as_bytes("a line\n")), 7U);
    ASSERT_EQ(spool->append(brief, piece), piece.size());
    spool->release(brief);
    most = std::max(most, disk_bytes());
  }
  EXPECT_EQ(read(pinned, 0, 10000).size(), 700U);
  EXPECT_LT(most, std::uint64_t{8} << 20);
}

TEST_F(SpoolTest, TheFileBeingWrittenStartsAnewWhenAllIsReleased) {
  for (int round = 0; round < 1000; ++round) {
    SpooledStream stream;
    ASSERT_EQ(spool->append(stream, as_bytes("hello")), 5U);
    ASSERT_EQ(read(stream, 0, 5), "hello");
    spool->release(stream);
  }
  EXPECT_EQ(spool->segments(), 1U);
  EXPECT_EQ(disk_bytes(), 0U);
}

TEST_F(SpoolTest, LeftoversOfAnEarlierKeeperAreRemoved) {
  SpooledStream stream;
  ASSERT_EQ(spool->append(stream, as_bytes("old")), 3U);
  reopen();
  EXPECT_TRUE(std::filesystem::is_empty(root + "/spool"));
}

}  // namespace
}  // namespace stint::exec
