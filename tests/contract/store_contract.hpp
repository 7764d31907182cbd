#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/model/rows.hpp"
#include "ports/store.hpp"

/// What every ports::Store and its StoreReader must do. An adapter's test derives a Bench that opens stores on one piece of storage, and
/// instantiates the suite: INSTANTIATE_TYPED_TEST_SUITE_P(Sqlite, StoreContract, SqliteBench).
///
/// A Bench has: `std::unique_ptr<ports::Store> make_store()`, `std::unique_ptr<ports::StoreReader> make_reader()` (after the first open),
/// `void settle(ports::Store&)` (until every commit is answered).
namespace stint::contract {

template <class Bench>
class StoreContract : public ::testing::Test {
 protected:
  struct Open {
    std::unique_ptr<ports::Store> store;
    std::shared_ptr<std::vector<std::pair<BatchNumber, Status>>> answers = std::make_shared<std::vector<std::pair<BatchNumber, Status>>>();
    ports::Store::Opened opened;
  };
  Open open() {
    Open made;
    made.store = bench_.make_store();
    auto opened =
        made.store->open([answers = made.answers](BatchNumber number, Status status) { answers->emplace_back(number, std::move(status)); });
    EXPECT_TRUE(opened.has_value()) << (opened ? "" : opened.error().detail);
    if (opened) made.opened = *opened;
    return made;
  }
  void write(Open& to, std::vector<core::Row> rows) {
    const BatchNumber number{++to.opened.last_batch.value};
    to.store->commit({number, std::move(rows)});
    bench_.settle(*to.store);
    ASSERT_FALSE(to.answers->empty());
    ASSERT_EQ(to.answers->back().first, number);
    ASSERT_TRUE(to.answers->back().second.has_value()) << to.answers->back().second.error().detail;
  }
  static std::vector<core::Row> load(ports::Store& store) {
    std::vector<core::Row> rows;
    const auto status = store.load([&](const core::Row& row) -> Status {
      rows.push_back(row);
      return {};
    });
    EXPECT_TRUE(status.has_value()) << (status ? "" : status.error().detail);
    return rows;
  }
  template <class T>
  static std::vector<T> only(const std::vector<core::Row>& rows) {
    std::vector<T> found;
    for (const auto& row : rows)
      if (const auto* r = std::get_if<T>(&row)) found.push_back(*r);
    return found;
  }

  static core::JobRow job(std::uint64_t id) {
    core::JobSpec spec;
    spec.name = "sweep";
    core::TaskSpec task;
    task.name = "main";
    task.command = {"sh", "-c", "echo 'a\"b'"};
    task.env = {{"K", "V"}};
    task.workdir = "/tmp";
    task.resources = {2000, 3 * kGiB, 1, 0};
    task.is_array = true;
    task.array_count = 10;
    task.timeout = from_ms(1500);
    spec.tasks.push_back(task);
    return {JobId{id}, std::make_shared<const core::JobSpec>(spec), "someone", "key-" + std::to_string(id), unix_millis(1000)};
  }
  static core::AttemptRow attempt(std::uint64_t job, std::uint32_t index, std::uint32_t number = 1) {
    core::AttemptRow row;
    row.ref = {{JobId{job}, 0, index}, number};
    row.agent = AgentNumber{7};
    row.placed_at = unix_millis(2000);
    row.instance.fill(9);
    return row;
  }
  static core::LogRow log(std::uint64_t offset, std::string_view text, std::uint8_t stream = 1) {
    const auto bytes = as_bytes(text);
    return {{{JobId{1}, 0, 0}, 1}, stream, offset, Bytes(bytes.begin(), bytes.end())};
  }

