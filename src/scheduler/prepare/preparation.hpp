#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/events.hpp"
#include "core/scheduler.hpp"
#include "ports/store.hpp"
#include "scheduler/prepare/inputs_of_needs.hpp"
#include "scheduler/prepare/item_book.hpp"
#include "scheduler/prepare/work.hpp"

namespace stint::scheduler {

/// Where preparations look. All outlive them.
struct PrepareSources {
  const core::Scheduler& core;
  ports::StoreReader& reader;
  ports::BlobStore& blobs;
  ItemBook& items;
};

/// What an entry starts with: the manifest of what its needs have left, and its items, counted and in memory. Of an entry that was prepared
/// before a restart only the items are loaded.
class Preparation final : public Work {
 public:
  Preparation(PrepareSources sources, JobId job, std::uint32_t group);

  void step() override { (this->*next_)(); }
  [[nodiscard]] const core::GroupPrepared& result() const { return result_; }

 private:
  using Step = void (Preparation::*)();

  void begin();
  void open_need();
  void load_items_of_need();
  void read_need();
  void put_results();
  void close_need();
  void put_manifest();
  void find_items();
  void find_item_files();
  void read_item_file();
  void put_items();
  void read_items();
  void keep_items();

  [[nodiscard]] const core::TaskSpec& task() const { return spec_->tasks.at(result_.group); }
  void note_item_file(const core::OutputRow& row);
  void fail_with(const Error& error) { finish(tl::unexpected<Error>(error)); }

  PrepareSources sources_;
  std::shared_ptr<const core::JobSpec> spec_;  // an answer of the blob store may come when the job is gone
  core::GroupPrepared result_;
  Step next_ = &Preparation::begin;
  std::size_t need_ = 0;
  std::shared_ptr<const ItemList> items_of_need_;
  std::optional<InputsOfNeed> reading_;
  bool has_more_ = false;
  std::vector<ports::BlobStore::Part> results_;
  std::uint64_t results_bytes_ = 0;
  core::Manifest files_;
  ports::StoreReader::OutputQuery next_file_;
  std::vector<BlobId> item_files_;
  std::size_t item_file_ = 0;
  BlobReading blob_;
  std::string text_;
};

/// The file that `collect` names, of every completed task in the order of their indexes, as one blob.
class Collection final : public Work {
 public:
  Collection(PrepareSources sources, JobId job, std::uint32_t group);

  void step() override { (this->*next_)(); }
  [[nodiscard]] const FileRef& result() const { return result_; }

 private:
  void find_files();
  void join();

  PrepareSources sources_;
  std::shared_ptr<const core::JobSpec> spec_;
  const core::CollectSpec& collect_;
  ports::StoreReader::OutputQuery next_file_;
  std::vector<ports::BlobStore::Part> parts_;
  void (Collection::*next_)() = &Collection::find_files;
  FileRef result_;
};

}  // namespace stint::scheduler
