#include <gtest/gtest.h>

#include "scheduler/flow.hpp"

namespace stint::scheduler {
namespace {

using testing::attempt_of;
using testing::Flow;
using Files = std::map<std::string, std::string>;

constexpr const char* kCrawl = R"({"name":"crawl","command":["crawl"],"outputs":["items.jsonl"]})";

class PreparationTest : public ::testing::Test {
 protected:
  std::uint64_t submit(const std::string& tasks) { return flow.world.submit(R"({"name":"flow","tasks":[)" + tasks + "]}"); }
  boost::json::object job(std::uint64_t id) { return flow.get("/v1/jobs/" + std::to_string(id)).as_object(); }
  std::string state_of(std::uint64_t id) { return std::string(job(id).at("state").as_string()); }
  std::string detail_of(std::uint64_t id) {
    const auto& view = job(id);
    return std::string(view.at("reason").as_string()) + ": " + std::string(view.at("detail").as_string());
  }
  std::uint64_t total_of(std::uint64_t id, std::size_t group) {
    return job(id).at("groups").at(group).at("tasks").at("total").to_number<std::uint64_t>();
  }

  Flow flow;
};

TEST_F(PreparationTest, AnEntryTakesItsItemsFromWhatAnotherLeft) {
  const auto id = submit(std::string(kCrawl) + R"(,{"name":"label","command":["label"],"each":{"from":"crawl","file":"items.jsonl"}})");
  EXPECT_EQ(flow.get("/v1/tasks/1.crawl/explain").at("why"), "placed");
  flow.end(attempt_of(id, 0), {{"items.jsonl", "{\"url\":\"a\"}\r\n\nb\nc"}, {"log.txt", "x"}});
  ASSERT_EQ(total_of(id, 1), 3U) << "empty lines count for nothing";
  const auto first = flow.find_assigned(attempt_of(id, 1, 0));
  ASSERT_TRUE(first);
  EXPECT_EQ(first->extra.item, "{\"url\":\"a\"}");
  EXPECT_FALSE(first->extra.is_batch);
  EXPECT_FALSE(first->extra.token.empty()) << "it has files to fetch";
  EXPECT_EQ(first->shared.array_size, 3U);
  EXPECT_EQ(flow.files_of(first->shared.needs_inputs), (Files{{"crawl/items.jsonl", "{\"url\":\"a\"}\r\n\nb\nc"}, {"crawl/log.txt", "x"}}));
  EXPECT_EQ(flow.find_assigned(attempt_of(id, 1, 2))->extra.item, "c");
  for (std::uint32_t i = 0; i < 3; ++i) flow.end(attempt_of(id, 1, i));
  EXPECT_EQ(state_of(id), "completed");
}

TEST_F(PreparationTest, ItemsOfAnArrayComeInTheOrderOfItsTasksAndWhatCollectMadeStandsForThem) {
  const std::string crawl = R"({"name":"crawl","command":["c"],"array":{"count":2},"outputs":["i"],"collect":{"file":"i","into":"i"}},)";
  const auto id = submit(crawl + R"({"name":"use","command":["u"],"each":{"from":"crawl","file":"i"}})");
  flow.end(attempt_of(id, 0, 1), {{"i", "c\n"}});
  flow.end(attempt_of(id, 0, 0), {{"i", "a\nb\n"}});
  ASSERT_EQ(total_of(id, 1), 3U);
  EXPECT_EQ(flow.find_assigned(attempt_of(id, 1, 0))->extra.item, "a");
  EXPECT_EQ(flow.find_assigned(attempt_of(id, 1, 2))->extra.item, "c");
}

TEST_F(PreparationTest, ABatchIsGivenAsLines) {
  const auto id = submit(std::string(kCrawl) + R"(,{"name":"use","command":["u"],"each":{"from":"crawl","file":"items.jsonl","batch":2}})");
  flow.end(attempt_of(id, 0), {{"items.jsonl", "a\nb\nc\n"}});
  ASSERT_EQ(total_of(id, 1), 2U);
  EXPECT_EQ(flow.find_assigned(attempt_of(id, 1, 0))->extra.item, "a\nb\n");
  EXPECT_TRUE(flow.find_assigned(attempt_of(id, 1, 0))->extra.is_batch);
  EXPECT_EQ(flow.find_assigned(attempt_of(id, 1, 1))->extra.item, "c\n");
}

TEST_F(PreparationTest, NoItemsAreNoError) {
  const auto id = submit(std::string(kCrawl) + R"(,{"name":"use","command":["u"],"each":{"from":"crawl","file":"items.jsonl"}})");
  flow.end(attempt_of(id, 0), {{"items.jsonl", "\n"}});
  EXPECT_EQ(total_of(id, 1), 0U);
  EXPECT_EQ(state_of(id), "completed");
}

TEST_F(PreparationTest, AFileThatNobodyLeftFailsTheEntry) {
  const auto id = submit(std::string(kCrawl) + R"(,{"name":"use","command":["u"],"each":{"from":"crawl","file":"itms.jsonl"}})");
  flow.end(attempt_of(id, 0), {{"items.jsonl", "a\n"}});
  EXPECT_EQ(state_of(id), "failed");
  EXPECT_EQ(detail_of(id), "preparation_failed: 1.use: no task of crawl has left itms.jsonl; name it among its outputs");
}

TEST_F(PreparationTest, AListOfAnotherLengthThanTheJobSaysFailsTheEntry) {
  const auto items = flow.put("a\nb\n");
  const auto id = submit(R"({"name":"use","command":["u"],"each":{"items":")" + items + R"(","count":3}})");
  EXPECT_EQ(state_of(id), "failed");
  EXPECT_EQ(detail_of(id), "preparation_failed: 1.use: the list of items has 2 lines, but the job says 3");
  const auto gone = submit(R"({"name":"use","command":["u"],"each":{"items":")" + std::string(64, '7') + R"(","count":3}})");
  EXPECT_EQ(state_of(gone), "failed");
}

TEST_F(PreparationTest, FilesComeWithTheTasksTheyAreOf) {
  const auto list = flow.put(flow.line_of("cat", "a/cat.png") + flow.line_of("dog", "b.png"));
  const auto id = submit(R"({"name":"use","command":["u"],"each":{"items":")" + list + R"(","count":2,"kind":"files"}})");
  const auto second = flow.find_assigned(attempt_of(id, 0, 1));
  ASSERT_TRUE(second);
  EXPECT_EQ(second->extra.item, "b.png");
  ASSERT_EQ(second->extra.files.size(), 1U);
  EXPECT_EQ(second->extra.files[0].path, "b.png");
  EXPECT_EQ(second->extra.files[0].blob, blob_id_of(as_bytes("dog")));
}

TEST_F(PreparationTest, ResultsOfNeedsAreFiles) {
  const auto id = submit(R"({"name":"one","command":["x"]},{"name":"many","command":["x"],"array":{"count":2,"first":10,"step":5}},)"
                         R"({"name":"use","command":["u"],"needs":["one","many"]})");
  flow.end(attempt_of(id, 0), {}, R"({"a":1})");
  flow.end(attempt_of(id, 1, 0), {}, R"({"b":1})");
  flow.end(attempt_of(id, 1, 1), {}, R"({"b":2})");
  const auto use = flow.find_assigned(attempt_of(id, 2));
  ASSERT_TRUE(use);
  EXPECT_EQ(flow.files_of(use->shared.needs_inputs), (Files{{"one/result.json", "{\"a\":1}\n"},
                                                            {"many/results.jsonl",
                                                             "{\"task\":\"1.many.10\",\"index\":10,\"result\":{\"b\":1}}\n"
                                                             "{\"task\":\"1.many.15\",\"index\":15,\"result\":{\"b\":2}}\n"}}));
}

TEST_F(PreparationTest, ManyResultsAreAllThereWithTheirItems) {
  std::string items;
  for (int i = 0; i < 100; ++i) items += std::to_string(i) + "\n";
  const auto list = flow.put(items);
  const auto id = submit(R"({"name":"many","command":["x"],"resources":{"cpu_millis":1},"each":{"items":")" + list +
                         R"(","count":100}},{"name":"use","command":["u"],"needs":["many"]})");
  for (std::uint32_t i = 0; i < 100; ++i) flow.end(attempt_of(id, 0, i), {}, R"({"r":)" + std::to_string(i) + "}");
  const auto use = flow.find_assigned(attempt_of(id, 1));
  ASSERT_TRUE(use);
  const auto text = flow.files_of(use->shared.needs_inputs).at("many/results.jsonl");
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 100);
  EXPECT_NE(text.find(R"({"task":"1.many.99","index":99,"item":99,"result":{"r":99}})"), std::string::npos) << text.substr(0, 300);
}