  /// Sweeps until nothing more is to be taken away.
  ports::Swept sweep(Open& to, const ports::StoreRetention& keep, UnixMillis now) {
    ports::Swept sum;
    for (bool is_more = true; is_more;) {
      std::optional<Result<ports::Swept>> answer;
      to.store->sweep(keep, now, [&](Result<ports::Swept> swept) { answer = std::move(swept); });
      if (!answer) bench_.settle(*to.store);
      if (!answer || !answer->has_value()) {
        ADD_FAILURE() << (answer ? answer->error().detail : "no answer");
        return sum;
      }
      sum.rows += (*answer)->rows;
      sum.log_bytes += (*answer)->log_bytes;
      is_more = (*answer)->is_more;
    }
    return sum;
  }
  static core::AttemptRow ended_attempt(std::uint64_t job, std::uint32_t index, std::int64_t ended_ms) {
    auto row = attempt(job, index);
    row.live = false;
    row.is_result = true;
    row.status = TaskStatus::completed;
    row.ended_at = unix_millis(ended_ms);
    return row;
  }
  static core::LogRow log_of(std::uint64_t job, std::uint32_t index, std::int64_t at_ms, std::size_t size) {
    return {{{JobId{job}, 0, index}, 1}, 1, 0, Bytes(size, 'x'), unix_millis(at_ms)};
  }
  static core::EventRow event(std::uint64_t seq, std::int64_t at_ms) { return {seq, unix_millis(at_ms), "x", JobId{}, "{}"}; }

