#pragma once

#include <yaml-cpp/yaml.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "adapters/jobfile/job_file.hpp"
#include "adapters/jobfile/keys.hpp"
#include "base/result.hpp"

namespace stint::adapters {

using Remarks = std::vector<JobFileRemark>;
using Pairs = std::vector<std::pair<std::string, std::string>>;

[[nodiscard]] Place place_of(const YAML::Mark& mark);
void add_remark(Remarks& remarks, const YAML::Mark& mark, std::string text);
void add_remark(Remarks& remarks, Place place, std::string text);
/// `a mapping`, `a list`, `"text"`, `nothing`.
[[nodiscard]] std::string kind_of(const YAML::Node& node);

/// Reads the keys of one mapping. A wrong value is remarked upon at its place and reads as absent, so that all problems of a file are found
/// at once.
class YamlMap {
 public:
  struct Entry {
    std::string key;
    YAML::Node value;
    YAML::Mark mark;
  };

  /// A mapping with the keys of a table. `what` names it in messages: "a task".
  YamlMap(const YAML::Node& node, std::string what, keys::Words known, Remarks& problems);
  /// A mapping whose keys are the user's.
  YamlMap(const YAML::Node& node, std::string what, Remarks& problems) : YamlMap(node, std::move(what), {}, problems) {}

  /// The value of `key`, a word of the table, or nothing if it is absent or null.
  [[nodiscard]] std::optional<YAML::Node> find(std::string_view key);
  [[nodiscard]] std::optional<std::string> text(std::string_view key);
  [[nodiscard]] std::optional<std::int64_t> integer(std::string_view key, std::int64_t low, std::int64_t high);
  [[nodiscard]] std::optional<std::uint32_t> count(std::string_view key, std::uint32_t low);
  [[nodiscard]] bool flag(std::string_view key);  ///< false if absent
  /// Sorted by name. Values are taken as they are written: `8`, `true` and `"8"` are texts.
  [[nodiscard]] Pairs pairs(std::string_view key);
  /// A list, or one item without brackets. With the place of each.
  [[nodiscard]] std::vector<std::pair<std::string, YAML::Mark>> texts(std::string_view key, bool may_be_single);
  /// The nodes of a list, or the value itself if it is no list.
  [[nodiscard]] std::vector<YAML::Node> nodes(std::string_view key);
  /// parse(text) of a scalar; its error is remarked upon.
  template <class Value>
  [[nodiscard]] std::optional<Value> parsed(std::string_view key, Result<Value> (*parse)(std::string_view)) {
    const auto value = text(key);
    if (!value) return std::nullopt;
    auto result = parse(*value);
    if (!result) problem_at(key, result.error().detail);
    return result ? std::optional<Value>(std::move(*result)) : std::nullopt;
  }

  [[nodiscard]] bool has(std::string_view key) const;
  [[nodiscard]] const std::vector<Entry>& entries() const { return entries_; }
  [[nodiscard]] const std::string& what() const { return what_; }
  [[nodiscard]] const YAML::Mark& mark() const { return mark_; }
  void problem_at(std::string_view key, const std::string& text);  ///< at the value: `key: text`
  void problem_at_key(std::string_view key, std::string text);  ///< at the key itself
  /// Call when every key of the table has been asked for: the others are unknown.
  void finish();

 private:
  [[nodiscard]] const Entry* entry(std::string_view key) const;

  std::string what_;
  YAML::Mark mark_;
  Remarks& problems_;
  std::vector<Entry> entries_;
  keys::Words known_;
  keys::Words asked_;
};

}  // namespace stint::adapters
