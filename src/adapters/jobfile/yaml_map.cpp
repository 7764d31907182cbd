#include "adapters/jobfile/yaml_map.hpp"

#include <algorithm>
#include <charconv>
#include <limits>
#include <span>

#include "base/assert.hpp"
#include "core/model/similar_word.hpp"

namespace stint::adapters {
namespace {

constexpr std::int64_t kCountMax = std::numeric_limits<std::uint32_t>::max();
constexpr std::size_t kShownBytes = 200;
constexpr std::size_t kListedKeys = 6;  ///< a table this small is shown whole

/// Words that other schedulers and workflow languages have for ours: too far from them for a guess by letters.
constexpr std::pair<std::string_view, std::string_view> kElsewhere[] = {{"script", "run"},
                                                                        {"cmd", "run"},
                                                                        {"args", "command"},
                                                                        {"depends_on", "needs"},
                                                                        {"dependencies", "needs"},
                                                                        {"after", "needs"},
                                                                        {"environment", "env"},
                                                                        {"vars", "env"},
                                                                        {"params", "parameters"},
                                                                        {"cwd", "workdir"},
                                                                        {"working_directory", "workdir"},
                                                                        {"cpus", "cpu"},
                                                                        {"gpus", "gpu"},
                                                                        {"mem", "memory"},
                                                                        {"ram", "memory"},
                                                                        {"disk", "storage"},
                                                                        {"time_limit", "timeout"},
                                                                        {"walltime", "timeout"},
                                                                        {"foreach", "each"},
                                                                        {"for_each", "each"},
                                                                        {"parallelism", "max_parallel"},
                                                                        {"artifacts", "outputs"},
                                                                        {"files", "inputs"},
                                                                        {"jobs", "tasks"},
                                                                        {"steps", "tasks"},
                                                                        {"when", "on"},
                                                                        {"count", "array"},
                                                                        {"deadline", "due"}};

bool is_in(const keys::Words& words, std::string_view word) { return std::find(words.begin(), words.end(), word) != words.end(); }

/// The word of `known` that `key` stands for: by its letters, or because others call it so.
std::optional<std::string_view> find_meant(std::string_view key, std::span<const std::string_view> known) {
  if (const auto close = core::find_similar_word(key, known)) return close;
  for (const auto& [word, ours] : kElsewhere)
    if (word == key && std::find(known.begin(), known.end(), ours) != known.end()) return ours;
  return std::nullopt;
}

/// `; did you mean "needs"?`; of a task also what lies one level deeper.
std::string suggest_key(std::string_view key, const keys::Words& known) {
  const auto answer = [](std::string_view word) { return "; did you mean \"" + std::string(word) + "\""; };
  if (const auto meant = find_meant(key, known)) return answer(*meant) + "?";
  if (is_in(known, "resources"))
    if (const auto meant = find_meant(key, keys::kResources)) return answer(*meant) + " in \"resources\"?";
  if (is_in(known, "each") && key == "batch") return "; it stands in \"each\": each: {glob: …, batch: 200}";
  if (known.size() > kListedKeys) return {};
  std::string list;
  for (const std::string_view word : known) list += (list.empty() ? "; known are " : ", ") + std::string(word);
  return list;
}

}  // namespace

std::string kind_of(const YAML::Node& node) {
  if (node.IsMap()) return "a mapping";
  if (node.IsSequence()) return "a list";
  return node.IsScalar() ? "\"" + node.Scalar().substr(0, kShownBytes) + "\"" : "nothing";
}

Place place_of(const YAML::Mark& mark) { return {mark.line + 1, mark.column + 1}; }

void add_remark(Remarks& remarks, Place place, std::string text) { remarks.push_back({place.line, place.column, std::move(text)}); }
void add_remark(Remarks& remarks, const YAML::Mark& mark, std::string text) { add_remark(remarks, place_of(mark), std::move(text)); }

YamlMap::YamlMap(const YAML::Node& node, std::string what, keys::Words known, Remarks& problems)
    : what_(std::move(what)), mark_(node.Mark()), problems_(problems), known_(std::move(known)) {
  if (!node.IsMap()) {
    add_remark(problems_, node.Mark(), what_ + ": expected a mapping, got " + kind_of(node));
    return;
  }
  for (const auto& item : node) {
    if (!item.first.IsScalar()) {
      add_remark(problems_, item.first.Mark(), what_ + ": a key must be a word");
      continue;
    }
    Entry added{item.first.Scalar(), item.second, item.first.Mark()};
    if (has(added.key))
      add_remark(problems_, added.mark, "\"" + added.key + "\" is there twice");
    else
      entries_.push_back(std::move(added));
  }
}

const YamlMap::Entry* YamlMap::entry(std::string_view key) const {
  const auto found = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& e) { return e.key == key; });
  return found == entries_.end() ? nullptr : &*found;
}

