#include "core/model/job_json.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <limits>

#include "base/task_words.hpp"
#include "core/model/similar_word.hpp"
#include "core/model/task_order.hpp"

namespace stint::core {
namespace {

namespace json = boost::json;

using Pairs = std::vector<std::pair<std::string, std::string>>;

constexpr std::string_view kPolicies[] = {"keep", "stop_after", "replace"};
constexpr std::int64_t kLargestMs = std::numeric_limits<std::int64_t>::max() / 1'000'000;

std::string shown(const json::value& value) {
  constexpr std::size_t kLongest = 60;
  std::string text = json::serialize(value);
  return text.size() <= kLongest ? text : text.substr(0, kLongest) + "…";
}

/// Reads the keys of one object. The first problem of the whole document is kept, and every read after it gives the default: the caller
/// reads straight through and asks once at the end.
class Fields {
 public:
  Fields(const json::value& value, std::string path, std::optional<Error>& problem) : path_(std::move(path)), problem_(problem) {
    object_ = value.if_object();
    if (object_ == nullptr) report(path_, "expected an object, got " + shown(value));
  }

  std::string text(std::string_view key, std::string fallback = {}) {
    const json::value* value = find(key);
    if (value == nullptr) return fallback;
    if (const auto* string = value->if_string()) return std::string(*string);
    report_kind(key, "a string", *value);
    return fallback;
  }

  std::int64_t integer(std::string_view key, std::int64_t low, std::int64_t high, std::int64_t fallback) {
    const json::value* value = find(key);
    if (value == nullptr) return fallback;
    json::error_code failed;
    const auto number = value->is_double() ? 0 : value->to_number<std::int64_t>(failed);
    if (!value->is_double() && !failed && number >= low && number <= high) return number;
    report_kind(key, "an integer from " + std::to_string(low) + " to " + std::to_string(high), *value);
    return fallback;
  }
  std::uint32_t count(std::string_view key, std::uint32_t fallback) {
    return static_cast<std::uint32_t>(integer(key, 0, std::numeric_limits<std::uint32_t>::max(), fallback));
  }
  std::int64_t amount(std::string_view key, std::int64_t fallback) {
    return integer(key, 0, std::numeric_limits<std::int64_t>::max(), fallback);
  }
  Duration duration(std::string_view key, Duration fallback) { return from_ms(integer(key, 0, kLargestMs, to_ms(fallback))); }

  std::vector<std::string> texts(std::string_view key) {
    std::vector<std::string> result;
    const json::array* items = list(key);
    if (items == nullptr) return result;
    for (std::size_t i = 0; i < items->size(); ++i) {
      const auto* string = (*items)[i].if_string();
      if (string == nullptr) report(item_path(key, i), "expected a string, got " + shown((*items)[i]));
      result.emplace_back(string != nullptr ? std::string(*string) : std::string());
    }
    return result;
  }

  /// Sorted by name: equal specs compare equal however they were written.
  Pairs pairs(std::string_view key) {
    Pairs result;
    const json::value* value = find(key);
    if (value == nullptr) return result;
    const auto* object = value->if_object();
    if (object == nullptr) {
      report_kind(key, "an object of strings", *value);
      return result;
    }
    for (const auto& [name, item] : *object) {
      const auto* string = item.if_string();
      if (string == nullptr) report(key_path(key) + "." + std::string(name), "expected a string, got " + shown(item));
      result.emplace_back(std::string(name), string != nullptr ? std::string(*string) : std::string());
    }
    std::sort(result.begin(), result.end());
    return result;
  }

  const json::array* list(std::string_view key) {
    const json::value* value = find(key);
    if (value == nullptr) return nullptr;
    const auto* array = value->if_array();
    if (array == nullptr) report_kind(key, "a list", *value);
    return array;
  }

  /// The value of a key that may be left out; null counts as left out.
  const json::value* find(std::string_view key) {
    known_.push_back(key);
    if (object_ == nullptr) return nullptr;
    const json::value* value = object_->if_contains(key);
    return value == nullptr || value->is_null() ? nullptr : value;
  }

  std::string key_path(std::string_view key) const { return path_.empty() ? std::string(key) : path_ + "." + std::string(key); }
  std::string item_path(std::string_view key, std::size_t index) const { return key_path(key) + "[" + std::to_string(index) + "]"; }
  void report_kind(std::string_view key, const std::string& expected, const json::value& got) {
    report(key_path(key), "expected " + expected + ", got " + shown(got));
  }

  /// Call when every key has been asked for: what was not asked for is unknown.
  void finish() {
    if (object_ == nullptr) return;
    for (const auto& [key, value] : *object_) {
      const std::string_view name(key.data(), key.size());
      if (std::find(known_.begin(), known_.end(), name) == known_.end()) report(key_path(name), "unknown key" + suggestion(name, known_));
    }
  }

 private:
  void report(const std::string& path, const std::string& what) {
    if (!problem_) problem_ = Error{Errc::invalid_argument, (path.empty() ? "job" : path) + ": " + what};
  }

