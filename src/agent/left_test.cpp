#include <gtest/gtest.h>

#include <algorithm>

#include "agent/agent.hpp"
#include "agent/limits.hpp"
#include "agent/test_world.hpp"
#include "protocol/limits.hpp"

/// What comes with single attempts, and what they leave: values, items, results, outputs.
namespace stint::agent {
namespace {

using namespace agent::testing;

class LeftTest : public ::testing::Test {
 protected:
  LeftTest() {
    world.start();
    world.connect();
  }
  void TearDown() override { EXPECT_EQ(world.scheduler.breaches, std::vector<std::string>{}); }
  std::string variable(std::uint32_t index, const std::string& name) {
    for (const auto& [key, value] : world.driver.tasks.at(ref(index)).spec.env)
      if (key == name) return value;
    return "(unset)";
  }
  void end_with(std::uint32_t index, std::vector<FileRef> outputs) {
    world.driver.tasks.at(ref(index)).outputs = std::move(outputs);
    world.driver.end(ref(index), EndReason::exit, 0);
    world.settle();
  }
  World world;
};

FileRef file(std::string path) {
  FileRef made;
  made.blob.bytes.fill(7);
  made.size = 3;
  made.path = std::move(path);
  return made;
}

TEST_F(LeftTest, EachAttemptGetsWhatCameForIt) {
  auto tmpl = task_template();
  tmpl.command = {"run", "${{ matrix.lr }}", "${{ item.url }}", "${{ index }}"};
  tmpl.env = {{"RATE", "lr=${{ matrix.lr }}"}};
  tmpl.outputs = {"model.npz"};
  std::vector<protocol::AssignedExtra> extras(2);
  for (std::uint32_t i = 0; i < 2; ++i) {
    extras[i].index = 2 * i;
    extras[i].token = "attempt." + std::to_string(i);
    extras[i].item = R"({"url":"u)" + std::to_string(i) + "\"}";
    extras[i].values = {{"matrix.lr", i == 0 ? "0.1" : "0.2"}};
  }
  tmpl.command[2] = "${{ item.url }}";
  world.assign({ref(0), ref(1), ref(2)}, tmpl, extras);

  ASSERT_EQ(world.driver.tasks.size(), 2U) << "the one without a value does not start";
  EXPECT_EQ(world.driver.tasks.at(ref(0)).spec.command, (std::vector<std::string>{"run", "0.1", "u0", "0"}));
  EXPECT_EQ(world.driver.tasks.at(ref(2)).spec.command, (std::vector<std::string>{"run", "0.2", "u1", "2"}));
  EXPECT_EQ(variable(2, "RATE"), "lr=0.2");
  EXPECT_EQ(variable(2, "STINT_ITEM"), R"({"url":"u1"})");
  ASSERT_TRUE(world.driver.tasks.at(ref(2)).spec.stage);
  EXPECT_EQ(world.driver.tasks.at(ref(2)).spec.stage->token, "attempt.1");
  EXPECT_EQ(world.driver.tasks.at(ref(2)).spec.stage->outputs, tmpl.outputs);

