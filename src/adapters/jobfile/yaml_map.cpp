#include "adapters/jobfile/yaml_map.hpp"

#include <algorithm>
#include <charconv>

#include "core/model/similar_word.hpp"

namespace stint::adapters {
namespace {

std::string kind_of(const YAML::Node& node) {
  if (node.IsMap()) return "a mapping";
  if (node.IsSequence()) return "a list";
  return node.IsScalar() ? "\"" + node.Scalar() + "\"" : "nothing";
}

}  // namespace

void add_remark(Remarks& remarks, const YAML::Mark& mark, std::string text) {
  remarks.push_back({mark.line + 1, mark.column + 1, std::move(text)});
}

YamlMap::YamlMap(const YAML::Node& node, std::string what, Remarks& problems)
    : what_(std::move(what)), mark_(node.Mark()), problems_(problems) {
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
  known_.push_back(key);
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
  problem_at(key, "expected an integer from " + std::to_string(low) + " to " + std::to_string(high) + ", got \"" + *value + "\"");
  return std::nullopt;
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

void YamlMap::problem_at(std::string_view key, const std::string& text) {
  const Entry* found = entry(key);
  const YAML::Mark mark = found == nullptr ? YAML::Mark::null_mark() : found->value.Mark();
  add_remark(problems_, mark, std::string(key) + ": " + text);
}

void YamlMap::problem_at_key(std::string_view key, std::string text) {
  const Entry* found = entry(key);
  add_remark(problems_, found == nullptr ? YAML::Mark::null_mark() : found->mark, std::move(text));
}

void YamlMap::finish(const std::vector<std::string_view>& later) {
  const auto is_in = [](const std::vector<std::string_view>& words, std::string_view word) {
    return std::find(words.begin(), words.end(), word) != words.end();
  };
  for (const Entry& item : entries_) {
    if (is_in(known_, item.key)) continue;
    const std::string quoted = "\"" + item.key + "\"";
    add_remark(problems_, item.mark,
               is_in(later, item.key) ? quoted + " is not in this version" : "unknown key " + quoted + core::suggestion(item.key, known_));
  }
}

}  // namespace stint::adapters
