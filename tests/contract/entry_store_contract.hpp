#pragma once

#include "contract/store_contract.hpp"

/// What every store must do with the rows of entries that hand something on: what was prepared, outputs, results, checkpoints. Instantiated
/// beside StoreContract, with the same Bench.
namespace stint::contract {

template <class Bench>
class EntryStoreContract : public StoreContract<Bench> {
 protected:
  static BlobId blob(std::uint8_t number) {
    BlobId id;
    id.bytes.fill(number);
    return id;
  }
  static core::OutputRow output(std::uint64_t job, std::uint32_t group, std::uint32_t index, const std::string& path,
                                std::uint8_t number = 1) {
    return {{JobId{job}, group, index}, {blob(number), 10U + index, index % 2 == 1, path}, 2};
  }
  static core::ResultRow result(std::uint64_t job, std::uint32_t group, std::uint32_t index) {
    return {{JobId{job}, group, index}, 3, "{\"n\":" + std::to_string(index) + "}"};
  }
  static core::JobRow retry(std::uint64_t id, std::uint64_t earlier) {
    auto row = EntryStoreContract::job(id);
    auto spec = std::make_shared<core::JobSpec>(*row.spec);
    spec->retry_of = JobId{earlier};
    row.spec = std::move(spec);
    return row;
  }
  /// GROUP.INDEX PATH of every output, page by page.
  static std::vector<std::string> list(ports::StoreReader& reader, ports::StoreReader::OutputQuery query) {
    std::vector<std::string> all;
    query.from.job = query.job;
    for (int pages = 0; pages < 100; ++pages) {
      const auto rows = reader.outputs(query);
      EXPECT_TRUE(rows.has_value());
      for (const auto& row : *rows)
        all.push_back(std::to_string(row.task.group) + "." + std::to_string(row.task.index) + " " + row.file.path);
      if (rows->size() < query.limit) return all;
      query.from = rows->back().task;
      query.after_path = rows->back().file.path;
    }
    return {"no end"};
  }
  using Texts = std::vector<std::string>;
};

TYPED_TEST_SUITE_P(EntryStoreContract);

TYPED_TEST_P(EntryStoreContract, WhatWasPreparedIsThereAgain) {
  core::GroupRow first{JobId{1}, 0, true, 7, this->blob(1), this->blob(2), EndReason::none, true};
  core::GroupRow second{JobId{1}, 1, false, 0, {}, {}, EndReason::skipped, false};
  {
    auto store = this->open();
    this->write(store, {core::Row(this->job(1)), core::Row(first), core::Row(second)});
    first.count = 8;
    this->write(store, {core::Row(first)});
  }
  auto again = this->open();
  const auto rows = this->template only<core::GroupRow>(this->load(*again.store));
  ASSERT_EQ(rows.size(), 2u);
  const auto fields = [](const core::GroupRow& r) {
    return std::tie(r.job, r.group, r.is_prepared, r.count, r.items, r.needs_inputs, r.doom, r.is_collected);
  };
  EXPECT_EQ(fields(rows[0]), fields(first));
  EXPECT_EQ(fields(rows[1]), fields(second));
}

TYPED_TEST_P(EntryStoreContract, OutputsArePagedInOrderAndOfOneEntry) {
  auto store = this->open();
  std::vector<core::Row> rows{core::Row(this->job(1)), core::Row(this->job(2))};
  for (const auto& row : {this->output(1, 1, 0, "z"), this->output(1, 0, 10, "a"), this->output(1, 0, 2, "b/c"), this->output(1, 0, 2, "a"),
                          this->output(1, 0, core::kWholeEntry, "all"), this->output(2, 0, 0, "x")})
    rows.emplace_back(row);
  this->write(store, rows);
  auto reader = this->bench_.make_reader();
  const typename TestFixture::Texts whole{"0.2 a", "0.2 b/c", "0.10 a", "0.4294967295 all", "1.0 z"};
  ports::StoreReader::OutputQuery query;
  query.job = JobId{1};
  for (const std::size_t limit : {1UL, 2UL, 3UL, 1000UL}) {
    query.limit = limit;
    EXPECT_EQ(this->list(*reader, query), whole) << limit;
  }
  query.group = 1;
  EXPECT_EQ(this->list(*reader, query), (typename TestFixture::Texts{"1.0 z"}));
  query.group = 0;
  query.limit = 2;
  EXPECT_EQ(this->list(*reader, query), (typename TestFixture::Texts{"0.2 a", "0.2 b/c", "0.10 a", "0.4294967295 all"}));
  query.from = {JobId{1}, 0, 10};
  const auto page = reader->outputs(query);
  ASSERT_EQ(page->size(), 2u);
  EXPECT_EQ(page->at(0).file, (FileRef{this->blob(1), 20, false, "a"}));
  EXPECT_EQ(page->at(0).attempt, 2u);
  EXPECT_TRUE(page->at(1).file.is_executable);
}

TYPED_TEST_P(EntryStoreContract, AnOutputAndAResultAreReplacedByTheirKeys) {
  auto store = this->open();
  this->write(store, {core::Row(this->job(1)), core::Row(this->output(1, 0, 0, "a", 1)), core::Row(this->result(1, 0, 0))});
  auto later = this->result(1, 0, 0);
  later.json = "7";
  this->write(store, {core::Row(this->output(1, 0, 0, "a", 2)), core::Row(later)});
  auto reader = this->bench_.make_reader();
  ports::StoreReader::OutputQuery query;
  query.job = JobId{1};
  query.from.job = JobId{1};
  ASSERT_EQ(reader->outputs(query)->size(), 1u);
  EXPECT_EQ(reader->outputs(query)->at(0).file.blob, this->blob(2));
  EXPECT_EQ(reader->results(JobId{1}, 0, 0, 10)->at(0).json, "7");
}

TYPED_TEST_P(EntryStoreContract, ResultsAreThoseOfOneEntryFromAnIndexOn) {
  auto store = this->open();
  std::vector<core::Row> rows{core::Row(this->job(1))};
  for (const std::uint32_t index : {9U, 1U, 4U}) rows.emplace_back(this->result(1, 0, index));
  rows.emplace_back(this->result(1, 1, 5));
  this->write(store, rows);
  auto reader = this->bench_.make_reader();
  const auto page = reader->results(JobId{1}, 0, 2, 10);
  ASSERT_EQ(page->size(), 2u);
  EXPECT_EQ(page->at(0).task, (TaskRef{JobId{1}, 0, 4}));
  EXPECT_EQ(page->at(0).attempt, 3u);
  EXPECT_EQ(page->at(1).json, "{\"n\":9}");
  EXPECT_EQ(reader->results(JobId{1}, 0, 0, 1)->size(), 1u);
  EXPECT_TRUE(reader->results(JobId{2}, 0, 0, 10)->empty());
}

TYPED_TEST_P(EntryStoreContract, TasksWithAResultAreFound) {
  auto store = this->open();
  this->write(store, {core::Row(this->job(1)), core::Row(this->result(1, 0, 4)), core::Row(this->result(1, 1, 5)),
                      core::Row(this->result(2, 0, 3))});
  auto reader = this->bench_.make_reader();
  const auto task = [](std::uint32_t group, std::uint32_t index) { return TaskRef{JobId{1}, group, index}; };
  const auto found = reader->find_with_result({task(1, 5), task(0, 3), task(0, 4), task(0, 5)});
  ASSERT_TRUE(found.has_value()) << found.error().detail;
  EXPECT_EQ(*found, (std::vector<TaskRef>{task(1, 5), task(0, 4)}));
  EXPECT_TRUE(reader->find_with_result({})->empty());
}

TYPED_TEST_P(EntryStoreContract, ATaskHasOneCheckpoint) {
  auto store = this->open();
  this->write(store, {core::Row(this->job(1)), core::Row(core::CheckpointRow{{JobId{1}, 0, 3}, 1, this->blob(1), unix_millis(5)})});
  this->write(store, {core::Row(core::CheckpointRow{{JobId{1}, 0, 3}, 2, this->blob(2), unix_millis(6)})});
  auto reader = this->bench_.make_reader();
  const auto found = reader->find_checkpoint({JobId{1}, 0, 3});
  ASSERT_TRUE(found.has_value() && found->has_value());
  EXPECT_EQ(std::tie((*found)->attempt, (*found)->blob), std::make_tuple(2U, this->blob(2)));
  EXPECT_EQ((*found)->at, unix_millis(6));
  EXPECT_FALSE(reader->find_checkpoint({JobId{1}, 0, 4})->has_value());
}

TYPED_TEST_P(EntryStoreContract, BlobsThatRowsNameAreFound) {
  auto store = this->open();
  this->write(store, {core::Row(this->job(1)), core::Row(this->output(1, 0, 0, "a", 1)),
                      core::Row(core::CheckpointRow{{JobId{1}, 0, 0}, 1, this->blob(2), unix_millis(5)}),
                      core::Row(core::GroupRow{JobId{1}, 0, true, 1, this->blob(3), this->blob(4), EndReason::none, false})});
  auto reader = this->bench_.make_reader();
  const auto found = reader->find_referenced({this->blob(9), this->blob(4), this->blob(3), this->blob(2), this->blob(1)});
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(*found, (std::vector<BlobId>{this->blob(4), this->blob(3), this->blob(2), this->blob(1)}));
}

TYPED_TEST_P(EntryStoreContract, AMarkOfReusedTasksTakesOverWhatTheyLeft) {
  auto store = this->open();
  std::vector<core::Row> rows{core::Row(this->job(1)), core::Row(this->job(2))};
  for (std::uint32_t i = 0; i < 6; ++i) rows.insert(rows.end(), {core::Row(this->output(1, 0, i, "a")), core::Row(this->result(1, 0, i))});
  rows.insert(rows.end(), {core::Row(this->output(1, 0, core::kWholeEntry, "all")), core::Row(this->output(1, 1, 2, "other")),
                           core::Row(this->output(2, 0, 2, "another job's"))});
  const core::TaskMarkRow reused{JobId{3}, 0, 1, 3, TaskStatus::completed, EndReason::reused, unix_millis(8)};
  const core::TaskMarkRow cancelled{JobId{3}, 0, 4, 5, TaskStatus::cancelled, EndReason::needs_failed, unix_millis(8)};
  rows.insert(rows.end(), {core::Row(this->retry(3, 1)), core::Row(reused), core::Row(cancelled)});
  this->write(store, rows);
  auto reader = this->bench_.make_reader();
  ports::StoreReader::OutputQuery query;
  query.job = JobId{3};
  const typename TestFixture::Texts taken{"0.1 a", "0.2 a", "0.3 a"};
  EXPECT_EQ(this->list(*reader, query), taken);
  EXPECT_EQ(reader->results(JobId{3}, 0, 0, 10)->size(), 3u);
  EXPECT_EQ(reader->results(JobId{3}, 0, 0, 10)->at(2).json, "{\"n\":3}");

  const core::TaskMarkRow again{JobId{4}, 0, 2, 2, TaskStatus::completed, EndReason::reused, unix_millis(9)};
  this->write(store, {core::Row(this->retry(4, 3)), core::Row(again)});
  query.job = JobId{4};
  EXPECT_EQ(this->list(*reader, query), (typename TestFixture::Texts{"0.2 a"})) << "of the job that is itself a retry";
  query.job = JobId{1};
  EXPECT_EQ(this->list(*reader, query).size(), 8u) << "the earlier one keeps its own";
}

TYPED_TEST_P(EntryStoreContract, NothingIsLeftOfARemovedJob) {
  auto store = this->open();
  std::vector<core::Row> rows{core::Row(this->job(1)), core::Row(this->job(2))};
  for (const std::uint64_t job : {1UL, 2UL})
    rows.insert(rows.end(), {core::Row(this->output(job, 0, 0, "a", static_cast<std::uint8_t>(job))), core::Row(this->result(job, 0, 0)),
                             core::Row(core::CheckpointRow{{JobId{job}, 0, 0}, 1, this->blob(3), unix_millis(5)}),
                             core::Row(core::GroupRow{JobId{job}, 0, true, 1, this->blob(4), {}, EndReason::none, false})});
  for (std::uint32_t i = 0; i < 2500; ++i) rows.emplace_back(this->output(2, 0, 1 + i, "b", 2));
  this->write(store, rows);
  this->write(store, {core::Row(core::JobRemovalRow{JobId{2}, unix_millis(100)})});
  this->sweep(store, {}, unix_millis(200));
  auto reader = this->bench_.make_reader();
  ports::StoreReader::OutputQuery query;
  query.job = JobId{2};
  EXPECT_TRUE(this->list(*reader, query).empty());
  EXPECT_TRUE(reader->results(JobId{2}, 0, 0, 10)->empty());
  EXPECT_FALSE(reader->find_checkpoint({JobId{2}, 0, 0})->has_value());
  EXPECT_EQ(this->template only<core::GroupRow>(this->load(*store.store)).size(), 1u);
  EXPECT_EQ(*reader->find_referenced({this->blob(1), this->blob(2)}), std::vector<BlobId>{this->blob(1)});
  query.job = JobId{1};
  EXPECT_EQ(this->list(*reader, query).size(), 1u);
}

REGISTER_TYPED_TEST_SUITE_P(EntryStoreContract, WhatWasPreparedIsThereAgain, OutputsArePagedInOrderAndOfOneEntry,
                            AnOutputAndAResultAreReplacedByTheirKeys, ResultsAreThoseOfOneEntryFromAnIndexOn, TasksWithAResultAreFound,
                            ATaskHasOneCheckpoint, BlobsThatRowsNameAreFound, AMarkOfReusedTasksTakesOverWhatTheyLeft,
                            NothingIsLeftOfARemovedJob);

}  // namespace stint::contract