  const auto* refused = world.task(1).last();
  ASSERT_NE(refused, nullptr);
  EXPECT_EQ(refused->status, TaskStatus::failed);
  EXPECT_EQ(refused->reason, EndReason::start_failed) << "no other agent can do better";
  EXPECT_EQ(refused->detail, "${{ matrix.lr }} stands for nothing in this attempt");
}

TEST_F(LeftTest, APlainTaskHasNoStage) {
  protocol::AssignedExtra extra;
  extra.item = "one";
  world.assign({ref(0)}, task_template(), {extra});
  EXPECT_FALSE(world.driver.tasks.at(ref(0)).spec.stage);
  EXPECT_EQ(variable(0, "STINT_ITEM"), "one");
  EXPECT_EQ(variable(0, "STINT_ARRAY_SIZE"), "100");
}

TEST_F(LeftTest, ABatchIsStagedAndNamedByTheDriver) {
  protocol::AssignedExtra extra;
  extra.item = "a\nb\n";
  extra.is_batch = true;
  world.assign({ref(0)}, task_template(), {extra});
  ASSERT_TRUE(world.driver.tasks.at(ref(0)).spec.stage);
  EXPECT_TRUE(world.driver.tasks.at(ref(0)).spec.stage->is_batch);
  EXPECT_EQ(variable(0, "STINT_ITEM"), "(unset)");
}

TEST_F(LeftTest, TheLastResultAndTheOutputsComeWithTheEnd) {
  world.assign({ref(0)});
  world.driver.report(ref(0), "{\"result\":1}\n");
  world.settle();
  EXPECT_TRUE(world.task(0).last()->result.empty());
  world.driver.report(ref(0), "{\"result\":{\"loss\":0.10}}\n");
  end_with(0, {file("a"), file("b/c")});
  const auto* end = world.task(0).last();
  EXPECT_EQ(end->status, TaskStatus::completed);
  EXPECT_EQ(end->result, "{\"loss\":0.10}");
  EXPECT_EQ(end->outputs, (std::vector{file("a"), file("b/c")}));
}

TEST_F(LeftTest, AResultThatWasReportedOutlivesTheAgent) {
  world.assign({ref(0)});
  world.driver.report(ref(0), "{\"result\":42}\n");
  world.settle();
  world.restart();  // the driver was told that the line was seen
  end_with(0, {});
  EXPECT_EQ(world.task(0).last()->result, "42");
}

TEST_F(LeftTest, AnEndIsRepeatedWordForWordAfterADeath) {
  world.assign({ref(0)});
  world.scheduler.acks = false;
  world.driver.report(ref(0), "{\"result\":42}\n");
  end_with(0, {file("a")});
  world.restart();
  EXPECT_EQ(world.task(0).last()->result, "42");
  EXPECT_EQ(world.task(0).last()->outputs, std::vector{file("a")});
  EXPECT_EQ(world.task(0).updates.size(), 2U) << "nothing new was said; two contents of one number would be a breach";
}

TEST_F(LeftTest, AResultThatIsTooLargeFailsTheAttempt) {
  world.assign({ref(0), ref(1)});
  const auto large = "{\"result\":\"" + std::string(protocol::limits::kResult, 'r') + "\"}\n";
  world.driver.report(ref(0), large);
  end_with(0, {file("a")});
  EXPECT_EQ(world.task(0).last()->status, TaskStatus::failed);
  EXPECT_EQ(world.task(0).last()->reason, EndReason::result_too_large);
  EXPECT_NE(world.task(0).last()->detail.find("65536"), std::string::npos);
  EXPECT_TRUE(world.task(0).last()->outputs.empty());

  world.driver.report(ref(1), large);
  world.driver.end(ref(1), EndReason::exit, 3);
  world.settle();
  EXPECT_EQ(world.task(1).last()->reason, EndReason::exit) << "it had failed before";
}

TEST_F(LeftTest, OutputsThatNoFrameCanHoldFailTheAttempt) {
  world.assign({ref(0)});
  std::vector<FileRef> many(protocol::limits::kFiles + 1, file("x"));
  end_with(0, many);
  EXPECT_EQ(world.task(0).last()->status, TaskStatus::failed);
  EXPECT_EQ(world.task(0).last()->reason, EndReason::output_missing);
  EXPECT_NE(world.task(0).last()->detail.find("4097"), std::string::npos) << world.task(0).last()->detail;
}

TEST_F(LeftTest, ManyLargeEndsAtOnceDoNotOverflowTheSession) {
  std::vector<AttemptRef> refs;
  for (std::uint32_t i = 0; i < 400; ++i) refs.push_back(ref(i));
  world.assign(refs);
  for (const auto& id : refs) {
    world.driver.report(id, "{\"result\":\"" + std::string(60'000, 'r') + "\"}\n");  // 24 MB together
    world.driver.end(id, EndReason::exit, 0);
  }
  world.settle();
  EXPECT_TRUE(world.scheduler.ends.empty()) << world.scheduler.ends[0].detail;
  for (const auto& id : refs) ASSERT_TRUE(world.scheduler.tasks[id].ended());
  EXPECT_EQ(world.agent->held(), 0U);
}

}  // namespace
}  // namespace stint::agent
