#include "agent/attempt_journal.hpp"

#include <gtest/gtest.h>

#include "agent/test_world.hpp"

namespace stint::agent {
namespace {

using testing::MemoryJournal;

AttemptState make_state(std::uint32_t index) {
  AttemptState state;
  state.ref = {{JobId{0x1122334455667788}, 2, index}, 3};
  state.driver = "exec";
  state.status = TaskStatus::failed;
  state.reason = EndReason::signal;
  state.exit_code = -5;
  state.signal = 9;
  state.started_ms = 1'793'000'000'000;
  state.ended_ms = 1'793'000'000'001;
  state.number = 4;
  state.gpus = {0, 7};
  state.output_bytes = {1ULL << 40, 3};
  state.detail = "why";
  return state;
}

TEST(AttemptJournal, GivesBackEveryField) {
  MemoryJournal file;
  AttemptJournal journal{file};
  Token16 instance{};
  instance.fill(9);
  journal.stage_identity(instance);
  journal.stage_connect(41);
  journal.stage_attempt(make_state(0));
  ASSERT_TRUE(journal.commit());
  journal.stage_attempt(make_state(1));
  journal.stage_forget(make_state(0).ref);
  ASSERT_TRUE(journal.commit());
  EXPECT_EQ(file.appends, 2U);

  const auto recovered = AttemptJournal{file}.load();
  ASSERT_TRUE(recovered);
  EXPECT_EQ(recovered->instance, instance);
  EXPECT_EQ(recovered->connect, 41U);
  ASSERT_EQ(recovered->attempts.size(), 1U);
  EXPECT_EQ(recovered->attempts.begin()->second, make_state(1));
}

TEST(AttemptJournal, GivesBackWhatATaskLeft) {
  MemoryJournal file;
  AttemptJournal journal{file};
  auto state = make_state(0);
  state.result = std::string(64 << 10, 'r');
  state.outputs.resize(2);
  state.outputs[0] = {BlobId{{1, 2, 3}}, 1ULL << 40, true, "plots/a.png"};
  state.outputs[1].path = "b";
  auto large = make_state(1);
  large.is_result_too_large = true;
  journal.stage_attempt(state);
  journal.stage_attempt(large);
  journal.stage_attempt(make_state(2));
  ASSERT_TRUE(journal.commit());
  const auto recovered = AttemptJournal{file}.load();
  ASSERT_TRUE(recovered);
  EXPECT_EQ(recovered->attempts.at(state.ref), state);
  EXPECT_EQ(recovered->attempts.at(large.ref), large);

  state.outputs.clear();
  state.result.clear();
  journal.stage_attempt(state);
  ASSERT_TRUE(journal.commit());
  EXPECT_EQ(AttemptJournal{file}.load()->attempts.at(state.ref), state) << "a later entry replaces all of it";
}

TEST(AttemptJournal, SplitsWhatOneTurnHasToSayIntoRecordsOfBoundedSize) {
  MemoryJournal file;
  AttemptJournal journal{file};
  for (std::uint32_t i = 0; i < 200; ++i) {
    auto state = make_state(i);
    state.result.assign(64 << 10, 'r');
    journal.stage_attempt(state);
  }
  ASSERT_TRUE(journal.commit());
  EXPECT_GE(file.appends, 3U);
  EXPECT_LE(file.appends, 4U);
  EXPECT_EQ(AttemptJournal{file}.load()->attempts.size(), 200U);
}

TEST(AttemptJournal, SaysWhatItCannotRead) {
  const auto load = [](Bytes record) {
    MemoryJournal file;
    EXPECT_TRUE(file.append(record));
    return AttemptJournal{file}.load();
  };
  for (const auto& bad : {Bytes{2, 4}, Bytes{1, 99}, Bytes{1, 2, 0}, Bytes{1, 3, 0, 0}, Bytes{1, 5, 0, 0}}) {
    const auto recovered = load(bad);
    ASSERT_FALSE(recovered);
    EXPECT_EQ(recovered.error().code, Errc::corrupt);
  }
}

TEST(AttemptJournal, ARewriteKeepsWhatIsAlive) {
  MemoryJournal file;
  AttemptJournal journal{file};
  journal.stage_attempt(make_state(0));
  journal.stage_attempt(make_state(1));
  ASSERT_TRUE(journal.commit());
  Token16 instance{};
  instance.fill(3);
  ASSERT_TRUE(journal.rewrite([](const auto& visit) { visit(make_state(1)); }, instance, 7));
  const auto recovered = AttemptJournal{file}.load();
  ASSERT_TRUE(recovered);
  EXPECT_EQ(recovered->attempts.size(), 1U);
  EXPECT_EQ(recovered->connect, 7U);
  EXPECT_EQ(recovered->instance, instance);
}

}  // namespace
}  // namespace stint::agent
