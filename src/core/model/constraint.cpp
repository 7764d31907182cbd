#include "core/model/constraint.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "core/model/limits.hpp"

namespace stint::core {
namespace {

struct OpWord {
  std::string_view word;
  ConstraintOp op;
};
// Longer words first: `>=` begins with `>`.
constexpr std::array<OpWord, 11> kOps{{{"not exists", ConstraintOp::not_exists},
                                       {"not in", ConstraintOp::not_in},
                                       {"exists", ConstraintOp::exists},
                                       {"in", ConstraintOp::in},
                                       {"!=", ConstraintOp::not_equal},
                                       {"==", ConstraintOp::equal},
                                       {">=", ConstraintOp::greater_or_equal},
                                       {"<=", ConstraintOp::less_or_equal},
                                       {"=", ConstraintOp::equal},
                                       {">", ConstraintOp::greater},
                                       {"<", ConstraintOp::less}}};

std::string_view trim(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

tl::unexpected<Error> refuse(std::string_view text, const std::string& what) {
  return fail(Errc::invalid_argument,
              "constraint \"" + std::string(text.substr(0, 200)) + "\": " + what +
                  "; accepted are LABEL = v, != v, in (a, b), not in (a, b), exists, not exists, and <, <=, >, >= with a number");
}

std::optional<double> parse_number(std::string_view text) {
  double value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failed != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

bool is_word(ConstraintOp op) {
  return op == ConstraintOp::in || op == ConstraintOp::not_in || op == ConstraintOp::exists || op == ConstraintOp::not_exists;
}
bool takes_list(ConstraintOp op) { return op == ConstraintOp::in || op == ConstraintOp::not_in; }
bool takes_nothing(ConstraintOp op) { return op == ConstraintOp::exists || op == ConstraintOp::not_exists; }
bool takes_number(ConstraintOp op) { return op >= ConstraintOp::less; }

Result<std::vector<std::string>> parse_list(std::string_view text, std::string_view rest) {
  if (rest.size() < 2 || rest.front() != '(' || rest.back() != ')') return refuse(text, "the list stands in parentheses");
  rest = rest.substr(1, rest.size() - 2);
  std::vector<std::string> values;
  for (bool more = true; more;) {
    const auto comma = rest.find(',');
    const std::string_view value = trim(rest.substr(0, comma));
    if (value.empty()) return refuse(text, "the list has an empty value");
    values.emplace_back(value);
    more = comma != std::string_view::npos;
    if (more) rest.remove_prefix(comma + 1);
  }
  return values;
}

bool compare(ConstraintOp op, double left, double right) {
  switch (op) {
    case ConstraintOp::less: return left < right;
    case ConstraintOp::less_or_equal: return left <= right;
    case ConstraintOp::greater: return left > right;
    default: return left >= right;
  }
}

}  // namespace

Result<Constraint> parse_constraint(std::string_view text) {
  const std::string_view whole = trim(text);
  const auto label_end = whole.find_first_of(" =!<>");
  const std::string_view label = whole.substr(0, label_end);
  if (label.empty() || label.size() > limits::kNameBytes) return refuse(text, "it begins with a label's name");
  const std::string_view rest = label_end == std::string_view::npos ? std::string_view{} : trim(whole.substr(label_end));
  for (const OpWord& known : kOps) {
    if (!rest.starts_with(known.word)) continue;
    const std::string_view value = trim(rest.substr(known.word.size()));
    const bool ends_word = rest.size() == known.word.size() || rest[known.word.size()] == ' ' || rest[known.word.size()] == '(';
    if (is_word(known.op) && !ends_word) continue;
    Constraint constraint{std::string(label), known.op, {}};
    if (takes_nothing(known.op)) {
      if (!value.empty()) return refuse(text, "nothing comes after " + std::string(known.word));
    } else if (takes_list(known.op)) {
      STINT_TRY(constraint.values, parse_list(text, value));
    } else {
      if (value.empty()) return refuse(text, "a value comes after " + std::string(known.word));
      if (takes_number(known.op) && !parse_number(value)) return refuse(text, "a number comes after " + std::string(known.word));
      constraint.values = {std::string(value)};
    }
    return constraint;
  }
  return refuse(text, "after the label comes what it must be");
}

std::string to_string(const Constraint& constraint) {
  const auto* const known =
      std::find_if(kOps.begin(), kOps.end(), [&](const OpWord& word) { return word.op == constraint.op && word.word != "=="; });
  std::string text = constraint.label + ' ' + std::string(known->word);
  if (takes_nothing(constraint.op)) return text;
  if (!takes_list(constraint.op)) return text + ' ' + constraint.values.front();
  text += " (";
  for (std::size_t i = 0; i < constraint.values.size(); ++i) text += (i == 0 ? "" : ", ") + constraint.values[i];
  return text + ')';
}

bool is_met(const Constraint& constraint, const std::vector<std::pair<std::string, std::string>>& labels) {
  const auto at = std::find_if(labels.begin(), labels.end(), [&](const auto& label) { return label.first == constraint.label; });
  const bool is_there = at != labels.end();
  const auto is_listed = [&] {
    return std::find(constraint.values.begin(), constraint.values.end(), at->second) != constraint.values.end();
  };
  switch (constraint.op) {
    case ConstraintOp::equal:
    case ConstraintOp::in: return is_there && is_listed();
    case ConstraintOp::not_equal:
    case ConstraintOp::not_in: return !is_there || !is_listed();
    case ConstraintOp::exists: return is_there;
    case ConstraintOp::not_exists: return !is_there;
    default: break;
  }
  const auto left = is_there ? parse_number(at->second) : std::nullopt;
  const auto right = parse_number(constraint.values.front());
  return left && right && compare(constraint.op, *left, *right);
}

}  // namespace stint::core
