#include "apps/stint/submission.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <limits>

#include "apps/stint/files.hpp"
#include "core/model/quantity.hpp"

extern char** environ;  // NOLINT(readability-redundant-declaration): POSIX leaves it to the program

namespace stint::cli {
namespace {

namespace fs = std::filesystem;
using core::JobSpec;
using core::TaskSpec;
using Pairs = std::vector<std::pair<std::string, std::string>>;

/// What makes a program find its interpreter, modules and language as it does in the user's shell. No secrets, no display, no session.
bool is_passed_on(std::string_view name) {
  constexpr std::string_view kNames[] = {"PATH", "HOME", "USER",        "LOGNAME",      "SHELL",
                                         "LANG", "TZ",   "VIRTUAL_ENV", "CONDA_PREFIX", "PYTHONPATH"};
  return name.starts_with("LC_") || std::find(std::begin(kNames), std::end(kNames), name) != std::end(kNames);
}

Pairs user_environment() {
  Pairs pairs;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const std::size_t equals = text.find('=');
    if (equals != std::string_view::npos && is_passed_on(text.substr(0, equals)))
      pairs.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  }
  return pairs;
}

/// `stronger` wins where both have a name; sorted.
Pairs merge(const Pairs& weaker, Pairs stronger) {
  for (const auto& pair : weaker) {
    const bool is_there = std::any_of(stronger.begin(), stronger.end(), [&](const auto& other) { return other.first == pair.first; });
    if (!is_there) stronger.push_back(pair);
  }
  std::sort(stronger.begin(), stronger.end());
  return stronger;
}

/// A NAME to pass on that this shell has not.
bool is_unset(const std::string& word) { return word.find('=') == std::string::npos && std::getenv(word.c_str()) == nullptr; }

Result<Pairs> parse_env(const std::vector<std::string>& words) {
  Pairs pairs;
  for (const std::string& word : words) {
    const std::size_t equals = word.find('=');
    const std::string name = word.substr(0, equals);
    if (name.empty()) return fail(Errc::invalid_argument, "--env \"" + word + "\": expected NAME=VALUE or NAME");
    // The last of one name wins, as in env(1).
    std::erase_if(pairs, [&](const auto& pair) { return pair.first == name; });
    if (!is_unset(word)) pairs.emplace_back(name, equals == std::string::npos ? environment(name.c_str()) : word.substr(equals + 1));
  }
  return pairs;
}

template <class Number>
Result<Number> parse_number(const char* option, const std::string& text, Number low) {
  Number number{};
  const char* last = text.data() + text.size();
  const auto [end, failed] = std::from_chars(text.data(), last, number);
  if (failed == std::errc() && end == last && number >= low) return number;
  return fail(Errc::invalid_argument, std::string(option) + ": expected an integer from " + std::to_string(low) + " to " +
                                          std::to_string(std::numeric_limits<Number>::max()) + ", got \"" + text + "\"");
}

/// parse(text), with the option's name before what is wrong.
template <class Value>
Result<Value> parse_option(const char* option, const std::string& text, Result<Value> (*parse)(std::string_view)) {
  auto value = parse(text);
  if (!value) return fail(value.error().code, std::string(option) + ": " + value.error().detail);
  return value;
}

Status apply_resources(const RunOptions& options, TaskSpec& task) {
  if (!options.cpu.empty()) {
    STINT_TRY(task.resources.cpu_millis, parse_option("--cpu", options.cpu, core::parse_cpu));
  }
  if (!options.memory.empty()) {
    STINT_TRY(task.resources.memory_bytes, parse_option("--memory", options.memory, core::parse_bytes));
  }
  if (!options.gpu.empty()) {
    STINT_TRY(task.resources.gpus, parse_number<std::int64_t>("--gpu", options.gpu, 0));
  }
  if (!options.storage.empty()) {
    STINT_TRY(task.resources.storage_bytes, parse_option("--storage", options.storage, core::parse_bytes));
  }
  return {};
}

Status apply_array(const RunOptions& options, TaskSpec& task) {
  if (options.array.empty()) return {};
  if (!task.matrix.empty() || task.each)
    return fail(Errc::invalid_argument, "--array: the file makes its tasks by matrix or each; take one of them");
  STINT_TRY(const core::ArrayRange range, parse_option("--array", options.array, core::parse_array));
  core::set_array(task, range);
  return {};
}

Status apply_to_task(const RunOptions& options, TaskSpec& task) {
  STINT_TRY_VOID(apply_resources(options, task));
  if (!options.type.empty()) {
    task.type = parse_agent_type(options.type);
    if (!task.type)
      return fail(Errc::invalid_argument, "--type: expected trainer, inferencer, crawler, labeller or rater, got \"" + options.type + "\"");
  }
  STINT_TRY_VOID(apply_array(options, task));
  if (!options.retries.empty()) {
    STINT_TRY(task.retries, parse_number<std::uint32_t>("--retries", options.retries, 0));
  }
  if (!options.timeout.empty()) {
    STINT_TRY(task.timeout, parse_option("--timeout", options.timeout, core::parse_duration));
  }
  if (!options.workdir.empty()) task.workdir = options.workdir;
  STINT_TRY(Pairs env, parse_env(options.env));
  if (task.driver == "human") return {};
  task.env = merge(user_environment(), merge(task.env, std::move(env)));
  return {};
}

Status apply_to_job(const RunOptions& options, JobSpec& job) {
  if (!options.name.empty()) job.name = options.name;
  if (!options.queue.empty()) job.queue = options.queue;
  if (!options.priority.empty()) {
    STINT_TRY(job.priority, parse_number<std::int32_t>("--priority", options.priority, std::numeric_limits<std::int32_t>::min()));
  }
  if (!options.array.empty() && job.tasks.size() > 1)
    return fail(Errc::invalid_argument, "--array is for a job of one task; this file has several");
  for (TaskSpec& task : job.tasks) STINT_TRY_VOID(apply_to_task(options, task));
  return {};
}

std::string absolute(const std::string& path) {
  std::error_code failed;
  std::string result = fs::absolute(path.empty() ? "." : path, failed).lexically_normal().string();
  while (result.size() > 1 && result.back() == '/') result.pop_back();
  return result;
}

/// An agent on the same machine (boot id) then sees whether it is the same directory (inode).
void remember_directory(TaskSpec& task) {
  struct stat status{};
  if (::stat(task.workdir.c_str(), &status) != 0) return;
  const auto boot_id = read_file("/proc/sys/kernel/random/boot_id");
  if (!boot_id) return;
  task.submit_boot_id = boot_id->substr(0, boot_id->find('\n'));
  task.workdir_inode = status.st_ino;
}

/// A task runs where it was submitted from, or in a directory of its own whose files come from there.
void settle_directory(const RunOptions& options, TaskSpec& task, client::TaskOrigin& origin) {
  origin.directory = absolute(task.workdir);
  if (!options.upload.empty() && task.driver == "exec") {
    origin.upload = absolute(options.upload);
    task.own_directory = true;
  }
  task.workdir = task.own_directory || task.driver == "human" ? "" : origin.directory;
  if (!task.workdir.empty()) remember_directory(task);
}

Result<Submission> read_job_file(const RunOptions& options) {
  const std::string& path = options.file;
  const auto text = read_job_text(path);
  if (!text && text.error().code == Errc::not_found)
    return fail(Errc::invalid_argument, "no job file \"" + path + "\"; to run a command: stint run -- " + path + " …");
  if (!text) return tl::unexpected<Error>(text.error());
  STINT_TRY(const adapters::Parameters parameters, parse_parameters(options.parameters));
  adapters::JobFile file = adapters::parse_job_file(*text, parameters);
  Submission submission;
  for (const auto& note : file.notes) submission.notes.push_back(adapters::show_remark(path, note));
  std::string detail;
  for (const auto& problem : file.problems) detail += (detail.empty() ? "" : "\n") + adapters::show_remark(path, problem);
  if (!detail.empty()) return fail(Errc::invalid_argument, detail);
  if (file.spec.name.empty()) file.spec.name = path == "-" ? "stdin" : fs::path(path).stem().string();
  submission.spec = std::move(file.spec);
  for (adapters::TaskSources& sources : file.sources) submission.origins.push_back({std::move(sources), {}, {}, path});
  return submission;
}

JobSpec job_of_command(const std::vector<std::string>& command) {
  TaskSpec task;
  task.name = "main";
  task.command = command;
  task.resources.cpu_millis = 1000;
  JobSpec job;
  job.name = fs::path(command.front()).filename().string();
  job.tasks.push_back(std::move(task));
  return job;
}

}  // namespace