bool YamlMap::has(std::string_view key) const { return entry(key) != nullptr; }

std::optional<YAML::Node> YamlMap::find(std::string_view key) {
  STINT_ASSERT(is_in(known_, key));
  asked_.push_back(key);
  const Entry* found = entry(key);
  if (found == nullptr || found->value.IsNull()) return std::nullopt;
  return found->value;
}

std::optional<std::string> YamlMap::text(std::string_view key) {
  const auto node = find(key);
  if (!node) return std::nullopt;
  if (node->IsScalar()) return node->Scalar();
  problem_at(key, "expected a single value, got " + kind_of(*node));
  return std::nullopt;
}

std::optional<std::int64_t> YamlMap::integer(std::string_view key, std::int64_t low, std::int64_t high) {
  const auto value = text(key);
  if (!value) return std::nullopt;
  std::int64_t number = 0;
  const char* last = value->data() + value->size();
  const auto [end, failed] = std::from_chars(value->data(), last, number);
  if (failed == std::errc() && end == last && number >= low && number <= high) return number;
  problem_at(key, "expected an integer from " + std::to_string(low) + " to " + std::to_string(high) + ", got \"" +
                      value->substr(0, kShownBytes) + "\"");
  return std::nullopt;
}

std::optional<std::uint32_t> YamlMap::count(std::string_view key, std::uint32_t low) {
  const auto number = integer(key, low, kCountMax);
  return number ? std::optional(static_cast<std::uint32_t>(*number)) : std::nullopt;
}

bool YamlMap::flag(std::string_view key) {
  const auto word = text(key);
  if (!word || *word == "false") return false;
  if (*word != "true") problem_at(key, "expected true or false, got \"" + word->substr(0, kShownBytes) + "\"");
  return *word == "true";
}

Pairs YamlMap::pairs(std::string_view key) {
  Pairs result;
  const auto node = find(key);
  if (!node) return result;
  YamlMap inner(*node, std::string(key), problems_);
  for (const Entry& item : inner.entries_) {
    if (item.value.IsScalar() || item.value.IsNull())
      result.emplace_back(item.key, item.value.IsNull() ? std::string() : item.value.Scalar());
    else
      add_remark(problems_, item.value.Mark(), std::string(key) + "." + item.key + ": expected a single value, got " + kind_of(item.value));
  }
  std::sort(result.begin(), result.end());
  return result;
}

std::vector<std::pair<std::string, YAML::Mark>> YamlMap::texts(std::string_view key, bool may_be_single) {
  std::vector<std::pair<std::string, YAML::Mark>> result;
  const auto node = find(key);
  if (!node) return result;
  if (may_be_single && node->IsScalar()) return {{node->Scalar(), node->Mark()}};
  if (!node->IsSequence()) {
    problem_at(key, "expected a list" + std::string(may_be_single ? " or a single value" : "") + ", got " + kind_of(*node));
    return result;
  }
  for (const YAML::Node& item : *node) {
    if (item.IsScalar())
      result.emplace_back(item.Scalar(), item.Mark());
    else
      add_remark(problems_, item.Mark(), std::string(key) + ": expected single values, got " + kind_of(item));
  }
  return result;
}

std::vector<YAML::Node> YamlMap::nodes(std::string_view key) {
  const auto node = find(key);
  if (!node) return {};
  if (!node->IsSequence()) return {*node};
  return {node->begin(), node->end()};
}

void YamlMap::problem_at(std::string_view key, const std::string& text) {
  const Entry* found = entry(key);
  const YAML::Mark mark = found == nullptr ? YAML::Mark::null_mark() : found->value.Mark();
  add_remark(problems_, mark, std::string(key) + ": " + text);
}

void YamlMap::problem_at_key(std::string_view key, std::string text) {
  const Entry* found = entry(key);
  add_remark(problems_, found == nullptr ? YAML::Mark::null_mark() : found->mark, std::move(text));
}

void YamlMap::finish() {
  for (const std::string_view key : known_) STINT_ASSERT(is_in(asked_, key) || entries_.empty());
  for (const Entry& item : entries_) {
    if (is_in(known_, item.key)) continue;
    const std::string quoted = "\"" + item.key + "\"";
    const bool is_later = std::find(std::begin(keys::kLater), std::end(keys::kLater), item.key) != std::end(keys::kLater);
    add_remark(problems_, item.mark,
               is_later ? quoted + " is not in this version" : "unknown key " + quoted + suggest_key(item.key, known_));
  }
}

}  // namespace stint::adapters
