#include "adapters/jobfile/expressions.hpp"

#include <algorithm>

#include "base/utf8.hpp"
#include "core/model/similar_word.hpp"

namespace stint::adapters {
namespace {

constexpr std::string_view kOpen = "${{";
constexpr std::string_view kClose = "}}";
constexpr std::size_t kScalarsMax = 1'000'000;  ///< with every alias followed
constexpr int kDepthMax = 64;
constexpr std::size_t kShownBytes = 80;

std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::string quoted(std::string_view text) { return "\"" + std::string(text.substr(0, kShownBytes)) + "\""; }
std::string written(std::string_view inner) { return "${{ " + std::string(inner.substr(0, kShownBytes)) + " }}"; }

bool is_word(std::string_view text) {
  const auto is_letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  };
  return !text.empty() && std::all_of(text.begin(), text.end(), is_letter);
}

}  // namespace

Expressions::Expressions(std::string_view source, const Parameters& parameters, Remarks& problems)
    : source_(source), line_starts_{0}, parameters_(parameters), problems_(problems) {
  for (std::size_t i = 0; i < source.size(); ++i)
    if (source[i] == '\n') line_starts_.push_back(i + 1);
}

void Expressions::replace_parameters(YAML::Node node) { visit(node, 0); }

void Expressions::visit(YAML::Node node, int depth) {
  if (++visited_ == kScalarsMax)
    add_remark(problems_, node.Mark(),
               "the file has more than " + std::to_string(kScalarsMax) + " values; put long lists into a file of items");
  if (visited_ >= kScalarsMax) return;
  if (depth > kDepthMax) {
    add_remark(problems_, node.Mark(), "nested more than " + std::to_string(kDepthMax) + " deep");
    visited_ = kScalarsMax;
    return;
  }
  if (node.IsScalar()) replace_in(node);
  if (node.IsSequence())
    for (YAML::Node item : node) visit(item, depth + 1);
  if (node.IsMap())
    for (auto item : node)
      if (depth > 0 || !item.first.IsScalar() || item.first.Scalar() != "parameters") visit(item.second, depth + 1);
}

Place Expressions::place_in_source(const YAML::Mark& scalar, std::size_t nth) const {
  if (scalar.line < 0 || static_cast<std::size_t>(scalar.line) >= line_starts_.size()) return place_of(scalar);
  std::size_t at = line_starts_[static_cast<std::size_t>(scalar.line)] + static_cast<std::size_t>(scalar.column);
  for (std::size_t i = 0; i <= nth; ++i) {
    at = source_.find(kOpen, i == 0 ? at : at + kOpen.size());
    if (at == std::string_view::npos) return place_of(scalar);  // written with escapes
  }
  const auto next_line = std::upper_bound(line_starts_.begin(), line_starts_.end(), at);
  return {static_cast<int>(next_line - line_starts_.begin()), static_cast<int>(at - *(next_line - 1)) + 1};
}

void Expressions::replace_in(YAML::Node scalar) {
  const std::string text = scalar.Scalar();
  if (text.find(kOpen) == std::string::npos || !seen_.insert(scalar.Mark().pos).second) return;
  std::string result;
  std::vector<Expression> left;
  std::size_t done = 0;
  for (std::size_t nth = 0;; ++nth) {
    const std::size_t open = text.find(kOpen, done);
    result.append(text, done, open == std::string::npos ? std::string::npos : open - done);
    if (open == std::string::npos) break;
    const Place place = place_in_source(scalar.Mark(), nth);
    const std::size_t inner = open + kOpen.size();
    const std::size_t close = text.find(kClose, inner);
    const std::size_t end_of_line = text.find_first_of("\n", inner);
    if (close == std::string::npos || std::min(text.find(kOpen, inner), end_of_line) < close) {
      add_remark(problems_, place, "\"${{\" is not closed on its line; write ${{ NAME }}");
      return;
    }
    result += replacement(trim(std::string_view(text).substr(inner, close - inner)), place, left);
    done = close + kClose.size();
  }
  if (!left.empty()) left_[scalar.Mark().pos] = std::move(left);
  scalar = result;
}

