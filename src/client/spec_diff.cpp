#include "client/spec_diff.hpp"

#include <algorithm>
#include <boost/json.hpp>

namespace stint::client {
namespace {

namespace json = boost::json;

/// `submit` is the machine's boot and the directory's inode: another one every day.
constexpr std::string_view kLeftOut[] = {"submit", "retry_of"};
/// Set by the caller's shell, not by the job (apps/stint/submission.cpp).
constexpr std::string_view kShellNames[] = {"PATH", "HOME", "USER",        "LOGNAME",      "SHELL",
                                            "LANG", "TZ",   "VIRTUAL_ENV", "CONDA_PREFIX", "PYTHONPATH"};

bool is_left_out(std::string_view key, bool is_env) {
  if (!is_env) return std::find(std::begin(kLeftOut), std::end(kLeftOut), key) != std::end(kLeftOut);
  return key.starts_with("LC_") || std::find(std::begin(kShellNames), std::end(kShellNames), key) != std::end(kShellNames);
}

std::string show(const json::value* value) {
  if (value == nullptr || value->is_null()) return {};
  if (const json::string* text = value->if_string()) return std::string(*text);
  return json::serialize(*value);
}

std::string join(const std::string& path, std::string_view key) { return path.empty() ? std::string(key) : path + "." + std::string(key); }

class Differ {
 public:
  std::vector<SpecChange> changes;

  void compare(const std::string& path, const json::value* before, const json::value* after, bool is_env = false) {
    const json::object* old_object = before != nullptr ? before->if_object() : nullptr;
    const json::object* new_object = after != nullptr ? after->if_object() : nullptr;
    if (old_object != nullptr && new_object != nullptr) return compare_objects(path, *old_object, *new_object, is_env);
    const std::string old_text = show(before), new_text = show(after);
    if (old_text != new_text) changes.push_back({path, old_text, new_text});
  }

  /// In the order of the new one; what is gone comes last.
  void compare_objects(const std::string& path, const json::object& before, const json::object& after, bool is_env) {
    for (const auto& item : after)
      if (const std::string_view key = item.key(); !is_left_out(key, is_env))
        compare(join(path, key), before.if_contains(key), &item.value(), key == "env");
    for (const auto& item : before)
      if (const std::string_view key = item.key(); !is_left_out(key, is_env) && !after.contains(key))
        compare(join(path, key), &item.value(), nullptr);
  }
};

/// In the same order, which erase() does not keep.
json::object without(const json::object& object, std::string_view key) {
  json::object rest;
  for (const auto& item : object)
    if (item.key() != key) rest[item.key()] = item.value();
  return rest;
}

/// `tasks` as an object by name: a task that moved is the same task.
Result<json::object> keyed(std::string_view text) {
  json::error_code failed;
  json::value value = json::parse(json::string_view(text.data(), text.size()), failed);
  json::object* job = failed ? nullptr : value.if_object();
  const json::value* tasks = job != nullptr ? job->if_contains("tasks") : nullptr;
  if (tasks == nullptr || !tasks->is_array()) return fail(Errc::corrupt, "not the JSON of a job");
  json::object named;
  for (const json::value& task : tasks->get_array()) {
    const json::value* name = task.is_object() ? task.get_object().if_contains("name") : nullptr;
    if (name == nullptr || !name->is_string()) return fail(Errc::corrupt, "a task without a name");
    named[std::string_view(name->get_string())] = without(task.get_object(), "name");
  }
  json::object result = without(*job, "tasks");
  for (auto& item : named) result[item.key()] = std::move(item.value());
  return result;
}

}  // namespace

Result<std::vector<SpecChange>> diff_specs(std::string_view before, std::string_view after) {
  STINT_TRY(const json::object old_job, keyed(before));
  STINT_TRY(const json::object new_job, keyed(after));
  Differ differ;
  differ.compare_objects("", old_job, new_job, false);
  return std::move(differ.changes);
}

}  // namespace stint::client
