#include "apps/stint/submission.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <limits>

#include "adapters/jobfile/job_file.hpp"
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

Result<Pairs> parse_env(const std::vector<std::string>& words) {
  Pairs pairs;
  for (const std::string& word : words) {
    const std::size_t equals = word.find('=');
    const std::string name = word.substr(0, equals);
    if (name.empty()) return fail(Errc::invalid_argument, "--env \"" + word + "\": expected NAME=VALUE or NAME");
    // The last of one name wins, as in env(1).
    std::erase_if(pairs, [&](const auto& pair) { return pair.first == name; });
    pairs.emplace_back(name, equals == std::string::npos ? environment(name.c_str()) : word.substr(equals + 1));
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

Status apply_to_task(const RunOptions& options, TaskSpec& task) {
  STINT_TRY_VOID(apply_resources(options, task));
  if (!options.type.empty()) {
    task.type = parse_agent_type(options.type);
    if (!task.type)
      return fail(Errc::invalid_argument, "--type: expected trainer, inferencer, crawler, labeller or rater, got \"" + options.type + "\"");
  }
  if (!options.array.empty()) {
    STINT_TRY(const core::ArrayRange range, parse_option("--array", options.array, core::parse_array));
    core::set_array(task, range);
  }
  if (!options.retries.empty()) {
    STINT_TRY(task.retries, parse_number<std::uint32_t>("--retries", options.retries, 0));
  }
  if (!options.timeout.empty()) {
    STINT_TRY(task.timeout, parse_option("--timeout", options.timeout, core::parse_duration));
  }
  if (!options.workdir.empty()) task.workdir = options.workdir;
  STINT_TRY(Pairs env, parse_env(options.env));
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

/// An agent on the same machine (boot id) then sees whether it is the same directory (inode).
void settle_workdir(TaskSpec& task) {
  const fs::path path = fs::path(task.workdir.empty() ? "." : task.workdir);
  std::error_code failed;
  task.workdir = fs::absolute(path, failed).lexically_normal().string();
  while (task.workdir.size() > 1 && task.workdir.back() == '/') task.workdir.pop_back();
  struct stat status{};
  if (::stat(task.workdir.c_str(), &status) != 0) return;
  const auto boot_id = read_file("/proc/sys/kernel/random/boot_id");
  if (!boot_id) return;
  task.submit_boot_id = boot_id->substr(0, boot_id->find('\n'));
  task.workdir_inode = status.st_ino;
}

Result<JobSpec> read_job_file(const std::string& path, std::vector<std::string>& notes) {
  const auto text = read_file(path);
  if (!text && text.error().code == Errc::not_found)
    return fail(Errc::invalid_argument, "no job file \"" + path + "\"; to run a command: stint run -- " + path + " …");
  if (!text) return tl::unexpected<Error>(text.error());
  adapters::JobFile file = adapters::parse_job_file(*text);
  for (const auto& note : file.notes) notes.push_back(adapters::show_remark(path, note));
  if (file.problems.empty()) {
    if (file.spec.name.empty()) file.spec.name = fs::path(path).stem().string();
    return std::move(file.spec);
  }
  std::string detail;
  for (const auto& problem : file.problems) detail += (detail.empty() ? "" : "\n") + adapters::show_remark(path, problem);
  return fail(Errc::invalid_argument, detail);
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

Result<JobSpec> make_submission(const RunOptions& options, const std::vector<std::string>& command, std::vector<std::string>& notes) {
  JobSpec job;
  if (options.file.empty())
    job = job_of_command(command);
  else {
    STINT_TRY(job, read_job_file(options.file, notes));
  }
  STINT_TRY_VOID(apply_to_job(options, job));
  for (TaskSpec& task : job.tasks) settle_workdir(task);
  return job;
}

}  // namespace stint::cli