  Bench bench_;
};

TYPED_TEST_SUITE_P(StoreContract);

TYPED_TEST_P(StoreContract, EveryLeadershipGetsAHigherToken) {
  FencingToken first;
  {
    auto one = this->open();
    first = one.opened.token;
  }
  auto two = this->open();
  EXPECT_GT(two.opened.token, first);
}

TYPED_TEST_P(StoreContract, WhatWasCommittedIsThereAgainFieldByField) {
  const auto job = this->job(1);
  auto row = this->attempt(1, 3);
  row.status = TaskStatus::failed;
  row.reason = EndReason::signal;
  row.live = false;
  row.accepted = row.is_result = true;
  row.exit_code = -1;
  row.signal = 9;
  row.acked_update = 4;
  row.update_digest = 0xFEDCBA9876543210ULL;
  row.started_at = unix_millis(2500);
  row.ended_at = unix_millis(2600);
  row.retry_at = unix_millis(2700);
  row.lease_until = unix_millis(2800);
  row.detail = "killed by signal 9";
  core::AgentRow agent;
  agent.number = AgentNumber{7};
  agent.name = "a1";
  agent.generation = 2;
  agent.draining = true;
  agent.drain_by = unix_millis(77);
  agent.instance.fill(3);
  agent.offer.types = {AgentType::rater, AgentType::trainer};
  agent.offer.resources = {4000, kGiB, 2, 5 * kGiB};
  agent.offer.labels = {{"zone", "a\"b"}};
  agent.offer.drivers = {"exec", "noop"};
  agent.offer.notes = {"memory limits are not enforced"};
  agent.offer.boot_id = "b";
  agent.offer.window = 12;
  agent.offer.prefetch = 4;
  agent.last_seen_at = unix_millis(5);
  agent.key_epoch = KeyEpoch{3};
  core::JobStateRow state{JobId{1}, TaskStatus::failed, EndReason::max_fails, "three failed", true, unix_millis(9)};
  core::TaskMarkRow mark{JobId{1}, 0, 4, 9, TaskStatus::cancelled, EndReason::needs_failed, unix_millis(8)};
  core::MasterKeyRow key{KeyEpoch{3}, {1, 2, 3}, unix_millis(7), unix_millis(8), unix_millis(9), unix_millis(10), unix_millis(11)};
  core::TokenRow token{core::TokenId{4}, "ci", {core::Scope::read, core::Scope::submit}, {}, "local", unix_millis(6), unix_millis(60), {}};
  token.sha256.fill(0xAB);
  {
    auto store = this->open();
    this->write(store, {core::Row(job), core::Row(row), core::Row(agent), core::Row(state), core::Row(mark), core::Row(key),
                        core::Row(core::MetaRow{"cell", "x"}), core::Row(token)});
  }
  auto again = this->open();
  EXPECT_EQ(again.opened.last_batch, BatchNumber{1});
  const auto rows = this->load(*again.store);
  ASSERT_EQ(rows.size(), 8u);
  const auto jobs = this->template only<core::JobRow>(rows);
  ASSERT_EQ(jobs.size(), 1u);
  EXPECT_EQ(*jobs[0].spec, *job.spec);
  EXPECT_EQ(jobs[0].idempotency_key, "key-1");
  const auto got = this->template only<core::AttemptRow>(rows).at(0);
  EXPECT_EQ(std::tie(got.ref, got.agent, got.status, got.reason, got.live, got.accepted, got.is_result, got.exit_code, got.signal),
            std::tie(row.ref, row.agent, row.status, row.reason, row.live, row.accepted, row.is_result, row.exit_code, row.signal));
  EXPECT_EQ(got.lease_until, row.lease_until);
  EXPECT_EQ(
      std::tie(got.acked_update, got.update_digest, got.placed_at, got.started_at, got.ended_at, got.retry_at, got.instance, got.detail),
      std::tie(row.acked_update, row.update_digest, row.placed_at, row.started_at, row.ended_at, row.retry_at, row.instance, row.detail));
  const auto back = this->template only<core::AgentRow>(rows).at(0);
  EXPECT_EQ(back.offer, agent.offer);
  EXPECT_EQ(std::tie(back.name, back.generation, back.draining, back.drain_by, back.revoked, back.instance, back.last_seen_at),
            std::tie(agent.name, agent.generation, agent.draining, agent.drain_by, agent.revoked, agent.instance, agent.last_seen_at));
  const auto end = this->template only<core::JobStateRow>(rows).at(0);
  EXPECT_EQ(std::tie(end.status, end.reason, end.detail, end.cancel_requested, end.ended_at),
            std::tie(state.status, state.reason, state.detail, state.cancel_requested, state.ended_at));
  EXPECT_EQ(this->template only<core::TaskMarkRow>(rows).at(0).last, 9u);
  EXPECT_EQ(back.key_epoch, KeyEpoch{3});
  const auto master = this->template only<core::MasterKeyRow>(rows).at(0);
  EXPECT_EQ(
      std::tie(master.epoch, master.sealed, master.created_at, master.installed_at, master.retire_at, master.retired_at, master.removed_at),
      std::tie(key.epoch, key.sealed, key.created_at, key.installed_at, key.retire_at, key.retired_at, key.removed_at));
  EXPECT_EQ(this->template only<core::MetaRow>(rows).at(0).value, "x");
  const auto kept = this->template only<core::TokenRow>(rows).at(0);
  EXPECT_EQ(std::tie(kept.id, kept.name, kept.scopes, kept.sha256, kept.created_by),
            std::tie(token.id, token.name, token.scopes, token.sha256, token.created_by));
  EXPECT_EQ(std::tie(kept.created_at, kept.expires_at, kept.revoked_at), std::tie(token.created_at, token.expires_at, token.revoked_at));
}

TYPED_TEST_P(StoreContract, TheSameBatchTwiceChangesNothing) {
  auto store = this->open();
  const std::vector<core::Row> rows{core::Row(this->job(1)), core::Row(this->attempt(1, 0)), core::Row(this->log(0, "abc"))};
  this->write(store, rows);
  this->write(store, rows);
  EXPECT_EQ(this->load(*store.store).size(), 2u);
  auto reader = this->bench_.make_reader();
  EXPECT_EQ(reader->log_ends({{JobId{1}, 0, 0}, 1})->out, 3u);
}

TYPED_TEST_P(StoreContract, LaterRowsReplaceEarlierOnesOfTheSameKey) {
  auto store = this->open();
  auto row = this->attempt(1, 0);
  this->write(store, {core::Row(this->job(1)), core::Row(row)});
  row.status = TaskStatus::completed;
  row.live = false;
  this->write(store, {core::Row(row)});
  const auto rows = this->template only<core::AttemptRow>(this->load(*store.store));
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].status, TaskStatus::completed);
}

TYPED_TEST_P(StoreContract, ATokenIsReplacedWhenItIsRevoked) {
  auto store = this->open();
  core::TokenRow token{core::TokenId{1}, "ci", {core::Scope::admin}, {}, "local", unix_millis(6), {}, {}};
  this->write(store, {core::Row(token)});
  token.revoked_at = unix_millis(9);
  this->write(store, {core::Row(token)});
  const auto rows = this->template only<core::TokenRow>(this->load(*store.store));
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].revoked_at, unix_millis(9));
}

