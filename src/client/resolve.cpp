#include "client/resolve.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <limits>
#include <map>

#include "core/model/limits.hpp"
#include "core/model/similar_word.hpp"

namespace stint::client {
namespace {

namespace json = boost::json;

constexpr std::size_t kOutputsMax = 1'000'000;  ///< of one job, looked through for one path

bool is_number(const std::string& text) {
  return !text.empty() && text.size() < 20 && text.find_first_not_of("0123456789") == std::string::npos;
}

Result<std::string> find_job(const std::string& job, Api& api) {
  if (is_number(job)) return job;
  STINT_TRY(const Page page, api.list("/v1/jobs", {{"name", job}, {"state", "completed"}}, 1));
  if (page.items.empty())
    return fail(Errc::not_found, "from_job: no completed job is named \"" + job + "\"; `stint jobs --state completed` lists them");
  STINT_TRY(const JobView view, parse_job_view(page.items.front()));
  return std::to_string(view.id);
}

/// One item of GET /v1/jobs/ID/outputs.
struct Output {
  std::string task;  ///< empty: of the whole entry, by `collect`
  FileRef file;
};
Result<Output> parse_output(const std::string& text) {
  json::error_code failed;
  const json::value value = json::parse(text, failed);
  const json::object* object = failed ? nullptr : value.if_object();
  const auto text_of = [&](std::string_view key) {
    const json::value* found = object != nullptr ? object->if_contains(key) : nullptr;
    return found != nullptr && found->is_string() ? std::string(found->get_string()) : std::string();
  };
  Output output{text_of("task"), {}};
  output.file.path = text_of("path");
  const auto blob = parse_blob_id(text_of("blob"));
  const json::value* size = object != nullptr ? object->if_contains("size_bytes") : nullptr;
  if (!blob || output.file.path.empty() || size == nullptr || !size->is_number())
    return fail(Errc::corrupt, "an output without path, blob or size");
  output.file.blob = *blob;
  output.file.size = size->to_number<std::uint64_t>(failed);
  const json::value* executable = object->if_contains("executable");
  output.file.is_executable = executable != nullptr && executable->is_bool() && executable->get_bool();
  return output;
}

Result<FileRef> find_output(const core::FromJob& from, Api& api) {
  STINT_TRY(const std::string job, find_job(from.job, api));
  STINT_TRY(const Page page, api.list("/v1/jobs/" + job + "/outputs", {{"task", from.task}}, kOutputsMax));
  const std::string task = job + "." + from.task;
  std::vector<std::string> paths;
  for (const std::string& item : page.items) {
    STINT_TRY(Output output, parse_output(item));
    if (!output.task.empty() && output.task != task) continue;  // of an array's task, when the array was named
    if (output.file.path == from.path) return std::move(output.file);
    paths.push_back(std::move(output.file.path));
  }
  const std::vector<std::string_view> known(paths.begin(), paths.end());
  return fail(Errc::not_found, "from_job: task " + task + " left no \"" + from.path + "\"" + core::suggestion(from.path, known) +
                                   (paths.empty() ? "; it left nothing: `stint outputs " + job + "` lists what there is" : ""));
}

/// `job.yaml:3:9: inputs: what is wrong`.
tl::unexpected<Error> at(const TaskOrigin& origin, core::Place place, const char* key, const Error& error) {
  std::string where = origin.file;
  if (!where.empty() && place.line > 0) where += ":" + std::to_string(place.line) + ":" + std::to_string(place.column);
  return fail(error.code, (where.empty() ? "" : where + ": ") + key + ": " + error.detail);
}

/// What the job file names and this machine does not give is a mistake in the file, whatever the system calls it.
template <class Value>
Result<Value> of_files(Result<Value> found) {
  const bool is_of_system = !found && (found.error().code == Errc::forbidden || found.error().code == Errc::io);
  if (is_of_system) return fail(Errc::invalid_argument, found.error().detail);
  return found;
}

/// The files of one task's directory by their paths. The same file may be named twice; two files of one path may not.
class Directory {
 public:
  Status add(FileRef file) {
    const auto [same, is_new] = files_.emplace(file.path, file);
    if (is_new || same->second.blob == file.blob) return {};
    return fail(Errc::invalid_argument, "two different files would lie at \"" + file.path + "\" in the task's directory; rename one");
  }
  Status add_all(Result<core::Manifest> found) {
    if (!found) return tl::unexpected<Error>(std::move(found.error()));
    for (FileRef& file : *found) STINT_TRY_VOID(add(std::move(file)));
    return {};
  }
  [[nodiscard]] core::Manifest take() {
    core::Manifest manifest;
    for (auto& [path, file] : files_) manifest.push_back(std::move(file));
    return manifest;
  }

