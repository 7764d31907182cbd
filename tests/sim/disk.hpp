#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <utility>

#include "adapters/memory/store.hpp"
#include "sim/durable.hpp"

namespace stint::sim {

/// The store of one life of the scheduler: a MemoryStore whose batches are shown to Durable once they are on the disk, before anybody is
/// told.
class WatchedStore final : public ports::Store {
 public:
  using Fate = memory::MemoryStore::Fate;

  /// `is_prompt`: whether it promises a batch within a moment. It promises what it will: a batch may fail, or take as long as others.
  WatchedStore(std::shared_ptr<memory::Tables> tables, Durable& durable, std::function<bool()> is_prompt)
      : tables_(tables), durable_(durable), is_prompt_(std::move(is_prompt)), inner_(std::move(tables)) {}

  Result<Opened> open(Committed committed) override {
    return inner_.open([this, committed = std::move(committed)](BatchNumber number, Status status) {
      if (status) durable_.apply_batch(writing_.rows);
      committed(number, std::move(status));
    });
  }
  Status load(const std::function<Status(const core::Row&)>& row) override { return inner_.load(row); }
  Result<Opened> reopen() override { return inner_.reopen(); }
  void sweep(const ports::StoreRetention& keep, UnixMillis now, OnSwept swept) override { inner_.sweep(keep, now, std::move(swept)); }
  void commit(ports::Batch batch) override {
    queue_.push_back(batch);
    inner_.commit(std::move(batch));
  }
  [[nodiscard]] bool is_prompt(const ports::Batch& /*batch*/) const override { return is_prompt_(); }

  [[nodiscard]] bool busy() const { return inner_.busy(); }
  void set_full(bool is_full) { inner_.set_full(is_full); }
  [[nodiscard]] std::size_t rows_in_hand() const { return queue_.front().rows.size(); }
  void finish_one(Fate fate, std::size_t torn_rows = 0) {
    writing_ = std::move(queue_.front());
    queue_.pop_front();
    inner_.finish_one(fate, torn_rows);
    const bool is_silent = fate == Fate::unanswered || fate == Fate::io_written;
    if (is_silent && tables_->last_batch == writing_.number) durable_.apply_batch(writing_.rows);
  }

 private:
  std::shared_ptr<memory::Tables> tables_;
  Durable& durable_;
  std::function<bool()> is_prompt_;
  memory::MemoryStore inner_;
  std::deque<ports::Batch> queue_;
  ports::Batch writing_;
};

}  // namespace stint::sim