TYPED_TEST_P(StoreContract, AnEnrolmentTokenIsKeptFieldByFieldUntilItIsRemoved) {
  auto store = this->open();
  core::EnrolTokenRow token;
  token.id = core::EnrolTokenId{0xFEDCBA9876543210};  // above what a signed number holds
  token.name = "box7";
  token.terms = {{AgentType::trainer}, {{"zone", "a\"b"}}};
  token.sealed = {1, 2, 0, 3};
  token.created_by = "ann";
  token.created_at = unix_millis(5);
  token.expires_at = unix_millis(6);
  this->write(store, {core::Row(token)});
  const auto fresh = this->template only<core::EnrolTokenRow>(this->load(*store.store)).at(0);
  EXPECT_EQ(fresh.public_key, core::AgentPublicKey{});
  EXPECT_FALSE(fresh.agent);
  token.revoked_at = unix_millis(7);
  token.public_key.fill(0xCD);
  token.agent = AgentNumber{9};
  token.used_at = unix_millis(8);
  core::AgentRow agent;
  agent.number = AgentNumber{9};
  agent.name = "box7";
  agent.terms = token.terms;
  agent.public_key = token.public_key;
  this->write(store, {core::Row(token), core::Row(agent)});
  const auto rows = this->load(*store.store);
  const auto back = this->template only<core::EnrolTokenRow>(rows).at(0);
  EXPECT_EQ(std::tie(back.id, back.name, back.terms, back.sealed, back.created_by, back.created_at, back.expires_at),
            std::tie(token.id, token.name, token.terms, token.sealed, token.created_by, token.created_at, token.expires_at));
  EXPECT_EQ(std::tie(back.revoked_at, back.public_key, back.agent, back.used_at),
            std::tie(token.revoked_at, token.public_key, token.agent, token.used_at));
  const auto owner = this->template only<core::AgentRow>(rows).at(0);
  EXPECT_EQ(std::tie(owner.terms, owner.public_key), std::tie(agent.terms, agent.public_key));
  this->write(store, {core::Row(core::EnrolTokenRemovalRow{token.id})});
  EXPECT_TRUE(this->template only<core::EnrolTokenRow>(this->load(*store.store)).empty());
}

TYPED_TEST_P(StoreContract, AttemptsArePagedInOrderAndFiltered) {
  auto store = this->open();
  std::vector<core::Row> rows{core::Row(this->job(1)), core::Row(this->job(2)), core::Row(this->attempt(2, 0))};
  for (std::uint32_t i = 0; i < 10; ++i) {
    auto row = this->attempt(1, i);
    row.status = i % 2 == 0 ? TaskStatus::completed : TaskStatus::running;
    row.is_result = i % 2 == 0;
    rows.emplace_back(row);
  }
  rows.emplace_back(this->attempt(1, 3, 2));
  this->write(store, rows);
  auto reader = this->bench_.make_reader();
  ports::StoreReader::AttemptQuery query;
  query.job = JobId{1};
  query.limit = 4;
  auto page = reader->attempts(query);
  ASSERT_EQ(page->size(), 4u);
  EXPECT_EQ(page->back().ref.task.index, 3u);
  query.from = page->back().ref;
  ++query.from.attempt;
  page = reader->attempts(query);
  EXPECT_EQ(page->front().ref, (AttemptRef{{JobId{1}, 0, 3}, 2}));
  query = {};
  query.job = JobId{1};
  query.status = TaskStatus::completed;
  EXPECT_EQ(reader->attempts(query)->size(), 5u);
  query.status.reset();
  query.results_only = true;
  EXPECT_EQ(reader->attempts(query)->size(), 5u);
  query.group = 1;
  EXPECT_EQ(reader->attempts(query)->size(), 0u);
}

