#include "scheduler/journal.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "adapters/memory/store.hpp"

namespace stint::scheduler {
namespace {

using Fate = memory::MemoryStore::Fate;

core::MetaRow fact(std::string value) { return {"fact", std::move(value)}; }
PendingReply reply(std::uint64_t id) {
  return {ports::RequestId{id}, [] { return ports::HttpResponse{}; }};
}

class JournalTest : public ::testing::Test {
 protected:
  JournalTest() {
    const auto opened = store.open([this](BatchNumber number, const Status& status) { journal.on_committed(number, status); });
    journal.restart(opened->last_batch);
  }
  /// A turn that says `id` once its row is durable.
  void decide(std::uint64_t id) {
    journal.turn().effects.rows.emplace_back(fact(std::to_string(id)));
    journal.turn().replies.push_back(reply(id));
    journal.flush();
  }
  std::string stored_fact() {
    std::string value;
    const auto read = store.load([&](const core::Row& row) -> Status {
      value = std::get<core::MetaRow>(row).value;
      return {};
    });
    EXPECT_TRUE(read);
    return value;
  }

  std::shared_ptr<memory::Tables> tables = std::make_shared<memory::Tables>();
  memory::MemoryStore store{tables};
  std::vector<std::uint64_t> told;   ///< request ids, 0 for a turn that had none
  std::vector<std::string> stored_when_told;
  std::vector<core::EventRow> events;
  std::vector<Error> failures;
  Journal journal{store,
                  [this](Turn&& turn) {
                    stored_when_told.push_back(stored_fact());
                    if (turn.replies.empty()) told.push_back(0);
                    for (const auto& item : turn.replies) told.push_back(item.request.value);
                    for (const auto& event : turn.events) events.push_back(event);
                  },
                  [this](const Error& error) { failures.push_back(error); }};
};

TEST_F(JournalTest, TellsNothingBeforeItsRowsAreDurable) {
  decide(1);
  EXPECT_TRUE(told.empty());
  EXPECT_FALSE(journal.idle());
  store.finish_one();
  EXPECT_EQ(told, std::vector<std::uint64_t>{1});
  EXPECT_EQ(stored_when_told, std::vector<std::string>{"1"}) << "the row was there when it was told";
  EXPECT_TRUE(journal.idle());
}

/// A disk that is asked for one batch at a time, and is fast for some.
class PromptStore final : public ports::Store {
 public:
  Result<Opened> open(Committed /*committed*/) override { return Opened{}; }
  Status load(const std::function<Status(const core::Row&)>& /*row*/) override { return {}; }
  void commit(ports::Batch batch) override { said.push_back("commit " + std::to_string(batch.number.value)); }
  bool is_prompt(const ports::Batch& batch) const override { return batch.number.value % 2 == 1; }
  void sweep(const ports::StoreRetention& /*keep*/, UnixMillis /*now*/, OnSwept /*swept*/) override {}
  Result<Opened> reopen() override { return Opened{}; }
  std::vector<std::string> said;
};

TEST(JournalAnnounces, WhatWillBeDurableSoonAndHasSomethingToSay) {
  PromptStore store;
  Journal journal{store, [&](Turn&&) { store.said.emplace_back("tell"); }, [](const Error&) {}};
  journal.set_announce([&](const Turn& turn) { store.said.push_back("announce " + std::to_string(turn.effects.sends.size())); });
  const auto turn = [&](std::size_t sends) {
    journal.turn().effects.rows.emplace_back(fact("x"));
    for (std::size_t i = 0; i < sends; ++i) journal.turn().effects.sends.emplace_back(core::Reconciled{AgentNumber{1}});
    journal.flush();
    journal.on_committed(BatchNumber{journal.batches()}, {});
  };
  turn(2);
  turn(1);
  turn(0);
  using Said = std::vector<std::string>;
  EXPECT_EQ(store.said, (Said{"announce 2", "commit 1", "tell", "commit 2", "tell", "commit 3", "tell"}));
}

TEST_F(JournalTest, WhatIsDecidedWhileABatchIsWrittenGathersForTheNextOne) {
  decide(1);
  decide(2);
  decide(3);
  store.finish_one();
  EXPECT_EQ(told, std::vector<std::uint64_t>{1});
  ASSERT_TRUE(store.busy());
  store.finish_one();
  EXPECT_FALSE(store.busy()) << "2 and 3 are one batch";
  EXPECT_EQ(told, (std::vector<std::uint64_t>{1, 2, 3}));
  EXPECT_EQ(tables->last_batch, BatchNumber{2});
}

TEST_F(JournalTest, AnAnswerWithoutRowsWaitsForTheBatchBeforeIt) {
  decide(1);
  journal.turn().replies.push_back(reply(2));  // it may speak of what 1 decided
  journal.flush();
  EXPECT_TRUE(told.empty());
  store.finish_one();
  EXPECT_EQ(told, (std::vector<std::uint64_t>{1, 2}));
  EXPECT_FALSE(store.busy()) << "there was nothing to write for it";
}

TEST_F(JournalTest, AnAnswerWithoutRowsLeavesAtOnceWhenNothingIsOnItsWay) {
  journal.turn().replies.push_back(reply(7));
  journal.flush();
  EXPECT_EQ(told, std::vector<std::uint64_t>{7});
  EXPECT_EQ(journal.batches(), 0U);
}

TEST_F(JournalTest, AnEmptyTurnWritesAndTellsNothing) {
  journal.flush();
  EXPECT_FALSE(store.busy());
  EXPECT_TRUE(told.empty());
}

TEST_F(JournalTest, FollowersGetTheEventsOfDurableRowsOnly) {
  journal.turn().effects.rows.emplace_back(core::EventRow{.seq = 1, .at = {}, .kind = "a", .job = {}, .body = "{}"});
  journal.flush();
  journal.turn().effects.rows.emplace_back(core::EventRow{.seq = 2, .at = {}, .kind = "b", .job = {}, .body = "{}"});
  journal.flush();
  EXPECT_TRUE(events.empty());
  store.finish_one();
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].kind, "a");
}

