#include "adapters/staging/attempt_dir.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <cstdio>
#include <filesystem>

#include "adapters/staging/files.hpp"
#include "adapters/staging/limits.hpp"
#include "core/model/manifest.hpp"

namespace stint::staging {
namespace {

namespace json = boost::json;

std::string name_of(const AttemptRef& ref) {
  return std::to_string(ref.task.job.value) + "." + std::to_string(ref.task.group) + "." + std::to_string(ref.task.index) + "@" +
         std::to_string(ref.attempt);
}

std::optional<AttemptRef> parse_name(const std::string& name) {
  unsigned long long job = 0;
  AttemptRef ref;
  if (std::sscanf(name.c_str(), "%llu.%u.%u@%u", &job, &ref.task.group, &ref.task.index, &ref.attempt) != 4) return std::nullopt;
  ref.task.job = JobId{job};
  if (name_of(ref) != name) return std::nullopt;
  return ref;
}

bool read_flag(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  return value != nullptr && value->is_bool() && value->get_bool();
}

}  // namespace

AttemptDir::AttemptDir(const std::string& root, const AttemptRef& ref) : path_(root + "/" + name_of(ref)) {}

Status AttemptDir::make() const {
  STINT_TRY_VOID(remove_tree(path_));
  for (const auto& folder : {work(), inputs(), outputs()}) STINT_TRY_VOID(make_directory(folder));
  return {};
}

Status AttemptDir::save_stage(const ports::StageSpec& stage) const {
  json::array outputs;
  for (const auto& pattern : stage.outputs) outputs.emplace_back(pattern);
  const json::object object{{"version", 1},
                            {"token", stage.token},
                            {"outputs", std::move(outputs)},
                            {"own_directory", stage.own_directory},
                            {"checkpoint", stage.checkpoint}};
  return replace_file(path_ + "/stage", json::serialize(object));
}

Result<ports::StageSpec> AttemptDir::load_stage() const {
  const auto path = path_ + "/stage";
  if (!exists(path)) return fail(Errc::not_found, path + ": the attempt never came to its start");
  STINT_TRY(const auto text, read_file(path, limits::kRecordBytes));
  boost::system::error_code error;
  const auto document = json::parse(text, error);
  const auto* object = error ? nullptr : document.if_object();
  const auto* token = object == nullptr ? nullptr : object->if_contains("token");
  const auto* outputs = object == nullptr ? nullptr : object->if_contains("outputs");
  if (token == nullptr || !token->is_string() || outputs == nullptr || !outputs->is_array())
    return fail(Errc::corrupt, path + ": no stage record");
  ports::StageSpec stage;
  stage.token = std::string{token->get_string()};
  for (const auto& pattern : outputs->get_array())
    if (pattern.is_string()) stage.outputs.emplace_back(pattern.get_string());
  stage.own_directory = read_flag(*object, "own_directory");
  stage.checkpoint = read_flag(*object, "checkpoint");
  return stage;
}

Status AttemptDir::save_left(const std::vector<FileRef>& files) const {
  STINT_TRY(const auto text, core::print_manifest(files));
  return replace_file(path_ + "/left", text);
}

std::optional<std::vector<FileRef>> AttemptDir::load_left() const {
  const auto text = read_file(path_ + "/left", limits::kRecordBytes);
  if (!text) return std::nullopt;
  auto files = core::parse_manifest(*text);
  if (!files) return std::nullopt;
  return std::move(*files);
}

std::vector<AttemptRef> AttemptDir::list(const std::string& root) {
  std::vector<AttemptRef> found;
  std::error_code error;
  for (auto at = std::filesystem::directory_iterator(root, error); !error && at != std::filesystem::end(at); at.increment(error))
    if (const auto ref = parse_name(at->path().filename().string())) found.push_back(*ref);
  return found;
}

void set_variable(std::vector<std::pair<std::string, std::string>>& env, std::string name, std::string value) {
  const auto known = std::find_if(env.begin(), env.end(), [&](const auto& variable) { return variable.first == name; });
  if (known == env.end()) return static_cast<void>(env.emplace_back(std::move(name), std::move(value)));
  known->second = std::move(value);
}

}  // namespace stint::staging
