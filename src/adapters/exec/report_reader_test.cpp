#include "adapters/exec/report_reader.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "adapters/exec/fd.hpp"
#include "adapters/exec/limits.hpp"

namespace stint::exec {
namespace {

using Until = ReportReader::Until;

class ReportReaderTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/stint-report-XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    root = name;
    dir.reset(::open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }
  void TearDown() override { std::filesystem::remove_all(root); }
  void append(const std::string& text) const { std::ofstream{root + "/r", std::ios::app} << text; }
  ReportLines read(Until until = Until::last_line_end) { return reader.read(dir.get(), "r", until); }

  std::string root;
  UniqueFd dir;
  ReportReader reader;
};

TEST_F(ReportReaderTest, AFileThatIsNotThereHasNoLines) { EXPECT_EQ(read(Until::end_of_file).lines, ""); }

TEST_F(ReportReaderTest, OnlyWholeLinesAreGivenAndEachOnce) {
  append("one\ntw");
  EXPECT_EQ(read().lines, "one\n");
  EXPECT_EQ(read().lines, "");
  append("o\n");
  EXPECT_EQ(read().lines, "two\n");
  append("rest");
  EXPECT_EQ(read().lines, "");
  EXPECT_EQ(read(Until::end_of_file).lines, "rest\n");
  EXPECT_EQ(read(Until::end_of_file).lines, "");
}

TEST_F(ReportReaderTest, WhatWasNotSeenComesAgain) {
  append("one\n");
  reader.seen(read().end);
  append("two\n");
  EXPECT_EQ(read().lines, "two\n");
  reader.rewind();
  EXPECT_EQ(read().lines, "two\n");
}

TEST_F(ReportReaderTest, UnseenLinesAreGivenOnlyUpToTheWindow) {
  const std::string line(1023, 'x');
  for (std::size_t i = 0; i < 2 * limits::kReportWindow / 1024; ++i) append(line + "\n");
  std::uint64_t end = 0;
  while (reader.may_read()) end = read().end;
  EXPECT_LT(end, limits::kReportWindow + limits::kReportChunk);
  reader.seen(end);
  EXPECT_TRUE(reader.may_read());
}

TEST_F(ReportReaderTest, ALongLineIsCutAndCounted) {
  for (const std::size_t length :
       {limits::kReportLineMax + 1, limits::kReportChunk - 1, limits::kReportChunk, 3 * limits::kReportChunk + 5}) {
    append(std::string(length, 'x') + "\nnext\n");
    ReportLines all;
    for (ReportLines some = read(); !some.lines.empty(); some = read()) all.lines += some.lines, all.cut_lines += some.cut_lines;
    EXPECT_EQ(all.lines, std::string(limits::kReportLineMax, 'x') + "\nnext\n") << length;
    EXPECT_EQ(all.cut_lines, 1U);
  }
}

TEST_F(ReportReaderTest, ALongLineStillBeingWrittenIsGivenWhenItEnds) {
  append(std::string(limits::kReportChunk * 2, 'x'));
  EXPECT_EQ(read().lines, "");
  append("y");
  EXPECT_EQ(read().lines, "");
  append("\nnext\n");
  const ReportLines cut = read();
  EXPECT_EQ(cut.lines, std::string(limits::kReportLineMax, 'x') + "\n");
  EXPECT_EQ(cut.cut_lines, 1U);
  EXPECT_EQ(read().lines, "next\n");
}

TEST_F(ReportReaderTest, ALongLineWithoutAnEndIsGivenAtTheEnd) {
  append(std::string(limits::kReportChunk * 2, 'x'));
  EXPECT_EQ(read(Until::end_of_file).cut_lines, 1U);
  EXPECT_EQ(read(Until::end_of_file).lines, "");
}

TEST_F(ReportReaderTest, ALongLineComesAgainAsItWas) {
  append(std::string(limits::kReportChunk * 2, 'x') + "\nnext\n");
  const ReportLines first = read();
  EXPECT_EQ(read().lines, "next\n");
  reader.rewind();
  const ReportLines again = read();
  EXPECT_EQ(again.lines, first.lines);
  EXPECT_EQ(again.end, first.end);
  EXPECT_EQ(read().lines, "next\n");
}

TEST_F(ReportReaderTest, AFileOpenedAnewIsReadFromItsBeginning) {
  append("a first run\n");
  reader.seen(read().end);
  std::ofstream{root + "/r"} << "anew\n";
  EXPECT_EQ(read().lines, "anew\n");
}

TEST_F(ReportReaderTest, WhatIsNoPlainFileIsNotRead) {
  ASSERT_EQ(::mkfifo((root + "/r").c_str(), 0600), 0);
  EXPECT_EQ(read(Until::end_of_file).lines, "");
}

}  // namespace
}  // namespace stint::exec
