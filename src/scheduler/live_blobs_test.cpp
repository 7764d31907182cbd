#include "scheduler/live_blobs.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "scheduler/flow.hpp"
#include "scheduler/limits.hpp"

namespace stint::scheduler {
namespace {

using namespace std::chrono_literals;
using testing::attempt_of;
using testing::Flow;

class LiveBlobsTest : public ::testing::Test {
 protected:
  bool is_there(const std::string& text) const { return flow.world.blob_files->blobs.contains(blob_id_of(as_bytes(text))); }
  /// A day and more goes by, and a sweep.
  void sweep() {
    flow.world.advance(25h);
    for (int i = 0; i < 20; ++i) flow.world.advance(limits::kBlobSweepSlice);
    flow.world.advance(limits::kBlobSweepPeriod);
    for (int i = 0; i < 20; ++i) flow.world.advance(limits::kBlobSweepSlice);
  }
  std::string manifest_of(const std::string& text, const std::string& path) {
    flow.put(text);
    return flow.put(flow.line_of(text, path));
  }
  std::vector<BlobId> mark() {
    auto marking = std::make_shared<LiveBlobs>(flow.world.daemon->core(), *flow.world.reader, *flow.world.blobs);
    for (int steps = 0; steps < 10'000 && !marking->is_done(); ++steps) {
      if (!marking->is_waiting()) marking->step();
      flow.world.blobs->finish_all();
    }
    EXPECT_TRUE(marking->is_done());
    outcome = marking->outcome();
    return marking->take_live();
  }

  Flow flow;
  Status outcome;
};

TEST_F(LiveBlobsTest, WhatJobsNameStaysAndTheRestGoes) {
  flow.put("nobody's");
  const auto inputs = manifest_of("train.py", "train.py");
  const auto files = manifest_of("cat", "cat.png");
  const auto lines = flow.put("a\nb\n");
  const auto id = flow.world.submit(R"({"tasks":[{"name":"one","command":["x"],"inputs":")" + inputs +
                                    R"(","outputs":["f"],"checkpoint":true},)"
                                    R"({"name":"two","command":["x"],"each":{"items":")" +
                                    files +
                                    R"(","count":1,"kind":"files"}},)"
                                    R"({"name":"three","command":["x"],"resources":{"cpu_millis":1},"each":{"items":")" +
                                    lines +
                                    R"(","count":2}},)"
                                    R"({"name":"four","command":["x"],"each":{"from":"one","file":"f"}}]})");
  const auto checkpoint = manifest_of("weights", "w");
  flow.world.token = flow.find_assigned(attempt_of(id, 0))->extra.token;
  EXPECT_EQ(flow.world.call("PUT", "/v1/attempts/1.0.0.1/checkpoint", R"({"manifest":")" + checkpoint + R"("})").status(), 200);
  flow.world.token = testing::kToken;
  flow.end(attempt_of(id, 0), {{"f", "i\r\nj\n"}}, R"({"r":1})");
  const auto prepared = flow.find_assigned(attempt_of(id, 3))->shared.needs_inputs;
  sweep();
  EXPECT_FALSE(is_there("nobody's"));
  for (const std::string text : {"train.py", "cat", "a\nb\n", "weights", "i\r\nj\n", "i\nj\n", "{\"r\":1}\n"})
    EXPECT_TRUE(is_there(text)) << text;
  for (const auto& name : {inputs, files, checkpoint, to_hex(prepared)})
    EXPECT_TRUE(flow.world.blob_files->blobs.contains(*parse_blob_id(name)));
}

TEST_F(LiveBlobsTest, WhatARemovedJobNamedGoes) {
  const auto inputs = manifest_of("train.py", "train.py");
  flow.world.retention.jobs.age = 1h;
  flow.restart();
  const auto id = flow.world.submit(R"({"tasks":[{"name":"one","command":["x"],"inputs":")" + inputs + R"(","outputs":["f"]}]})");
  flow.end(attempt_of(id, 0), {{"f", "left"}});
  flow.world.advance(2h);
  flow.world.advance(limits::kSweepPeriod);
  for (int i = 0; i < 5; ++i) flow.world.advance(limits::kSweepPause);
  ASSERT_EQ(flow.world.call("GET", "/v1/jobs/1").status(), 404);
  sweep();
  EXPECT_TRUE(flow.world.blob_files->blobs.empty());
}

TEST_F(LiveBlobsTest, AManifestOfManyPiecesIsReadWhole) {
  core::Manifest files;
  for (int i = 0; i < 20'000; ++i) files.push_back({blob_id_of(as_bytes(std::to_string(i))), 1, false, std::to_string(i)});
  const auto text = core::print_manifest(files);
  ASSERT_GT(text->size(), std::size_t{1} << 20);
  const auto inputs = flow.put(*text);
  flow.world.submit(R"({"tasks":[{"name":"one","command":["x"],"inputs":")" + inputs + R"("}]})");
  const auto live = mark();
  EXPECT_EQ(live.size(), 20'001U);
  EXPECT_TRUE(std::is_sorted(live.begin(), live.end()));
  EXPECT_TRUE(std::binary_search(live.begin(), live.end(), files[19'999].blob));
}

TEST_F(LiveBlobsTest, WhatIsNoManifestOrNotThereNamesNothing) {
  const auto text = flow.put("no manifest\nat all\n");
  flow.world.submit(R"({"tasks":[{"name":"one","command":["x"],"inputs":")" + text + R"("}]})");
  flow.world.submit(R"({"tasks":[{"name":"one","command":["x"],"inputs":")" + std::string(64, '7') + R"("}]})");
  EXPECT_EQ(mark().size(), 2U);
  EXPECT_TRUE(outcome) << outcome.error().detail;
}

}  // namespace
}  // namespace stint::scheduler