/// A job's attempts as a plain map, changed as the core changes them: stretches of tasks that end together or are placed again, and some
/// with words of their own. What the store says must be the same, whole and page by page, however it keeps them.
TYPED_TEST_P(StoreContract, ArraysOfAlikeAttemptsReadAsWritten) {
  constexpr std::uint32_t kTasks = 200;
  auto draw = [state = std::uint64_t{12345}](std::uint32_t below) mutable {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    return static_cast<std::uint32_t>((state >> 33) % below);
  };
  std::map<AttemptRef, core::AttemptRow> expected;
  auto store = this->open();
  this->write(store, {core::Row(this->job(1))});
  auto reader = this->bench_.make_reader();
  for (int round = 0; round < 120; ++round) {
    std::vector<core::Row> rows;
    for (std::uint32_t stretches = 1 + draw(4); stretches > 0; --stretches) {
      const std::uint32_t first = draw(kTasks);
      const std::uint32_t end = std::min(kTasks, first + 1 + draw(draw(2) == 0 ? 60 : 6));
      auto row = this->attempt(1, first, 1 + draw(3));
      row.ref.task.group = draw(2);
      row.status = static_cast<TaskStatus>(draw(4));
      row.live = row.status == TaskStatus::pending || row.status == TaskStatus::running;
      row.is_result = row.status == TaskStatus::completed;
      row.started_at = row.ended_at = unix_millis(3000 + draw(3));
      row.update_digest = draw(2) == 0 ? 0xFEDCBA9876543210ULL : 7;
      if (draw(8) == 0) row.detail = "a word of its own";
      if (draw(8) == 0) row.lease_until = unix_millis(9000);
      for (; row.ref.task.index < end; ++row.ref.task.index) {
        auto& one = expected[row.ref] = row;
        if (draw(40) == 0) one.exit_code = 3;
        rows.emplace_back(one);
      }
    }
    this->write(store, std::move(rows));
    if (round % 10 != 9) continue;

    const auto same = [](const core::AttemptRow& a, const core::AttemptRow& b) {
      return std::tie(a.ref, a.agent, a.status, a.live, a.is_result, a.exit_code, a.update_digest, a.placed_at, a.started_at, a.ended_at,
                      a.instance, a.detail, a.lease_until) == std::tie(b.ref, b.agent, b.status, b.live, b.is_result, b.exit_code,
                                                                       b.update_digest, b.placed_at, b.started_at, b.ended_at, b.instance,
                                                                       b.detail, b.lease_until);
    };
    auto loaded = this->template only<core::AttemptRow>(this->load(*store.store));
    std::sort(loaded.begin(), loaded.end(), [](const auto& a, const auto& b) { return a.ref < b.ref; });
    ASSERT_EQ(loaded.size(), expected.size());
    EXPECT_TRUE(
        std::equal(loaded.begin(), loaded.end(), expected.begin(), [&](const auto& a, const auto& b) { return same(a, b.second); }));
    for (int filter = 0; filter < 6; ++filter) {
      ports::StoreReader::AttemptQuery query;
      query.job = JobId{1};
      query.limit = 1 + draw(50);
      query.results_only = filter == 1;
      if (filter >= 2) query.status = static_cast<TaskStatus>(filter - 2);
      if (draw(2) == 0) query.group = 1;
      std::vector<core::AttemptRow> paged;
      for (;;) {
        const auto page = reader->attempts(query);
        ASSERT_TRUE(page.has_value()) << page.error().detail;
        paged.insert(paged.end(), page->begin(), page->end());
        if (page->size() < query.limit) break;
        query.from = page->back().ref;
        ++query.from.attempt;
      }
      std::vector<core::AttemptRow> wanted;
      for (const auto& [ref, row] : expected)
        if ((!query.group || ref.task.group == *query.group) && (!query.status || row.status == *query.status) &&
            (!query.results_only || row.is_result))
          wanted.push_back(row);
      EXPECT_TRUE(std::equal(paged.begin(), paged.end(), wanted.begin(), wanted.end(), same))
          << "round " << round << ", filter " << filter << ": " << paged.size() << " of " << wanted.size();
    }
  }
}

