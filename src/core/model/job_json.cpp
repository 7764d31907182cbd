#include "core/model/job_json.hpp"

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <limits>

#include "base/task_words.hpp"
#include "core/model/job_json_words.hpp"
#include "core/model/json_fields.hpp"
#include "core/model/task_order.hpp"

namespace stint::core {
namespace {

namespace json = boost::json;

constexpr std::size_t kDocumentBytes = 4096;  ///< of the tree of a small job; a larger one takes the rest from the heap

Resources read_resources(const json::value& value, std::string path, std::optional<Error>& problem) {
  Fields fields(value, std::move(path), problem);
  Resources resources;
  resources.cpu_millis = fields.amount("cpu_millis", 1000);
  resources.memory_bytes = fields.amount("memory_bytes", 0);
  resources.gpus = fields.amount("gpu", 0);
  resources.storage_bytes = fields.amount("storage_bytes", 0);
  fields.finish();
  return resources;
}

void read_array(const json::value& value, std::string path, std::optional<Error>& problem, TaskSpec& task) {
  Fields fields(value, std::move(path), problem);
  task.is_array = true;
  task.array_first = fields.count("first", 0);
  task.array_step = fields.count("step", 1);
  task.array_count = fields.count("count", 1);
  task.max_parallel = fields.count("max_parallel", 0);
  fields.finish();
}

void read_submit(const json::value& value, std::string path, std::optional<Error>& problem, TaskSpec& task) {
  Fields fields(value, std::move(path), problem);
  task.submit_boot_id = fields.text("boot_id");
  task.workdir_inode = static_cast<std::uint64_t>(fields.amount("inode", 0));
  fields.finish();
}

std::optional<AgentType> read_type(Fields& fields) {
  const json::value* value = fields.find("type");
  if (value == nullptr) return std::nullopt;
  const auto* word = value->if_string();
  const auto type = word != nullptr ? parse_agent_type(std::string_view(*word)) : std::nullopt;
  if (!type) fields.report_kind("type", "trainer, inferencer, crawler, labeller or rater", *value);
  return type;
}

/// One of `words`, by its position; the first if the key is left out.
template <class Enum, std::size_t N>
Enum read_word(Fields& fields, std::string_view key, const std::string_view (&words)[N], const char* expected) {
  const json::value* value = fields.find(key);
  if (value == nullptr) return Enum{};
  const auto* word = value->if_string();
  const auto* const found = std::find(std::begin(words), std::end(words), word != nullptr ? std::string_view(*word) : std::string_view());
  if (found != std::end(words)) return static_cast<Enum>(found - std::begin(words));
  fields.report_kind(key, expected, *value);
  return Enum{};
}

BlobId read_blob(Fields& fields, std::string_view key) {
  const std::string text = fields.text(key);
  if (text.empty()) return {};
  const auto id = parse_blob_id(text);
  if (!id) fields.report(fields.key_path(key), "expected the 64 hexadecimal digits of a SHA-256, got \"" + text.substr(0, 80) + "\"");
  return id.value_or(BlobId{});
}

/// `"prepare"`, or `{"task": "prepare", "on": "always"}`.
NamedNeed read_need(const json::value& value, const std::string& path, std::optional<Error>& problem) {
  if (const auto* name = value.if_string()) return {std::string(*name), NeedOn::success};
  Fields fields(value, path, problem);
  NamedNeed need{fields.text("task"), read_word<NeedOn>(fields, "on", kConditions, "success, failure or always")};
  fields.finish();
  return need;
}

MatrixAxis read_axis(const json::value& value, std::string path, std::optional<Error>& problem) {
  Fields fields(value, std::move(path), problem);
  MatrixAxis axis{fields.text("name"), fields.texts("values")};
  fields.finish();
  return axis;
}

void read_matrix(Fields& fields, std::optional<Error>& problem, TaskSpec& task) {
  const json::array* axes = fields.list("matrix");
  if (axes == nullptr) return;
  for (std::size_t i = 0; i < axes->size(); ++i) task.matrix.push_back(read_axis((*axes)[i], fields.item_path("matrix", i), problem));
  if (task.matrix.empty()) return;
  if (task.is_array) fields.report(fields.key_path("matrix"), "a matrix and an array exclude each other");
  task.is_array = true;
  task.array_count =
      static_cast<std::uint32_t>(std::min<std::uint64_t>(matrix_size(task.matrix), std::numeric_limits<std::uint32_t>::max()));
}

void read_each(const json::value& value, std::string path, std::optional<Error>& problem, TaskSpec& task, std::string& from) {
  Fields fields(value, std::move(path), problem);
  EachSpec each;
  each.items = read_blob(fields, "items");
  each.count = static_cast<std::uint64_t>(fields.amount("count", 0));
  each.kind = read_word<ItemKind>(fields, "kind", kItemKinds, "lines or files");
  each.batch = fields.count("batch", 0);
  from = fields.text("from");
  each.file = fields.text("file");
  if (from.empty() == !each.items) fields.report(fields.key_path("items"), "give either items (with their count) or from (with a file)");
  if (task.is_array) fields.report(fields.key_path("items"), "items exclude an array or a matrix");
  fields.finish();
  if (!from.empty()) each.from = 0;  // its position is known when all names are
  task.each = std::move(each);
  task.is_array = true;
  const std::uint64_t tasks = from.empty() ? tasks_for_items(task, task.each->count) : 0;
  task.array_count = static_cast<std::uint32_t>(std::min<std::uint64_t>(tasks, std::numeric_limits<std::uint32_t>::max()));
}

void read_collect(const json::value& value, std::string path, std::optional<Error>& problem, TaskSpec& task) {
  Fields fields(value, std::move(path), problem);
  task.collect = CollectSpec{fields.text("file"), fields.text("into")};
  fields.finish();
}

void read_constraints(Fields& fields, TaskSpec& task) {
  const auto texts = fields.texts("constraints");
  for (std::size_t i = 0; i < texts.size(); ++i) {
    auto constraint = parse_constraint(texts[i]);
    if (constraint) {
      task.constraints.push_back(std::move(*constraint));
    } else {
      fields.report(fields.item_path("constraints", i), constraint.error().detail);
    }
  }
}

void read_people(Fields& fields, TaskSpec& task) {
  if (const json::value* form = fields.find("form")) {
    if (!form->is_object()) fields.report_kind("form", "an object", *form);
    task.form = json::serialize(*form);
  }
  task.overlap = fields.count("overlap", 1);
  task.due = fields.duration("due_ms", Duration{0});
}

void read_files(Fields& fields, std::optional<Error>& problem, TaskSpec& task) {
  task.inputs = read_blob(fields, "inputs");
  task.own_directory = fields.flag("own_directory", false);
  task.checkpoint = fields.flag("checkpoint", false);
  task.outputs = fields.texts("outputs");
  if (const auto* collect = fields.find("collect")) read_collect(*collect, fields.key_path("collect"), problem, task);
}

TaskSpec read_task(const json::value& value, const std::string& path, std::optional<Error>& problem, WrittenRefs& refs) {
  Fields fields(value, path, problem);
  TaskSpec task;
  task.name = fields.text("name", "main");
  task.type = read_type(fields);
  task.driver = fields.text("driver", "exec");
  task.command = fields.texts("command");
  task.env = fields.pairs("env");
  task.workdir = fields.text("workdir");
  if (const auto* submit = fields.find("submit")) read_submit(*submit, fields.key_path("submit"), problem, task);
  task.resources.cpu_millis = task.driver == "human" ? 0 : 1000;
  if (const auto* resources = fields.find("resources")) task.resources = read_resources(*resources, fields.key_path("resources"), problem);
  if (const auto* array = fields.find("array")) read_array(*array, fields.key_path("array"), problem, task);
  read_people(fields, task);  // the overlap counts in the number of tasks
  read_matrix(fields, problem, task);
  if (const auto* limit = fields.find("max_parallel"); limit != nullptr) task.max_parallel = fields.count("max_parallel", 0);
  if (const auto* each = fields.find("each")) read_each(*each, fields.key_path("each"), problem, task, refs.items_from);
  if (const auto* needs = fields.list("needs"))
    for (std::size_t i = 0; i < needs->size(); ++i) refs.needs.push_back(read_need((*needs)[i], fields.item_path("needs", i), problem));
  task.retries = fields.count("retries", 0);
  if (fields.find("reschedules") != nullptr) task.reschedules = fields.count("reschedules", 0);
  task.timeout = fields.duration("timeout_ms", task.timeout);
  task.kill_grace = fields.duration("kill_grace_ms", task.kill_grace);
  task.on_disconnect = read_word<DisconnectPolicy>(fields, "on_disconnect", kPolicies, "keep, stop_after or replace");
  task.lost_after = fields.duration("lost_after_ms", task.lost_after);
  task.labels = fields.pairs("labels");
  read_constraints(fields, task);
  read_files(fields, problem, task);
  fields.finish();
  return task;
}

}  // namespace

Result<JobSpec> parse_job_json(std::string_view text) {
  json::error_code failed;
  std::array<unsigned char, kDocumentBytes> room;  // written by who asks for it
  json::monotonic_resource memory(room.data(), room.size());  // what is read is thrown away as a whole
  const json::value document = json::parse(json::string_view(text.data(), text.size()), failed, &memory);
  if (failed) return fail(Errc::invalid_argument, "job: not JSON: " + failed.message());

  std::optional<Error> problem;
  Fields fields(document, "", problem);
  JobSpec spec;
  spec.name = fields.text("name");
  spec.queue = fields.text("queue", "default");
  spec.priority = static_cast<std::int32_t>(
      fields.integer("priority", std::numeric_limits<std::int32_t>::min(), std::numeric_limits<std::int32_t>::max(), 0));
  spec.max_fails = fields.count("max_fails", 0);
  spec.retry_of = JobId{static_cast<std::uint64_t>(fields.amount("retry_of", 0))};
  std::vector<WrittenRefs> refs;
  if (const json::array* tasks = fields.list("tasks")) {
    refs.resize(tasks->size());
    for (std::size_t i = 0; i < tasks->size(); ++i)
      spec.tasks.push_back(read_task((*tasks)[i], fields.item_path("tasks", i), problem, refs[i]));
  }
  fields.finish();
  if (problem) return tl::unexpected<Error>(std::move(*problem));
  STINT_TRY_VOID(link_needs(spec.tasks, refs));
  return spec;
}

}  // namespace stint::core