TEST_F(PreparationTest, FilesThatStandInEachOthersWayFailTheEntry) {
  const auto id = submit(R"({"name":"one","command":["x"],"outputs":["result.json"]},{"name":"use","command":["u"],"needs":["one"]})");
  flow.end(attempt_of(id, 0), {{"result.json", "{}"}}, "{}");
  EXPECT_EQ(state_of(id), "failed");
  EXPECT_NE(detail_of(id).find("preparation_failed: 1.use: path"), std::string::npos) << detail_of(id);
}

TEST_F(PreparationTest, CollectPutsTheFilesOfCompletedTasksTogether) {
  const auto id = submit(R"({"name":"infer","command":["x"],"array":{"count":3},"outputs":["p"],"collect":{"file":"p","into":"all.txt"}},)"
                         R"({"name":"use","command":["u"],"needs":[{"task":"infer","on":"always"}]})");
  flow.end(attempt_of(id, 0, 2), {{"p", "three\n"}});
  flow.end(attempt_of(id, 0, 1), {}, {}, TaskStatus::failed);
  EXPECT_FALSE(flow.find_assigned(attempt_of(id, 1)));
  flow.end(attempt_of(id, 0, 0), {{"p", "one\n"}});
  const auto use = flow.find_assigned(attempt_of(id, 1));
  ASSERT_TRUE(use);
  EXPECT_EQ(flow.files_of(use->shared.needs_inputs),
            (Files{{"infer/0/p", "one\n"}, {"infer/2/p", "three\n"}, {"infer/all.txt", "one\nthree\n"}}));
}