 private:
  std::map<std::string, FileRef> files_;
};

Status add_output(const core::FromJob& from, Api& api, Directory& directory) {
  STINT_TRY(FileRef file, find_output(from, api));
  file.path = file.path.substr(file.path.rfind('/') + 1);
  return directory.add(std::move(file));
}

Status resolve_inputs(core::TaskSpec& task, const TaskOrigin& origin, LocalFiles& files, Api& api) {
  Directory directory;
  if (!origin.upload.empty())
    if (const auto done = directory.add_all(of_files(files.find_files(origin.upload, {"."}))); !done)
      return at(origin, {}, "--upload", done.error());
  for (const core::InputPattern& input : origin.sources.inputs)
    if (const auto done = directory.add_all(of_files(files.find_files(origin.directory, {input.pattern}))); !done)
      return at(origin, input.place, "inputs", done.error());
  for (const core::FromJob& from : origin.sources.from_jobs)
    if (const auto done = add_output(from, api, directory); !done) return at(origin, from.place, "inputs", done.error());
  core::Manifest manifest = directory.take();
  if (manifest.empty()) return {};
  STINT_TRY(std::string text, core::print_manifest(std::move(manifest)));
  STINT_TRY(task.inputs, files.keep_text(std::move(text)));
  return {};
}

/// Lines without what ends them; empty ones are none.
Result<std::vector<std::string>> read_items(const std::string& path, LocalFiles& files) {
  STINT_TRY(const std::string text, of_files(files.read_text(path)));
  std::vector<std::string> items;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    std::string line = text.substr(at, end - at);
    if (line.ends_with('\r')) line.pop_back();
    if (!line.empty()) items.push_back(std::move(line));
    at = end + 1;
  }
  return items;
}

Status keep_lines(core::EachSpec& each, const std::vector<std::string>& items, LocalFiles& files) {
  std::string text;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (items[i].size() > core::limits::kItemBytes)
      return fail(Errc::out_of_range, "item " + std::to_string(i + 1) + " has " + std::to_string(items[i].size()) +
                                          " bytes; the limit is " + std::to_string(core::limits::kItemBytes) +
                                          "; put it into a file and name that");
    text += items[i] + "\n";
  }
  each.count = items.size();
  STINT_TRY(each.items, files.keep_text(std::move(text)));
  return {};
}

/// With a directory of its own a task gets the files, else their names.
Status resolve_glob(core::TaskSpec& task, const TaskOrigin& origin, LocalFiles& files) {
  const std::string& pattern = origin.sources.items.path;
  if (!task.own_directory) {
    STINT_TRY(const auto names, of_files(files.find_names(origin.directory, pattern)));
    return keep_lines(*task.each, names, files);
  }
  STINT_TRY(core::Manifest found, of_files(files.find_files(origin.directory, {pattern})));
  task.each->count = found.size();
  task.each->kind = core::ItemKind::files;
  STINT_TRY(std::string text, core::print_manifest(std::move(found)));
  STINT_TRY(task.each->items, files.keep_text(std::move(text)));
  return {};
}

Status resolve_items(core::TaskSpec& task, const TaskOrigin& origin, LocalFiles& files) {
  const core::ItemSource& source = origin.sources.items;
  using Kind = core::ItemSource::Kind;
  if (source.kind == Kind::none) return {};
  if (source.kind == Kind::glob) {
    STINT_TRY_VOID(resolve_glob(task, origin, files));
  } else if (source.kind == Kind::list) {
    STINT_TRY_VOID(keep_lines(*task.each, source.items, files));
  } else {
    const std::string path = source.path.starts_with('/') ? source.path : origin.directory + "/" + source.path;
    STINT_TRY(const auto items, read_items(path, files));
    if (items.empty()) return fail(Errc::invalid_argument, path + " has no lines; a list of items has at least one");
    STINT_TRY_VOID(keep_lines(*task.each, items, files));
  }
  const std::uint64_t tasks = core::tasks_for_items(task, task.each->count);
  task.array_count = static_cast<std::uint32_t>(std::min<std::uint64_t>(tasks, std::numeric_limits<std::uint32_t>::max()));
  return {};
}

}  // namespace

Status resolve_sources(core::JobSpec& spec, const std::vector<TaskOrigin>& origins, LocalFiles& files, Api& api) {
  for (std::size_t i = 0; i < spec.tasks.size(); ++i) {
    core::TaskSpec& task = spec.tasks[i];
    const TaskOrigin& origin = origins[i];
    STINT_TRY_VOID(resolve_inputs(task, origin, files, api));
    if (const auto done = resolve_items(task, origin, files); !done) return at(origin, origin.sources.items.place, "each", done.error());
  }
  return {};
}

bool is_in_job_file(const Error& error) {
  return error.code == Errc::not_found || error.code == Errc::invalid_argument || error.code == Errc::out_of_range;
}

}  // namespace stint::client
