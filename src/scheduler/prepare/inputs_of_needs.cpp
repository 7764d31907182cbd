#include "scheduler/prepare/inputs_of_needs.hpp"

#include <boost/json.hpp>

#include "core/model/rows.hpp"
#include "scheduler/limits.hpp"

namespace stint::scheduler {
namespace {

namespace json = boost::json;
constexpr std::size_t kPage = 1000;

/// An item that is JSON stays what it is; any other is a text.
json::value value_of(std::string_view item) {
  boost::system::error_code failed;
  json::value value = json::parse(json::string_view(item.data(), item.size()), failed);
  return failed ? json::value(json::string_view(item.data(), item.size())) : value;
}

}  // namespace

std::string InputsOfNeed::results_path() const { return task_.name + (task_.is_array ? "/results.jsonl" : "/result.json"); }

Result<bool> InputsOfNeed::read_page(core::Manifest& files) {
  if (has_outputs_) return read_results();
  STINT_TRY(const bool more, read_outputs(files));
  has_outputs_ = !more;
  return true;
}

Result<bool> InputsOfNeed::read_outputs(core::Manifest& files) {
  if (!is_begun_) {
    next_output_.job = job_;
    next_output_.group = need_;
    next_output_.from = {job_, need_, 0};
    next_output_.limit = kPage;
    is_begun_ = true;
  }
  STINT_TRY(const auto rows, reader_.outputs(next_output_));
  for (const core::OutputRow& row : rows) {
    FileRef file = row.file;
    const bool is_of_task = row.task.index != core::kWholeEntry && task_.is_array;
    const std::string index = is_of_task ? std::to_string(task_.array_first + std::uint64_t{task_.array_step} * row.task.index) + '/' : "";
    file.path = task_.name + '/' + index + file.path;
    files.push_back(std::move(file));
  }
  if (files.size() > core::limits::kManifestFiles)
    return fail(Errc::out_of_range, "the tasks it needs have left more than " + std::to_string(core::limits::kManifestFiles) +
                                        " files, the limit: put them together with collect, or pack them in the tasks");
  if (rows.size() < kPage) return false;
  next_output_.from = rows.back().task;
  next_output_.after_path = rows.back().file.path;
  return true;
}

Result<bool> InputsOfNeed::read_results() {
  STINT_TRY(const auto rows, reader_.results(job_, need_, next_result_, limits::kResultsAtOnce));
  for (const core::ResultRow& row : rows) add_result(row);
  if (rows.size() < limits::kResultsAtOnce) return false;
  next_result_ = rows.back().task.index + 1;
  return true;
}

void InputsOfNeed::add_result(const core::ResultRow& row) {
  if (!task_.is_array) {
    results_ = row.json + '\n';
    return;
  }
  json::object line;
  line["task"] = core::task_id(spec_, row.task);
  line["index"] = task_.array_first + std::uint64_t{task_.array_step} * row.task.index;
  if (items_ != nullptr) line["item"] = value_of(items_->of_task(task_, row.task.index));
  line["result"] = value_of(row.json);
  results_ += json::serialize(line) + '\n';
}

}  // namespace stint::scheduler