  std::string path_;
  std::optional<Error>& problem_;
  const json::object* object_ = nullptr;
  std::vector<std::string_view> known_;
};

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

DisconnectPolicy read_policy(Fields& fields) {
  const json::value* value = fields.find("on_disconnect");
  if (value == nullptr) return DisconnectPolicy::keep;
  const auto* word = value->if_string();
  const auto found = std::find(std::begin(kPolicies), std::end(kPolicies), word != nullptr ? std::string_view(*word) : std::string_view());
  if (found != std::end(kPolicies)) return static_cast<DisconnectPolicy>(found - std::begin(kPolicies));
  fields.report_kind("on_disconnect", "keep, stop_after or replace", *value);
  return DisconnectPolicy::keep;
}

TaskSpec read_task(const json::value& value, const std::string& path, std::optional<Error>& problem, std::vector<std::string>& needs) {
  Fields fields(value, path, problem);
  TaskSpec task;
  task.name = fields.text("name", "main");
  task.type = read_type(fields);
  task.driver = fields.text("driver", "exec");
  task.command = fields.texts("command");
  task.env = fields.pairs("env");
  task.workdir = fields.text("workdir");
  if (const auto* submit = fields.find("submit")) read_submit(*submit, fields.key_path("submit"), problem, task);
  task.resources.cpu_millis = 1000;
  if (const auto* resources = fields.find("resources")) task.resources = read_resources(*resources, fields.key_path("resources"), problem);
  if (const auto* array = fields.find("array")) read_array(*array, fields.key_path("array"), problem, task);
  needs = fields.texts("needs");
  task.retries = fields.count("retries", 0);
  task.timeout = fields.duration("timeout_ms", task.timeout);
  task.kill_grace = fields.duration("kill_grace_ms", task.kill_grace);
  task.on_disconnect = read_policy(fields);
  task.lost_after = fields.duration("lost_after_ms", task.lost_after);
  task.labels = fields.pairs("labels");
  fields.finish();
  return task;
}

json::object to_object(const Pairs& pairs) {
  json::object object;
  for (const auto& [name, value] : pairs) object[name] = value;
  return object;
}

json::object resources_object(const Resources& resources) {
  return {{"cpu_millis", resources.cpu_millis},
          {"memory_bytes", resources.memory_bytes},
          {"gpu", resources.gpus},
          {"storage_bytes", resources.storage_bytes}};
}

json::object array_object(const TaskSpec& task) {
  return {{"first", task.array_first}, {"step", task.array_step}, {"count", task.array_count}, {"max_parallel", task.max_parallel}};
}

json::object task_object(const TaskSpec& task, const JobSpec& spec) {
  json::array needs;
  for (const std::uint32_t need : task.needs) needs.emplace_back(spec.tasks.at(need).name);
  json::object object;
  object["name"] = task.name;
  object["type"] = task.type ? json::value(std::string(to_string(*task.type))) : json::value(nullptr);
  object["driver"] = task.driver;
  object["command"] = json::array(task.command.begin(), task.command.end());
  object["env"] = to_object(task.env);
  object["workdir"] = task.workdir;
  const bool has_submit = !task.submit_boot_id.empty() || task.workdir_inode != 0;
  if (has_submit) object["submit"] = json::object{{"boot_id", task.submit_boot_id}, {"inode", task.workdir_inode}};
  object["resources"] = resources_object(task.resources);
  if (task.is_array) object["array"] = array_object(task);
  object["needs"] = std::move(needs);
  object["retries"] = task.retries;
  object["timeout_ms"] = to_ms(task.timeout);
  object["kill_grace_ms"] = to_ms(task.kill_grace);
  object["on_disconnect"] = kPolicies[static_cast<std::size_t>(task.on_disconnect)];
  object["lost_after_ms"] = to_ms(task.lost_after);
  object["labels"] = to_object(task.labels);
  return object;
}

}  // namespace

Result<JobSpec> parse_job_json(std::string_view text) {
  json::error_code failed;
  const json::value document = json::parse(json::string_view(text.data(), text.size()), failed);
  if (failed) return fail(Errc::invalid_argument, "job: not JSON: " + failed.message());

  std::optional<Error> problem;
  Fields fields(document, "", problem);
  JobSpec spec;
  spec.name = fields.text("name");
  spec.queue = fields.text("queue", "default");
  spec.priority = static_cast<std::int32_t>(
      fields.integer("priority", std::numeric_limits<std::int32_t>::min(), std::numeric_limits<std::int32_t>::max(), 0));
  spec.max_fails = fields.count("max_fails", 0);
  std::vector<std::vector<std::string>> needs;
  if (const json::array* tasks = fields.list("tasks")) {
    needs.resize(tasks->size());
    for (std::size_t i = 0; i < tasks->size(); ++i)
      spec.tasks.push_back(read_task((*tasks)[i], fields.item_path("tasks", i), problem, needs[i]));
  }
  fields.finish();
  if (problem) return tl::unexpected<Error>(std::move(*problem));
  STINT_TRY_VOID(link_needs(spec.tasks, needs));
  return spec;
}

std::string to_json(const JobSpec& spec) {
  json::array tasks;
  for (const TaskSpec& task : spec.tasks) tasks.emplace_back(task_object(task, spec));
  json::object object;
  object["name"] = spec.name;
  object["queue"] = spec.queue;
  object["priority"] = spec.priority;
  object["max_fails"] = spec.max_fails;
  object["tasks"] = std::move(tasks);
  return json::serialize(object);
}

}  // namespace stint::core