TEST_F(PreparationTest, AFullDiskOfTheBlobStoreFailsNobody) {
  const auto id = submit(std::string(kCrawl) + R"(,{"name":"use","command":["u"],"each":{"from":"crawl","file":"items.jsonl"}})");
  flow.put("a\nb");
  flow.world.blob_files->room = 0;
  auto last = testing::update(attempt_of(id, 0), 2, TaskStatus::completed);
  last.outputs.push_back({blob_id_of(as_bytes("a\nb")), 3, false, "items.jsonl"});
  flow.world.tell(*flow.agent, protocol::UpdateList{{last}});
  EXPECT_EQ(state_of(id), "running");
  EXPECT_EQ(flow.get("/v1/tasks/1.use/explain").as_object().contains("code"), true) << "nobody knows its tasks yet";
  EXPECT_EQ(flow.get("/v1/jobs/1/explain").at("why"), "preparing");
  flow.world.blob_files->room = 1000;
  flow.world.advance(limits::kPreparePause);
  EXPECT_EQ(total_of(id, 1), 2U);
}

TEST_F(PreparationTest, ARestartInTheMiddleGoesOn) {
  const auto id = submit(std::string(kCrawl) + R"(,{"name":"use","command":["u"],"each":{"from":"crawl","file":"items.jsonl"}},)"
                                               R"({"name":"end","command":["e"],"needs":["use"]})");
  flow.world.blob_files->room = 1000;
  flow.put("a\nb\n");
  flow.world.blob_files->room = 0;  // the preparation cannot come to its end
  auto last = testing::update(attempt_of(id, 0), 2, TaskStatus::completed);
  last.outputs.push_back({blob_id_of(as_bytes("a\nb\n")), 4, false, "items.jsonl"});
  flow.world.tell(*flow.agent, protocol::UpdateList{{last}});
  flow.world.blob_files->room = 1000;
  flow.restart();
  ASSERT_EQ(total_of(id, 1), 2U);
  flow.end(attempt_of(id, 1, 0), {}, R"({"r":1})");

  flow.restart({attempt_of(id, 1, 1)});
  flow.end(attempt_of(id, 1, 1), {}, R"({"r":2})");
  const auto end = flow.find_assigned(attempt_of(id, 2));
  ASSERT_TRUE(end);
  EXPECT_EQ(flow.files_of(end->shared.needs_inputs), (Files{{"use/results.jsonl",
                                                             "{\"task\":\"1.use.0\",\"index\":0,\"item\":\"a\",\"result\":{\"r\":1}}\n"
                                                             "{\"task\":\"1.use.1\",\"index\":1,\"item\":\"b\",\"result\":{\"r\":2}}\n"}}));
}

TEST_F(PreparationTest, AnAssignmentWaitsForItsItemsAfterARestart) {
  const auto items = flow.put("a\nb\n");
  const auto id = submit(R"({"name":"use","command":["u"],"each":{"items":")" + items + R"(","count":2}})");
  ASSERT_TRUE(flow.find_assigned(attempt_of(id, 0, 1)));
  flow.restart();  // the agent has nothing of it: it is told again
  const auto again = flow.find_assigned(attempt_of(id, 0, 1));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->extra.item, "b");
}

TEST_F(PreparationTest, MatrixValuesComeWithTheTask) {
  const auto id = submit(R"({"name":"use","command":["u","${{ matrix.lr }}"],"matrix":[{"name":"lr","values":["0.1","0.01"]}]})");
  const auto second = flow.find_assigned(attempt_of(id, 0, 1));
  ASSERT_TRUE(second);
  ASSERT_EQ(second->extra.values.size(), 1U);
  EXPECT_EQ(second->extra.values[0].second, "0.01");
  EXPECT_TRUE(second->extra.token.empty()) << "it moves no data";
}

TEST_F(PreparationTest, ItemsLeaveTheMemoryWithTheirJob) {
  const auto items = flow.put("a\n");
  const auto id = submit(R"({"name":"use","command":["u"],"each":{"items":")" + items + R"(","count":1}})");
  EXPECT_NE(flow.world.daemon->items().find(JobId{id}, 0), nullptr);
  flow.end(attempt_of(id, 0, 0));
  EXPECT_EQ(flow.world.daemon->items().find(JobId{id}, 0), nullptr);
}

TEST_F(PreparationTest, ManyEntriesArePreparedAFewAtATime) {
  const auto items = flow.put("a\nb\n");
  std::string tasks;
  for (int i = 0; i < 20; ++i)
    tasks +=
        (i == 0 ? "" : ",") + (R"({"name":"t)" + std::to_string(i)) + R"(","command":["u"],"each":{"items":")" + items + R"(","count":2}})";
  const auto id = submit(tasks);
  EXPECT_TRUE(flow.find_assigned(attempt_of(id, 0, 0)));
  flow.world.call("POST", "/v1/jobs/1/cancel");
  EXPECT_EQ(state_of(id), "cancelled");
}

}  // namespace
}  // namespace stint::scheduler
