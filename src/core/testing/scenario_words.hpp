#pragma once

#include <map>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "core/model/agent.hpp"
#include "core/model/job.hpp"

/// For tests only: the words of tests/scenarios, read. A line that is wrong throws.
namespace stint::core::testing {

using Words = std::vector<std::string>;
using Options = std::multimap<std::string, std::string>;

inline Words split(const std::string& text, char separator) {
  Words words;
  std::istringstream in{text};
  for (std::string word; std::getline(in, word, separator);)
    if (!word.empty()) words.push_back(word);
  return words;
}

inline Options parse_options(const Words& words, std::size_t from) {
  Options options;
  for (std::size_t i = from; i < words.size(); ++i) {
    const std::size_t equals = words[i].find('=');
    options.emplace(words[i].substr(0, equals), equals == std::string::npos ? "" : words[i].substr(equals + 1));
  }
  return options;
}

inline std::optional<std::string> find_option(const Options& options, const std::string& name) {
  const auto at = options.find(name);
  return at == options.end() ? std::nullopt : std::optional{at->second};
}

/// `8Gi`, `500m` (thousandths, of the unit 1000), `2` …
inline std::int64_t parse_quantity(const std::string& text, std::int64_t unit = 1) {
  std::size_t end = 0;
  const std::int64_t value = std::stoll(text, &end);
  const std::string suffix = text.substr(end);
  if (suffix.empty()) return value * unit;
  if (suffix == "m") return value * unit / 1000;
  if (suffix == "Ki") return value * 1024;
  if (suffix == "Mi") return value * kMiB;
  if (suffix == "Gi") return value * kGiB;
  if (suffix == "G") return value * 1'000'000'000;
  throw std::invalid_argument("quantity " + text);
}

inline Duration parse_duration(const std::string& text) {
  std::size_t end = 0;
  const std::int64_t value = std::stoll(text, &end);
  const std::string unit = text.substr(end);
  if (unit == "ms") return std::chrono::milliseconds{value};
  if (unit == "s") return std::chrono::seconds{value};
  if (unit == "m") return std::chrono::minutes{value};
  if (unit == "h") return std::chrono::hours{value};
  throw std::invalid_argument("duration " + text);
}

inline Resources parse_resources(const Options& options) {
  Resources resources;
  if (auto value = find_option(options, "cpu")) resources.cpu_millis = parse_quantity(*value, 1000);
  if (auto value = find_option(options, "memory")) resources.memory_bytes = parse_quantity(*value);
  if (auto value = find_option(options, "gpu")) resources.gpus = parse_quantity(*value);
  if (auto value = find_option(options, "storage")) resources.storage_bytes = parse_quantity(*value);
  return resources;
}

inline std::vector<std::pair<std::string, std::string>> parse_labels(const Options& options) {
  std::vector<std::pair<std::string, std::string>> labels;
  if (auto value = find_option(options, "label"))
    for (const std::string& label : split(*value, ','))
      labels.emplace_back(label.substr(0, label.find(':')), label.substr(label.find(':') + 1));
  return labels;
}

inline AgentOffer parse_offer(const Options& options) {
  AgentOffer offer;
  offer.resources = parse_resources(options);
  offer.labels = parse_labels(options);
  offer.drivers = split(find_option(options, "driver").value_or("exec,noop"), ',');
  offer.boot_id = find_option(options, "boot").value_or("");
  offer.shared_paths = split(find_option(options, "shared").value_or(""), ',');
  offer.window = static_cast<std::uint32_t>(std::stoul(find_option(options, "window").value_or("0")));
  for (const std::string& type : split(find_option(options, "type").value_or(""), ','))
    offer.types.push_back(parse_agent_type(type).value());
  return offer;
}

inline void parse_array(const std::string& text, TaskSpec& task) {  // 0-9, 0-98:2, either with %limit
  const std::string range = text.substr(0, text.find('%'));
  const auto dash = range.find('-');
  const auto colon = range.find(':');
  task.is_array = true;
  task.array_first = static_cast<std::uint32_t>(std::stoul(range.substr(0, dash)));
  const auto last = static_cast<std::uint32_t>(std::stoul(range.substr(dash + 1)));
  task.array_step = colon == std::string::npos ? 1 : static_cast<std::uint32_t>(std::stoul(range.substr(colon + 1)));
  task.array_count = (last - task.array_first) / task.array_step + 1;
  if (text.find('%') != std::string::npos) task.max_parallel = static_cast<std::uint32_t>(std::stoul(text.substr(text.find('%') + 1)));
}

inline std::uint32_t find_entry(const JobSpec& job, const std::string& name) {
  for (std::uint32_t i = 0; i < job.tasks.size(); ++i)
    if (job.tasks[i].name == name) return i;
  throw std::invalid_argument("no entry " + name);
}

/// each=FROM, collect, outputs, overlap=2 with driver=human, reschedules=1, where=LABEL:VALUE.
inline void parse_rare(TaskSpec& task, const Options& options, const JobSpec& job) {
  if (auto value = find_option(options, "each")) {
    task.each = EachSpec{};
    task.each->from = find_entry(job, *value);
    task.each->file = "items.jsonl";
    task.needs.push_back({*task.each->from, NeedOn::success});
    task.is_array = true;
    task.array_count = 0;
  }
  if (find_option(options, "outputs")) task.outputs = {"out.txt"};
  if (find_option(options, "collect")) {
    task.outputs = {"out.txt"};
    task.collect = CollectSpec{"out.txt", "all.txt"};
  }
  if (auto value = find_option(options, "overlap")) task.overlap = static_cast<std::uint32_t>(std::stoul(*value));
  if (auto value = find_option(options, "reschedules")) task.reschedules = static_cast<std::uint32_t>(std::stoul(*value));
  if (auto value = find_option(options, "where")) {
    const Words parts = split(*value, ':');
    task.constraints.push_back({parts.at(0), ConstraintOp::equal, {parts.at(1)}});
  }
  if (task.driver != "human") return;
  task.command.clear();
  task.form = "{}";
  task.resources = {};
}

inline TaskSpec parse_task(const std::string& name, const Options& options, const JobSpec& job) {
  TaskSpec task;
  task.name = name;
  task.command = {"true"};
  task.resources = parse_resources(options);
  task.labels = parse_labels(options);
  if (!find_option(options, "cpu")) task.resources.cpu_millis = 1000;
  if (auto value = find_option(options, "type")) task.type = parse_agent_type(*value);
  if (auto value = find_option(options, "driver")) task.driver = *value;
  if (auto value = find_option(options, "array")) parse_array(*value, task);
  if (auto value = find_option(options, "retries")) task.retries = static_cast<std::uint32_t>(std::stoul(*value));
  if (auto value = find_option(options, "lost_after")) task.lost_after = parse_duration(*value);
  if (auto value = find_option(options, "policy"))
    task.on_disconnect = *value == "replace"      ? DisconnectPolicy::replace
                         : *value == "stop_after" ? DisconnectPolicy::stop_after
                                                  : DisconnectPolicy::keep;
  if (auto value = find_option(options, "workdir")) task.workdir = *value;
  if (auto value = find_option(options, "boot")) task.submit_boot_id = *value;
  for (const std::string& need : split(find_option(options, "needs").value_or(""), ',')) {
    const Words parts = split(need, ':');
    const NeedOn on = parts.size() < 2 ? NeedOn::success : parts[1] == "failure" ? NeedOn::failure : NeedOn::always;
    task.needs.push_back({find_entry(job, parts.at(0)), on});
  }
  parse_rare(task, options, job);
  return task;
}

/// `submit sweep priority=5 array=0-9 cpu=2`, or entries after bars: `submit flow | prep | train needs=prep array=0-3`.
inline JobSpec parse_job(const std::string& line) {
  JobSpec job;
  Words parts = split(line, '|');
  const Words head = split(parts[0], ' ');
  const Options options = parse_options(head, 2);
  job.name = head.at(1);
  if (auto value = find_option(options, "priority")) job.priority = std::stoi(*value);
  if (auto value = find_option(options, "queue")) job.queue = *value;
  if (auto value = find_option(options, "max_fails")) job.max_fails = static_cast<std::uint32_t>(std::stoul(*value));
  if (parts.size() == 1) job.tasks.push_back(parse_task("main", options, job));
  for (std::size_t i = 1; i < parts.size(); ++i) {
    const Words words = split(parts[i], ' ');
    job.tasks.push_back(parse_task(words.at(0), parse_options(words, 1), job));
  }
  return job;
}

}  // namespace stint::core::testing
