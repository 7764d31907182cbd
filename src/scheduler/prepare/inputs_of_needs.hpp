#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "core/model/job.hpp"
#include "core/model/manifest.hpp"
#include "ports/store.hpp"
#include "scheduler/prepare/item_list.hpp"

namespace stint::scheduler {

/// What the tasks of one entry find of another in STINT_INPUTS, gathered page by page from the store:
///
///   TASK/FILE          outputs of a single task          TASK/INDEX/FILE   of a task of an array
///   TASK/INTO          what `collect` put together
///   TASK/result.json   the result of a single task       TASK/results.jsonl   of an array: a line of task, index, item and result each
class InputsOfNeed {
 public:
  /// All must outlive it. `items`: of that entry; null if it has none.
  InputsOfNeed(ports::StoreReader& reader, const core::JobSpec& spec, JobId job, std::uint32_t need, const ItemList* items)
      : reader_(reader), spec_(spec), task_(spec.tasks.at(need)), job_(job), need_(need), items_(items) {}

  /// Reads one page. False: that was the last. Errors: of the store; out_of_range  too many files.
  [[nodiscard]] Result<bool> read_page(core::Manifest& files);

  /// The text of the results read so far, moved out; empty: none.
  [[nodiscard]] std::string take_results() { return std::move(results_); }
  [[nodiscard]] std::size_t result_bytes() const { return results_.size(); }
  /// Where the results belong.
  [[nodiscard]] std::string results_path() const;

 private:
  Result<bool> read_outputs(core::Manifest& files);
  Result<bool> read_results();
  void add_result(const core::ResultRow& row);

  ports::StoreReader& reader_;
  const core::JobSpec& spec_;
  const core::TaskSpec& task_;
  JobId job_;
  std::uint32_t need_;
  const ItemList* items_;
  ports::StoreReader::OutputQuery next_output_;
  std::uint32_t next_result_ = 0;
  bool has_outputs_ = false;  ///< all of them have been read
  bool is_begun_ = false;
  std::string results_;
};

}  // namespace stint::scheduler
