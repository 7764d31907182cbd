#include "adapters/agent_host/file_journal.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>

namespace stint::agent_host {
namespace {

class SilentLog final : public Log {
 public:
  void write(LogLevel /*level*/, std::string /*message*/) override {}
};

class FileJournalTest : public testing::Test {
 protected:
  FileJournalTest() {
    std::string pattern = std::filesystem::temp_directory_path() / "stint-journal-XXXXXX";
    folder_ = mkdtemp(pattern.data());
    path_ = folder_ / "journal";
  }
  ~FileJournalTest() override { std::filesystem::remove_all(folder_); }

  FileJournal open() { return std::move(*FileJournal::open(path_, log_)); }
  std::vector<std::string> read() {
    auto journal = open();
    return read(journal);
  }
  static std::vector<std::string> read(FileJournal& journal) {
    std::vector<std::string> records;
    EXPECT_TRUE(journal.load([&](ByteView record) { records.emplace_back(as_text(record)); }));
    return records;
  }
  void fill(const std::vector<std::string>& records) {
    auto journal = open();
    for (const auto& record : records) ASSERT_TRUE(journal.append(as_bytes(record)));
  }

  std::filesystem::path folder_;
  std::string path_;
  SilentLog log_;
};

using Records = std::vector<std::string>;

TEST_F(FileJournalTest, ReturnsWhatWasAppendedInOrder) {
  fill({"one", "two", std::string(100'000, 'x')});
  fill({"four"});
  EXPECT_EQ(read(), (Records{"one", "two", std::string(100'000, 'x'), "four"}));
}

TEST_F(FileJournalTest, DropsATornTailAtEveryByteAndGoesOnBehindTheLastWholeRecord) {
  fill({"one", "two"});
  const auto two = std::filesystem::file_size(path_);
  fill({"three"});
  const auto three = std::filesystem::file_size(path_);
  for (auto size = two; size < three; ++size) {
    std::filesystem::resize_file(path_, three);
    {
      std::ofstream{path_, std::ios::trunc};
    }
    fill({"one", "two", "three"});
    std::filesystem::resize_file(path_, size);
    EXPECT_EQ(read(), (Records{"one", "two"})) << size;
    EXPECT_EQ(std::filesystem::file_size(path_), two) << "the torn part is cut off";
    auto journal = open();
    (void)read(journal);
    ASSERT_TRUE(journal.append(as_bytes("again")));
    EXPECT_EQ(read(), (Records{"one", "two", "again"}));
  }
}

TEST_F(FileJournalTest, AFlippedBitAnywhereDropsThatRecordAndWhatFollows) {
  fill({"one", "two", "three"});
  std::string good;
  {
    std::ifstream file(path_);
    good.assign(std::istreambuf_iterator<char>{file}, {});
  }
  const std::size_t first = 8 + 3;
  for (std::size_t at = 0; at < first; ++at) {
    auto bad = good;
    bad[first + at] = static_cast<char>(bad[first + at] ^ 4);
    std::ofstream{path_, std::ios::trunc} << bad;
    EXPECT_EQ(read(), (Records{"one"})) << at;
  }
}

TEST_F(FileJournalTest, RewriteReplacesEverything) {
  fill({"one", "two"});
  auto journal = open();
  (void)read(journal);
  ASSERT_TRUE(journal.rewrite({{'a'}, {'b', 'c'}}));
  EXPECT_EQ(journal.size_bytes(), std::filesystem::file_size(path_));
  ASSERT_TRUE(journal.append(as_bytes("d")));
  EXPECT_EQ(read(), (Records{"a", "bc", "d"}));
  EXPECT_FALSE(std::filesystem::exists(path_ + ".new"));
}

// The limit on file size stands in for a full disk: write(2) writes a part and then refuses, for any user.
TEST_F(FileJournalTest, AFullDiskWritesNothingAndLaterAppendsWork) {
  fill({"one"});
  auto journal = open();
  (void)read(journal);
  const auto previous_handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const rlimit tight{std::filesystem::file_size(path_) + 20, before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &tight);
  const auto refused = journal.append(as_bytes(std::string(1000, 'x')));
  const auto rewritten = journal.rewrite({Bytes(1000, 'y')});
  const auto small = journal.append(as_bytes("small"));
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, previous_handler);

  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::no_space);
  ASSERT_FALSE(rewritten);
  EXPECT_TRUE(small);
  ASSERT_TRUE(journal.append(as_bytes(std::string(1000, 'x'))));
  EXPECT_EQ(read(), (Records{"one", "small", std::string(1000, 'x')}));
}

}  // namespace
}  // namespace stint::agent_host
