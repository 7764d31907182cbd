#include "sim/scenario/specs.hpp"

#include <algorithm>

namespace stint::sim::scenario {
namespace {

using core::JobSpec;
using core::TaskSpec;

const std::vector<std::string_view> kOfferWords{"cpu",   "memory", "gpu",      "storage", "type",  "driver",
                                                "label", "window", "prefetch", "boot",    "shared"};
const std::vector<std::string_view> kJobWords{"priority", "queue", "max_fails", "key"};
const std::vector<std::string_view> kEntryWords{"cpu",     "memory", "gpu",     "storage", "type",        "driver", "label", "array",
                                                "retries", "needs",  "each",    "outputs", "collect",     "policy", "boot",  "lost_after",
                                                "workdir", "where",  "overlap", "takes",   "reschedules", "fails",  "items"};

std::string text_or(const Options& options, std::string_view name, const char* otherwise) {
  const Word* value = options.find(name);
  return value == nullptr ? otherwise : value->text;
}

Resources read_resources(const Options& options) {
  Resources resources;
  if (const Word* value = options.find("cpu")) resources.cpu_millis = read_quantity(*value, 1000);
  if (const Word* value = options.find("memory")) resources.memory_bytes = read_quantity(*value);
  if (const Word* value = options.find("gpu")) resources.gpus = read_quantity(*value);
  if (const Word* value = options.find("storage")) resources.storage_bytes = read_quantity(*value);
  return resources;
}

std::vector<std::pair<std::string, std::string>> read_labels(const Options& options) {
  std::vector<std::pair<std::string, std::string>> labels;
  for (const Word& label : options.list("label")) {
    const auto parts = split_at(label, ':');
    if (parts.size() != 2) throw BadText(label, "is no label, such as zone:a");
    labels.emplace_back(parts[0].text, parts[1].text);
  }
  return labels;
}

std::vector<std::string> texts_of(const std::vector<Word>& words) {
  std::vector<std::string> texts;
  for (const Word& word : words) texts.push_back(word.text);
  return texts;
}

/// 0-9, 0-98:2, either with %limit
void read_array(const Word& word, TaskSpec& task) {
  const auto limited = split_at(word, '%');
  const auto stepped = limited.empty() ? std::vector<Word>{} : split_at(limited[0], ':');
  const auto ends = stepped.empty() ? std::vector<Word>{} : split_at(stepped[0], '-');
  if (ends.size() != 2 || limited.size() > 2 || stepped.size() > 2) throw BadText(word, "is no range, such as 0-9, 0-98:2 or 0-99%10");
  const std::uint32_t last = read_count(ends[1]);
  task.is_array = true;
  task.array_first = read_count(ends[0]);
  task.array_step = stepped.size() == 2 ? read_count(stepped[1]) : 1;
  if (last < task.array_first || task.array_step == 0) throw BadText(word, "is a range without tasks");
  task.array_count = (last - task.array_first) / task.array_step + 1;
  if (limited.size() == 2) task.max_parallel = read_count(limited[1]);
}

std::uint32_t find_entry(const JobSpec& job, const Word& name) {
  for (std::uint32_t i = 0; i < job.tasks.size(); ++i)
    if (job.tasks[i].name == name.text) return i;
  throw BadText(name, "is no entry that stands before this one");
}

core::DisconnectPolicy read_policy(const Word& word) {
  if (word.text == "keep") return core::DisconnectPolicy::keep;
  if (word.text == "stop_after") return core::DisconnectPolicy::stop_after;
  if (word.text == "replace") return core::DisconnectPolicy::replace;
  throw BadText(word, "is no policy; known: keep stop_after replace");
}

core::Need read_need(const Word& word, const JobSpec& job) {
  const auto parts = split_at(word, ':');
  if (parts.size() == 1) return {find_entry(job, parts[0]), core::NeedOn::success};
  if (parts.size() == 2 && parts[1].text == "success") return {find_entry(job, parts[0]), core::NeedOn::success};
  if (parts.size() == 2 && parts[1].text == "failure") return {find_entry(job, parts[0]), core::NeedOn::failure};
  if (parts.size() == 2 && parts[1].text == "always") return {find_entry(job, parts[0]), core::NeedOn::always};
  throw BadText(word, "is no need, such as prep, prep:failure or prep:always");
}

void read_flow(const Options& options, const JobSpec& job, TaskSpec& task) {
  for (const Word& need : options.list("needs")) task.needs.push_back(read_need(need, job));
  if (const Word* value = options.find("each")) {
    task.each.emplace();
    task.each->from = find_entry(job, *value);
    task.each->file = "items.jsonl";
    task.needs.push_back({*task.each->from, core::NeedOn::success});
    task.is_array = true;
    task.array_count = 0;
  }
  if (options.has("outputs") || options.has("collect")) task.outputs = {"out.txt"};
  if (options.has("collect")) task.collect = core::CollectSpec{"out.txt", "all.txt"};
  if (const Word* value = options.find("overlap")) task.overlap = read_count(*value);
}

void read_place(const Options& options, TaskSpec& task) {
  task.resources = read_resources(options);
  if (!options.has("cpu")) task.resources.cpu_millis = 1000;
  task.labels = read_labels(options);
  if (const Word* value = options.find("type")) task.type = read_type(*value);
  if (const Word* value = options.find("where")) {
    const auto parts = split_at(*value, ':');
    if (parts.size() != 2) throw BadText(*value, "is no label, such as zone:a");
    task.constraints.push_back({parts[0].text, core::ConstraintOp::equal, {parts[1].text}});
  }
  task.workdir = text_or(options, "workdir", "");
  task.submit_boot_id = text_or(options, "boot", "");
}

TaskSpec read_task(const std::string& name, const Options& options, const JobSpec& job) {
  TaskSpec task;
  task.name = name;
  task.command = {"true"};
  task.driver = text_or(options, "driver", "exec");
  read_place(options, task);
  if (const Word* value = options.find("array")) read_array(*value, task);
  if (const Word* value = options.find("retries")) task.retries = read_count(*value);
  if (const Word* value = options.find("reschedules")) task.reschedules = read_count(*value);
  if (const Word* value = options.find("lost_after")) task.lost_after = read_duration(*value);
  if (const Word* value = options.find("policy")) task.on_disconnect = read_policy(*value);
  read_flow(options, job, task);
  if (task.driver != "human") return task;
  task.command.clear();
  task.form = "{}";
  task.resources = {};
  return task;
}

Behaviour read_behaviour(const Options& options) {
  Behaviour behaviour;
  if (const Word* value = options.find("takes")) behaviour.takes = read_duration(*value);
  if (const Word* value = options.find("fails")) behaviour.fails = read_count(*value);
  if (const Word* value = options.find("items")) behaviour.items = read_count(*value);
  return behaviour;
}

}  // namespace

AgentType read_type(const Word& word) {
  const auto type = parse_agent_type(word.text);
  if (!type) throw BadText(word, "is no agent type; known: trainer inferencer crawler labeller rater");
  return *type;
}

core::AgentOffer read_offer(std::span<const Word> words) {
  const Options options(words, kOfferWords);
  core::AgentOffer offer;
  offer.resources = read_resources(options);
  offer.labels = read_labels(options);
  offer.drivers = options.has("driver") ? texts_of(options.list("driver")) : std::vector<std::string>{"exec", "noop"};
  offer.boot_id = text_or(options, "boot", "");
  offer.shared_paths = texts_of(options.list("shared"));
  if (const Word* value = options.find("window")) offer.window = read_count(*value);
  if (const Word* value = options.find("prefetch")) offer.prefetch = read_count(*value);
  for (const Word& type : options.list("type")) offer.types.push_back(read_type(type));
  return offer;
}

core::AgentOffer offer_of_person() {
  core::AgentOffer offer;
  offer.drivers = {"human"};
  return offer;
}

WrittenJob read_job(const std::vector<Word>& words) {
  WrittenJob job;
  if (words.size() < 2 || words[1].text == "|") throw BadText(words[0], "wants a name");
  job.spec.name = words[1].text;
  auto bar = std::find_if(words.begin() + 2, words.end(), [](const Word& word) { return word.text == "|"; });
  const bool has_entries = bar != words.end();
  auto known = kJobWords;
  if (!has_entries) known.insert(known.end(), kEntryWords.begin(), kEntryWords.end());
  const Options head({words.begin() + 2, bar}, known);
  if (const Word* value = head.find("priority")) job.spec.priority = read_integer(*value);
  if (const Word* value = head.find("queue")) job.spec.queue = value->text;
  if (const Word* value = head.find("max_fails")) job.spec.max_fails = read_count(*value);
  job.key = text_or(head, "key", "");
  if (!has_entries) {
    job.spec.tasks.push_back(read_task("main", head, job.spec));
    job.behaviours.push_back(read_behaviour(head));
  }
  while (bar != words.end()) {
    const auto first = bar + 1;
    bar = std::find_if(first, words.end(), [](const Word& word) { return word.text == "|"; });
    if (first == bar) throw BadText(*(first - 1), "has no entry behind it");
    const Options options({first + 1, bar}, kEntryWords);
    job.spec.tasks.push_back(read_task(first->text, options, job.spec));
    job.behaviours.push_back(read_behaviour(options));
  }
  return job;
}

}  // namespace stint::sim::scenario