TEST_F(JournalTest, AFullDiskIsSaidOnceAndNothingSinceIsTold) {
  decide(1);
  decide(2);
  store.finish_one(Fate::no_space);
  ASSERT_EQ(failures.size(), 1U);
  EXPECT_EQ(failures[0].code, Errc::no_space);
  EXPECT_TRUE(told.empty());
  EXPECT_FALSE(store.busy()) << "the next turn is not sent to a disk that is full";
  std::vector<std::uint64_t> waiting;
  for (const auto& item : journal.take_replies()) waiting.push_back(item.request.value);
  EXPECT_EQ(waiting, (std::vector<std::uint64_t>{1, 2})) << "both must hear that nothing was done";
}

TEST_F(JournalTest, GoesOnAfterAFullDiskFromTheStoresLastBatch) {
  decide(1);
  store.finish_one();
  decide(2);
  store.finish_one(Fate::no_space);
  const auto opened = store.reopen();
  ASSERT_TRUE(opened);
  journal.restart(opened->last_batch);
  decide(3);
  store.finish_one();
  EXPECT_EQ(told, (std::vector<std::uint64_t>{1, 3}));
  EXPECT_EQ(tables->last_batch, BatchNumber{2});
  EXPECT_EQ(stored_fact(), "3");
}

TEST_F(JournalTest, AnAnswerToABatchFromBeforeARestartIsNotTakenForALaterOne) {
  decide(1);
  journal.restart(BatchNumber{5});
  decide(2);
  journal.on_committed(BatchNumber{1}, {});
  EXPECT_TRUE(told.empty());
  journal.on_committed(BatchNumber{6}, {});
  EXPECT_EQ(told, std::vector<std::uint64_t>{2});
}

TEST_F(JournalTest, AnotherSchedulersTokenEndsThisOne) {
  decide(1);
  memory::MemoryStore other(tables);
  ASSERT_TRUE(other.open([](BatchNumber, const Status&) {}));
  store.finish_one();
  ASSERT_EQ(failures.size(), 1U);
  EXPECT_EQ(failures[0].code, Errc::fenced);
  EXPECT_TRUE(told.empty());
}

}  // namespace
}  // namespace stint::scheduler