Result<std::string> read_job_text(const std::string& path) { return read_file(path == "-" ? "/dev/stdin" : path); }

Result<adapters::Parameters> parse_parameters(const std::vector<std::string>& words) {
  adapters::Parameters parameters;
  for (const std::string& word : words) {
    const std::size_t equals = word.find('=');
    if (equals == std::string::npos || equals == 0) return fail(Errc::invalid_argument, "-p \"" + word + "\": expected NAME=VALUE");
    parameters.emplace_back(word.substr(0, equals), word.substr(equals + 1));
  }
  return parameters;
}

Result<Submission> make_submission(const RunOptions& options, const std::vector<std::string>& command) {
  Submission submission;
  if (options.file.empty()) {
    if (!options.parameters.empty()) return fail(Errc::invalid_argument, "-p is for the parameters of a job file");
    submission.spec = job_of_command(command);
    submission.origins.resize(1);
  } else {
    STINT_TRY(submission, read_job_file(options));
  }
  STINT_TRY_VOID(apply_to_job(options, submission.spec));
  for (const std::string& word : options.env)
    if (is_unset(word)) submission.notes.push_back("--env " + word + ": it is not set here, so that tasks do not get it");
  for (std::size_t i = 0; i < submission.spec.tasks.size(); ++i) {
    TaskSpec& task = submission.spec.tasks[i];
    settle_directory(options, task, submission.origins[i]);
    if (!task.workdir.empty() && task.workdir_inode == 0)
      submission.notes.push_back("task " + task.name + ": " + task.workdir +
                                 " is no directory here; only agents that share it can take it");
  }
  return submission;
}