TYPED_TEST_P(StoreContract, LogsComeByStreamAndByArrival) {
  auto store = this->open();
  this->write(store, {core::Row(this->log(0, "one")), core::Row(this->log(0, "err", 2)), core::Row(this->log(3, "two"))});
  auto reader = this->bench_.make_reader();
  const AttemptRef ref{{JobId{1}, 0, 0}, 1};
  EXPECT_EQ(reader->log_ends(ref)->out, 6u);
  EXPECT_EQ(reader->log_ends(ref)->err, 3u);
  EXPECT_EQ(reader->logs(ref, 1, 0, 1000)->size(), 2u);
  EXPECT_EQ(reader->logs(ref, 1, 4, 1000)->size(), 1u);
  EXPECT_EQ(reader->logs(ref, 1, 0, 1)->size(), 1u);
  auto tail = reader->log_tail(ref, 0, 1000);
  ASSERT_EQ(tail->size(), 3u);
  EXPECT_EQ((*tail)[1].second.stream, 2);
  EXPECT_EQ(as_text((*tail)[2].second.bytes), "two");
  EXPECT_EQ(reader->log_tail(ref, (*tail)[1].first, 1000)->size(), 1u);
}

TYPED_TEST_P(StoreContract, TheNewestOutputComesByArrivalOverBothStreams) {
  auto store = this->open();
  this->write(store, {core::Row(this->log(0, "one")), core::Row(this->log(0, "err", 2)), core::Row(this->log(3, "two")),
                      core::Row(this->log(3, "bad", 2)), core::Row(this->log(6, "end"))});
  auto reader = this->bench_.make_reader();
  const AttemptRef ref{{JobId{1}, 0, 0}, 1};
  const auto texts = [&](std::size_t max_bytes) {
    std::string all;
    std::uint64_t last = 0;
    const auto rows = reader->log_newest(ref, max_bytes);
    EXPECT_TRUE(rows.has_value());
    for (const auto& [seq, row] : *rows) {
      EXPECT_GT(seq, last);
      last = seq;
      all += as_text(row.bytes);
    }
    return all;
  };
  EXPECT_EQ(texts(1000), "oneerrtwobadend");
  EXPECT_EQ(texts(4), "errtwobadend") << "of each stream what reaches that far back";
  EXPECT_EQ(texts(1), "badend");
  EXPECT_TRUE(reader->log_newest({{JobId{1}, 0, 0}, 2}, 10)->empty());
}

TYPED_TEST_P(StoreContract, LastReportsAreThoseOfTheAttemptsAskedFor) {
  auto store = this->open();
  const auto report = [](std::uint32_t index, std::uint32_t attempt, std::uint32_t seq, const std::string& message) {
    return core::Row(core::ReportRow{{{JobId{1}, 0, index}, attempt}, seq, unix_millis(seq), 0.5F, seq, R"({"a":1})", message});
  };
  this->write(store, {report(0, 1, 5, "old"), report(0, 1, 9, "last"), report(0, 2, 3, "second"), report(2, 1, 7, "two"),
                      core::Row(core::ReportRow{{{JobId{2}, 0, 0}, 1}, 99, unix_millis(1), 0, 0, "{}", "another job's"})});
  auto reader = this->bench_.make_reader();
  const auto rows = reader->last_reports({{{JobId{1}, 0, 2}, 1}, {{JobId{1}, 0, 0}, 1}, {{JobId{1}, 0, 1}, 1}});
  ASSERT_TRUE(rows.has_value()) << rows.error().detail;
  ASSERT_EQ(rows->size(), 2u);
  EXPECT_EQ(std::tie(rows->at(0).message, rows->at(1).message), std::make_tuple("two", "last")) << "in the order asked for";
  EXPECT_EQ(rows->at(1).ref, (AttemptRef{{JobId{1}, 0, 0}, 1}));
  EXPECT_EQ(std::tie(rows->at(1).seq, rows->at(1).step, rows->at(1).metrics), std::make_tuple(9U, 9U, R"({"a":1})"));
  EXPECT_TRUE(reader->last_reports({})->empty());
}

