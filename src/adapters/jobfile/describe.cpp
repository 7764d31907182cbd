#include "adapters/jobfile/describe.hpp"

#include <boost/json.hpp>

#include "core/model/job_json.hpp"

namespace stint::adapters {
namespace {

namespace json = boost::json;

json::array inputs_of(const TaskSources& sources) {
  json::array inputs;
  for (const InputPattern& input : sources.inputs) inputs.emplace_back(input.pattern);
  for (const FromJob& from : sources.from_jobs)
    inputs.emplace_back(json::object{{"from_job", from.job}, {"task", from.task}, {"path", from.path}});
  return inputs;
}

json::value each_of(const ItemSource& items, std::uint32_t batch) {
  if (items.kind == ItemSource::Kind::list) return json::array(items.items.begin(), items.items.end());
  json::object each;
  if (items.kind == ItemSource::Kind::glob) each["glob"] = items.path;
  if (items.kind == ItemSource::Kind::file) each["file"] = items.path;
  each["batch"] = batch;
  return each;
}

}  // namespace

std::string describe(const JobFile& file) {
  json::value job = json::parse(core::to_json(file.spec));
  json::array& tasks = job.as_object().at("tasks").as_array();
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    json::object& task = tasks[i].as_object();
    const TaskSources& sources = file.sources.at(i);
    if (json::array inputs = inputs_of(sources); !inputs.empty()) task["inputs"] = std::move(inputs);
    if (sources.items.kind != ItemSource::Kind::none) task["each"] = each_of(sources.items, file.spec.tasks[i].each->batch);
  }
  return json::serialize(job);
}

}  // namespace stint::adapters
