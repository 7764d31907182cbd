#include "scheduler/prepare/item_list.hpp"

#include <gtest/gtest.h>

#include "core/model/limits.hpp"

namespace stint::scheduler {
namespace {

core::TaskSpec task_of(std::uint32_t batch, std::uint32_t overlap = 1) {
  core::TaskSpec task;
  task.each = core::EachSpec{};
  task.each->batch = batch;
  task.overlap = overlap;
  return task;
}

TEST(ItemList, GivesEachTaskItsItem) {
  const auto list = ItemList::make("a\nb\nc", core::EachSpec{});
  ASSERT_TRUE(list);
  EXPECT_EQ(list->size(), 3U);
  EXPECT_EQ(list->of_task(task_of(0), 0), "a");
  EXPECT_EQ(list->of_task(task_of(0), 2), "c");
  EXPECT_EQ(list->of_task(task_of(0, 2), 5), "c") << "two copies of each item";
}

TEST(ItemList, GivesBatchesAndARest) {
  const auto list = ItemList::make("a\nb\nc\n", core::EachSpec{});
  EXPECT_EQ(list->of_task(task_of(2), 0), "a\nb\n");
  EXPECT_EQ(list->of_task(task_of(2), 1), "c\n");
}

TEST(ItemList, TidiesWhatTasksWrote) {
  EXPECT_EQ(ItemList::tidy("a\r\n\n\nb"), "a\nb\n");
  EXPECT_EQ(ItemList::tidy("\n\n"), "");
  EXPECT_EQ(ItemList::tidy(""), "");
}

TEST(ItemList, FilesComeWithTheirTask) {
  const std::string line = std::string(64, 'a') + " 5 644 images/a b.png\n" + std::string(64, 'b') + " 7 755 images/c.png\n";
  core::TaskSpec task = task_of(2);
  task.each->kind = core::ItemKind::files;
  const auto list = ItemList::make(line, *task.each);
  ASSERT_TRUE(list) << list.error().detail;
  EXPECT_EQ(list->of_task(task, 0), "images/a b.png\nimages/c.png\n");
  const auto files = list->files_of_task(task, 0);
  ASSERT_EQ(files.size(), 2U);
  EXPECT_EQ(files[1].path, "images/c.png");
  EXPECT_TRUE(files[1].is_executable);
}

TEST(ItemList, NamesTheLineThatIsWrong) {
  const auto problem = [](std::string text, core::EachSpec each) {
    const auto list = ItemList::make(std::move(text), each);
    return list ? std::string() : list.error().detail;
  };
  EXPECT_EQ(problem("a\n\nb\n", {}), "line 2 of the list is empty");
  EXPECT_NE(problem("a\n" + std::string(core::limits::kItemBytes + 1, 'x'), {}).find("line 2 of the list has 65537 bytes"),
            std::string::npos);
  EXPECT_NE(problem(std::string("a\0b\n", 4), {}).find("zero byte"), std::string::npos);
  core::EachSpec files;
  files.kind = core::ItemKind::files;
  EXPECT_NE(problem("no manifest\n", files).find("list of files"), std::string::npos);
  core::EachSpec batch;
  batch.batch = 5;
  std::string big;
  for (int i = 0; i < 5; ++i) big += std::string(60'000, 'x') + "\n";
  EXPECT_NE(problem(big, batch).find("choose a smaller batch than 5"), std::string::npos);
}

}  // namespace
}  // namespace stint::scheduler