TYPED_TEST_P(StoreContract, EventsAndReportsComeInOrder) {
  auto store = this->open();
  const AttemptRef ref{{JobId{1}, 0, 0}, 1};
  this->write(store, {core::Row(core::EventRow{1, unix_millis(1), "job_submitted", JobId{1}, "{}"}),
                      core::Row(core::EventRow{2, unix_millis(2), "x", JobId{2}, "{}"}),
                      core::Row(core::EventRow{3, unix_millis(3), "y", JobId{1}, R"({"a":1})"}),
                      core::Row(core::ReportRow{ref, 5, unix_millis(4), 0.5F, 12, "{}", "m"})});
  auto reader = this->bench_.make_reader();
  EXPECT_EQ(*reader->last_event_seq(), 3u);
  EXPECT_EQ(reader->events(0, JobId{}, 100)->size(), 3u);
  EXPECT_EQ(reader->events(1, JobId{1}, 100)->at(0).body, R"({"a":1})");
  EXPECT_EQ(reader->events(0, JobId{}, 2)->size(), 2u);
  EXPECT_EQ(reader->reports(ref, 0, 10)->at(0).step, 12u);
  EXPECT_TRUE(reader->reports(ref, 5, 10)->empty());
}

TYPED_TEST_P(StoreContract, ARemovedJobIsGoneAtOnceAndItsIdStays) {
  auto store = this->open();
  std::vector<core::Row> rows{core::Row(this->job(1)), core::Row(this->job(2)), core::Row(this->ended_attempt(1, 0, 50))};
  rows.emplace_back(core::JobStateRow{JobId{1}, TaskStatus::completed, EndReason::none, "", false, unix_millis(60)});
  for (std::uint32_t i = 0; i < 3000; ++i) rows.emplace_back(this->ended_attempt(2, i, 50));
  for (std::uint32_t i = 0; i < 1200; ++i) rows.emplace_back(this->log_of(2, i, 40, 10));
  rows.emplace_back(core::ReportRow{{{JobId{2}, 0, 0}, 1}, 5, unix_millis(4), 0.5F, 12, "{}", "m"});
  rows.emplace_back(core::TaskMarkRow{JobId{2}, 0, 4000, 4009, TaskStatus::cancelled, EndReason::needs_failed, unix_millis(8)});
  rows.emplace_back(core::JobStateRow{JobId{2}, TaskStatus::failed, EndReason::none, "", false, unix_millis(60)});
  this->write(store, rows);
  this->write(store, {core::Row(core::JobRemovalRow{JobId{2}, unix_millis(100)})});

  const auto expect_only_the_first = [&] {
    const auto left = this->load(*store.store);
    ASSERT_EQ(left.size(), 4u);
    EXPECT_EQ(this->template only<core::JobRow>(left).at(0).id, JobId{1});
    EXPECT_EQ(this->template only<core::AttemptRow>(left).at(0).ref.task.job, JobId{1});
    EXPECT_EQ(this->template only<core::JobRemovalRow>(left).at(0).job, JobId{2});
  };
  expect_only_the_first();
  this->sweep(store, {}, unix_millis(200));
  expect_only_the_first();
  auto reader = this->bench_.make_reader();
  ports::StoreReader::AttemptQuery query;
  query.job = JobId{2};
  EXPECT_TRUE(reader->attempts(query)->empty());
  EXPECT_EQ(reader->log_ends({{JobId{2}, 0, 0}, 1})->out, 0u);
  EXPECT_TRUE(reader->reports({{JobId{2}, 0, 0}, 1}, 0, 10)->empty());
  EXPECT_TRUE(reader->marks(JobId{2})->empty());
}