void add_submission_options(CLI::App& command, RunOptions& run) {
  command.add_option("file", run.file, "Job file (YAML); - is stdin")->type_name("FILE");
  command.add_option("-p,--param", run.parameters, "Parameter of the job file; may be given again")
      ->type_name("K=V")
      ->allow_extra_args(false);
  command.add_option("--upload", run.upload, "Directory whose files the tasks start with, in a directory of their own; ignore files hold")
      ->type_name("DIR");
  command.add_option("--name", run.name, "Name of the job");
  command.add_option("--type", run.type, "trainer, inferencer, crawler, labeller or rater");
  command.add_option("--cpu", run.cpu, "Cores: 4, 0.5, 500m [1]");
  command.add_option("--memory", run.memory, "Memory: 4Gi, 512Mi, 4G");
  command.add_option("--gpu", run.gpu, "Whole GPUs");
  command.add_option("--storage", run.storage, "Disk: 10Gi");
  command.add_option("--array", run.array, "Many tasks that differ in STINT_INDEX: 0-99, 0-99:2, 0-99%10, 100");
  command.add_option("--retries", run.retries, "Further attempts after a failure [0]");
  command.add_option("--timeout", run.timeout, "Of one attempt: 90s, 2h, 3d");
  command.add_option("--env", run.env, "NAME=VALUE, or NAME to pass it on; may be given again")->type_name("K=V")->allow_extra_args(false);
  command.add_option("--workdir", run.workdir, "Directory to run in, or to take inputs from [this one]");
  command.add_option("--priority", run.priority, "Higher first [0]");
  command.add_option("--queue", run.queue, "Queue [default]");
}

}  // namespace stint::cli
