#include "client/text.hpp"

#include <gtest/gtest.h>

#include "base/utc.hpp"

namespace stint::client {
namespace {

using namespace std::chrono_literals;

TEST(Text, DurationsHaveTwoUnitsAtMost) {
  EXPECT_EQ(show_duration(0s), "0.0s");
  EXPECT_EQ(show_duration(440ms), "0.4s");
  EXPECT_EQ(show_duration(59s), "59s");
  EXPECT_EQ(show_duration(185s), "3m05s");
  EXPECT_EQ(show_duration(2h + 7min + 59s), "2h07m");
  EXPECT_EQ(show_duration(99h), "4d03h");
  EXPECT_EQ(show_duration(-1s), "0.0s") << "clocks differ";
}

TEST(Text, AmountsUseTheLargestUnitThatFits) {
  EXPECT_EQ(show_bytes(0), "0");
  EXPECT_EQ(show_bytes(1023), "1023");
  EXPECT_EQ(show_bytes(512 * 1024), "512Ki");
  EXPECT_EQ(show_bytes(3 * kGiB / 2), "1.5Gi");
  EXPECT_EQ(show_cpu(4000), "4");
  EXPECT_EQ(show_cpu(1250), "1.25");
  EXPECT_EQ(show_cpu(5), "0.005");
  EXPECT_EQ(show_resources({2000, 8 * kGiB, 1, 0}), "2 CPU, 8Gi, 1 GPU");
}

TEST(Text, TimesAreShownWithoutTheirFraction) {
  EXPECT_EQ(show_time("2026-11-22T08:40:00.123Z"), "2026-11-22 08:40:00");
  EXPECT_EQ(show_time(""), "-");
}

TEST(Text, TheEndOfATaskIsTwoWords) {
  EXPECT_EQ(show_end({TaskStatus::completed, EndReason::exit, 0, 0}), "");
  EXPECT_EQ(show_end({TaskStatus::running, EndReason::none, 0, 0}), "");
  EXPECT_EQ(show_end({TaskStatus::failed, EndReason::exit, 3, 0}), "exit 3");
  EXPECT_EQ(show_end({TaskStatus::failed, EndReason::signal, 0, 9}), "signal 9");
  EXPECT_EQ(show_end({TaskStatus::failed, EndReason::timeout, 0, 9}), "timeout");
  EXPECT_EQ(show_end({TaskStatus::cancelled, EndReason::none, 0, 0}), "cancelled");
}

TEST(Text, AFailureSaysNothingTwice) {
  TaskView task;
  task.outcome = {TaskStatus::failed, EndReason::timeout, 0, 15};
  EXPECT_EQ(show_failure(task), "timeout");
  task.detail = "timed out after 2 s";
  EXPECT_EQ(show_failure(task), "timed out after 2 s");
  task.outcome.reason = EndReason::oom;
  task.detail = "the limit is 1 GiB";
  EXPECT_EQ(show_failure(task), "oom: the limit is 1 GiB");
}

TEST(Text, BarsAreAsWideAsAsked) {
  EXPECT_EQ(show_bar(0, 6), "[    ]");
  EXPECT_EQ(show_bar(0.5, 6), "[==> ]");
  EXPECT_EQ(show_bar(1, 6), "[====]");
  EXPECT_EQ(show_bar(7, 6), "[====]");
  EXPECT_EQ(show_bar(0.5, 2), "");
}

TEST(Text, WidthCountsCharacters) {
  EXPECT_EQ(display_width("Größe…"), 6U);
  EXPECT_EQ(shorten("Größe", 5), "Größe");
  EXPECT_EQ(shorten("Größen", 5), "Größ…");
  EXPECT_EQ(shorten("abc", 0), "");
}

TEST(Table, ColumnsAlignAndNothingTrails) {
  Table table({{"JOB", Align::right}, {"NAME"}, {"STATE"}});
  EXPECT_TRUE(table.is_empty());
  table.add({"7", "größe", "running"});
  table.add({"1234", "x", ""});
  EXPECT_EQ(table.render(),
            " JOB  NAME   STATE\n"
            "   7  größe  running\n"
            "1234  x\n");
}

TEST(Table, AnOptionalColumnIsThereForWhatIsInIt) {
  Table table({{"TASK"}, {"UNTIL", Align::left, nullptr, true}, {"RESULT", Align::left, nullptr, true}});
  table.add({"1.a", "", ""});
  EXPECT_EQ(table.render(), "TASK\n1.a\n");
  table.add({"1.b", "", "{}"});
  EXPECT_EQ(table.render(), "TASK  RESULT\n1.a\n1.b   {}\n");
}

TEST(Time, GoesBothWays) {
  const std::string text = "2026-11-22T08:40:00.123Z";
  EXPECT_EQ(format_utc(*parse_utc(text)), text);
  EXPECT_EQ(show_ago(text, *parse_utc("2026-11-22T08:43:05.200Z")), "3m05s ago");
  EXPECT_EQ(show_ago(text, *parse_utc(text)), "just now");
  EXPECT_EQ(show_ago("", *parse_utc(text)), "-");
}

TEST(Table, ColoursAreForTerminalsAndMoveNoColumn) {
  Table table({{"STATE", Align::left, style_of_state}, {"N", Align::right}});
  table.add({"failed", "7"});
  EXPECT_EQ(table.render(), "STATE   N\nfailed  7\n");
  EXPECT_EQ(table.render({true, Charset::utf8}), "\x1b[90mSTATE \x1b[0m  \x1b[90mN\x1b[0m\n\x1b[31mfailed\x1b[0m  7\n");
}

}  // namespace
}  // namespace stint::client