std::string Expressions::replacement(std::string_view inner, Place place, std::vector<Expression>& left) {
  static constexpr std::string_view kRoots[] = {"params", "matrix", "item", "index"};
  const std::size_t dot = inner.find('.');
  const std::string_view root = inner.substr(0, dot);
  const std::string_view name = dot == std::string_view::npos ? std::string_view() : inner.substr(dot + 1);
  const auto* const known = std::find(std::begin(kRoots), std::end(kRoots), root);
  if (known == std::end(kRoots)) {
    add_remark(
        problems_, place,
        "unknown " + quoted(inner) + core::suggestion(root, kRoots) + "; known are params.NAME, matrix.NAME, item, item.KEY and index");
    return written(inner);
  }
  const bool may_have_name = root != "index", must_have_name = root == "params" || root == "matrix";
  const bool has_name = dot != std::string_view::npos;
  if ((has_name && !may_have_name) || (must_have_name && !has_name) || (has_name && name.empty())) {
    const std::string form(root == "index" ? "index" : root == "item" ? "item or item.KEY" : std::string(root) + ".NAME");
    add_remark(problems_, place, "expected " + form + ", got " + quoted(inner));
    return written(inner);
  }
  if (root == "params") return replace_parameter(name, place);
  const auto kind = root == "matrix" ? Expression::Root::matrix : root == "item" ? Expression::Root::item : Expression::Root::index;
  left.push_back({kind, std::string(name), std::string(inner), place});
  return written(inner);
}

std::string Expressions::replace_parameter(std::string_view name, Place place) {
  const auto is_name = [&](const auto& pair) { return pair.first == name; };
  if (const auto found = std::find_if(parameters_.begin(), parameters_.end(), is_name); found != parameters_.end()) {
    used_.push_back(found->first);
    return found->second;
  }
  std::vector<std::string_view> names;
  for (const auto& [known, value] : parameters_) names.push_back(known);
  std::string remedy = core::suggestion(name, names);
  if (remedy.empty()) remedy = "; declare it: parameters: {" + std::string(name.substr(0, kShownBytes)) + ": DEFAULT}";
  add_remark(problems_, place, "no parameter is named " + quoted(name) + remedy);
  return written("params." + std::string(name));
}

const std::vector<Expression>& Expressions::take(const YAML::Node& scalar) {
  static const std::vector<Expression> kNone;
  const int pos = scalar.Mark().pos;
  taken_.insert(pos);
  const auto found = left_.find(pos);
  return found == left_.end() ? kNone : found->second;
}

void Expressions::report_rest() {
  for (const auto& [pos, expressions] : left_) {
    if (taken_.contains(pos)) continue;
    for (const Expression& expression : expressions)
      add_remark(problems_, expression.place,
                 written(expression.text) + " is a task's value: it may stand in a task's run, command and env only" +
                     (expression.root == Expression::Root::item ? "; in a form write $item" : ""));
  }
}

bool Expressions::is_used(std::string_view parameter) const { return std::find(used_.begin(), used_.end(), parameter) != used_.end(); }

Parameters read_parameters(YamlMap& top, const Parameters& given, Remarks& problems) {
  Parameters parameters;
  std::vector<std::string_view> names;
  const auto node = top.find("parameters");
  YamlMap map(node.value_or(YAML::Node(YAML::NodeType::Map)), "parameters", problems);
  for (const YamlMap::Entry& entry : map.entries()) {
    names.push_back(entry.key);
    const auto is_name = [&](const auto& pair) { return pair.first == entry.key; };
    const auto last = std::find_if(given.rbegin(), given.rend(), is_name);
    std::string value = last != given.rend() ? last->second : entry.value.IsScalar() ? entry.value.Scalar() : std::string();
    if (!is_word(entry.key)) add_remark(problems, entry.mark, "parameter " + quoted(entry.key) + ": a name has letters, digits, _ or -");
    if (value.find(kOpen) != std::string::npos)
      add_remark(problems, entry.value.Mark(), "parameters." + entry.key + ": a value holds no \"${{\"");
    if (utf8_end(value) < value.size()) add_remark(problems, entry.value.Mark(), "parameters." + entry.key + ": the value is no UTF-8");
    if (last == given.rend() && entry.value.IsNull())
      add_remark(problems, entry.mark, "parameter " + quoted(entry.key) + " has no default; give it with -p " + entry.key + "=VALUE");
    if (!entry.value.IsNull() && !entry.value.IsScalar())
      add_remark(problems, entry.value.Mark(), "parameters." + entry.key + ": expected a single value, got " + kind_of(entry.value));
    parameters.emplace_back(entry.key, std::move(value));
  }
  for (const auto& [name, value] : given) {
    if (std::find(names.begin(), names.end(), name) != names.end()) continue;
    std::string remedy = core::suggestion(name, names);
    if (remedy.empty()) remedy = names.empty() ? "; it has no parameters" : "; see \"parameters\"";
    add_remark(problems, Place{}, "-p " + name + ": the file has no parameter of that name" + remedy);
  }
  return parameters;
}

}  // namespace stint::adapters
