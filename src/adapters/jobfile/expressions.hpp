#pragma once

#include <yaml-cpp/yaml.h>

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/jobfile/yaml_map.hpp"

namespace stint::adapters {

/// One `${{ … }}` that the agent replaces: `matrix.lr`, `item`, `item.url`, `index`.
struct Expression {
  enum class Root { matrix, item, index };
  Root root = Root::index;
  std::string name;  ///< after the first dot; empty: none
  std::string text;  ///< all of it, for messages
  Place place;
};

/// The `${{ … }}` of a whole file. Parameters are replaced before anything is read, in whatever scalar they stand; the others are
/// remembered with their places until the task that they stand in says what it knows.
class Expressions {
 public:
  /// `source` is the text that `document` was read from: a scalar's mark is its beginning, and an expression may stand lines below.
  Expressions(std::string_view source, const Parameters& parameters, Remarks& problems);

  /// Everything below `node`, in place.
  void replace_parameters(YAML::Node node);
  /// Those of one scalar. The caller checks them.
  [[nodiscard]] const std::vector<Expression>& take(const YAML::Node& scalar);
  /// Expressions that nobody took stand where no task's values are known.
  void report_rest();
  [[nodiscard]] bool is_used(std::string_view parameter) const;

 private:
  void visit(YAML::Node node, int depth);
  void replace_in(YAML::Node scalar);
  [[nodiscard]] Place place_in_source(const YAML::Mark& scalar, std::size_t nth) const;
  /// What stands for it: the parameter's value, or the expression itself in one spelling.
  std::string replacement(std::string_view inner, Place place, std::vector<Expression>& left);
  std::string replace_parameter(std::string_view name, Place place);

  std::string_view source_;
  std::vector<std::size_t> line_starts_;
  const Parameters& parameters_;
  std::vector<std::string_view> used_;
  Remarks& problems_;
  // By the scalar's position in the file: an alias is the same scalar in several places.
  std::set<int> seen_;
  std::set<int> taken_;
  std::map<int, std::vector<Expression>> left_;
  std::size_t visited_ = 0;
};

/// The parameters of the file (`parameters:` of `top`) with `given` in place of their defaults. A parameter without a value,
/// and a given one that the file does not have, are problems.
[[nodiscard]] Parameters read_parameters(YamlMap& top, const Parameters& given, Remarks& problems);

}  // namespace stint::adapters