TYPED_TEST_P(StoreContract, OutputLeavesByAgeOnceItsAttemptHasEnded) {
  auto store = this->open();
  this->write(store, {core::Row(this->job(1)), core::Row(this->ended_attempt(1, 0, 1000)), core::Row(this->attempt(1, 1)),
                      core::Row(this->ended_attempt(1, 2, 9000)), core::Row(this->log_of(1, 0, 900, 10)),
                      core::Row(this->log_of(1, 1, 900, 20)), core::Row(this->log_of(1, 2, 900, 40))});
  ports::StoreRetention keep;
  keep.log_age = from_ms(5000);
  const auto swept = this->sweep(store, keep, unix_millis(10'000));
  EXPECT_EQ(std::pair(swept.rows, swept.log_bytes), std::pair(std::uint64_t{1}, std::uint64_t{10}));
  auto reader = this->bench_.make_reader();
  EXPECT_EQ(reader->log_ends({{JobId{1}, 0, 0}, 1})->out, 0u);
  EXPECT_EQ(reader->log_ends({{JobId{1}, 0, 1}, 1})->out, 20u);
  EXPECT_EQ(reader->log_ends({{JobId{1}, 0, 2}, 1})->out, 40u);
}

TYPED_TEST_P(StoreContract, OutputLeavesBySizeTheOldestFirst) {
  auto store = this->open();
  std::vector<core::Row> rows{core::Row(this->job(1)), core::Row(this->attempt(1, 0)), core::Row(this->log_of(1, 0, 1, 1000))};
  for (std::uint32_t i = 1; i <= 900; ++i) {
    rows.emplace_back(this->ended_attempt(1, i, i));
    rows.emplace_back(this->log_of(1, i, i, 100));
  }
  this->write(store, rows);
  this->write(store, rows);  // the identical batch again counts nothing twice
  ports::StoreRetention keep;
  keep.log_bytes = 1000 + 100 * 100;
  const auto swept = this->sweep(store, keep, unix_millis(10'000));
  EXPECT_EQ(std::pair(swept.rows, swept.log_bytes), std::pair(std::uint64_t{800}, std::uint64_t{80'000}));
  auto reader = this->bench_.make_reader();
  EXPECT_EQ(reader->log_ends({{JobId{1}, 0, 0}, 1})->out, 1000u);
  EXPECT_EQ(reader->log_ends({{JobId{1}, 0, 800}, 1})->out, 0u);
  EXPECT_EQ(reader->log_ends({{JobId{1}, 0, 801}, 1})->out, 100u);
  EXPECT_EQ(this->sweep(store, keep, unix_millis(20'000)).rows, 0u);
}

TYPED_TEST_P(StoreContract, EventsLeaveByAgeAndNumberButTheNewestStays) {
  auto store = this->open();
  std::vector<core::Row> rows;
  for (std::uint64_t seq = 1; seq <= 5000; ++seq) rows.emplace_back(this->event(seq, static_cast<std::int64_t>(seq)));
  this->write(store, rows);
  auto reader = this->bench_.make_reader();
  ports::StoreRetention keep;
  keep.events = 3000;
  EXPECT_EQ(this->sweep(store, keep, unix_millis(5000)).rows, 2000u);
  EXPECT_EQ(reader->events(0, JobId{}, 1)->at(0).seq, 2001u);
  keep = {};
  keep.event_age = from_ms(1000);
  EXPECT_EQ(this->sweep(store, keep, unix_millis(5000)).rows, 1999u);
  EXPECT_EQ(reader->events(0, JobId{}, 1)->at(0).seq, 4000u);
  this->sweep(store, keep, unix_millis(1'000'000));
  EXPECT_EQ(*reader->last_event_seq(), 5000u);
  EXPECT_EQ(reader->events(0, JobId{}, 10)->size(), 1u);
}

REGISTER_TYPED_TEST_SUITE_P(StoreContract, EveryLeadershipGetsAHigherToken, WhatWasCommittedIsThereAgainFieldByField,
                            TheSameBatchTwiceChangesNothing, LaterRowsReplaceEarlierOnesOfTheSameKey, ATokenIsReplacedWhenItIsRevoked,
                            AnEnrolmentTokenIsKeptFieldByFieldUntilItIsRemoved, AttemptsArePagedInOrderAndFiltered,
                            ArraysOfAlikeAttemptsReadAsWritten, LogsComeByStreamAndByArrival, TheNewestOutputComesByArrivalOverBothStreams,
                            LastReportsAreThoseOfTheAttemptsAskedFor, EventsAndReportsComeInOrder, ARemovedJobIsGoneAtOnceAndItsIdStays,
                            OutputLeavesByAgeOnceItsAttemptHasEnded, OutputLeavesBySizeTheOldestFirst,
                            EventsLeaveByAgeAndNumberButTheNewestStays);

}  // namespace stint::contract
