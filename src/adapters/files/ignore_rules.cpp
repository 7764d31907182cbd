#include "adapters/files/ignore_rules.hpp"

#include <algorithm>
#include <optional>
#include <utility>

namespace stint::adapters {
namespace {

/// One character class at the start of `pattern`; nullopt if it is not closed.
struct Class {
  bool has = false;
  std::size_t size = 0;                            ///< of its text
};
std::optional<Class> read_class(std::string_view pattern, char c) {
  std::size_t at = 1;
  const bool is_negated = at < pattern.size() && (pattern[at] == '!' || pattern[at] == '^');
  if (is_negated) ++at;
  bool has = false;
  for (bool is_first = true; at < pattern.size() && (pattern[at] != ']' || is_first); is_first = false) {
    if (pattern[at] == '\\' && at + 1 < pattern.size()) ++at;
    const auto low = static_cast<unsigned char>(pattern[at++]);
    auto high = low;
    if (at + 1 < pattern.size() && pattern[at] == '-' && pattern[at + 1] != ']') {
      high = static_cast<unsigned char>(pattern[at + 1]);
      at += 2;
    }
    has = has || (static_cast<unsigned char>(c) >= low && static_cast<unsigned char>(c) <= high);
  }
  if (at >= pattern.size()) return std::nullopt;
  return Class{has != is_negated && c != '/', at + 1};
}

/// Does one unit of the pattern, not a star, stand for `c`? And how long is it?
Class match_one(std::string_view pattern, char c) {
  if (pattern[0] == '?') return {c != '/', 1};
  if (pattern[0] == '[')
    if (const auto found = read_class(pattern, c)) return *found;
  if (pattern[0] == '\\' && pattern.size() > 1) return {pattern[1] == c, 2};
  return {pattern[0] == c, 1};
}

/// Each pair of positions is looked at once: no pattern takes more than the product of the lengths.
class Matcher {
 public:
  Matcher(std::string_view pattern, std::string_view path)
      : pattern_(pattern), path_(path), known_((pattern.size() + 1) * (path.size() + 1), Known::not_yet) {}

  bool match(std::size_t p, std::size_t s) {
    auto& known = known_[p * (path_.size() + 1) + s];
    if (known == Known::not_yet) known = find(p, s) ? Known::yes : Known::no;
    return known == Known::yes;
  }

 private:
  enum class Known : char { not_yet, no, yes };

  bool find(std::size_t p, std::size_t s) {
    if (p == pattern_.size()) return s == path_.size();
    if (is_any_directories(p)) {
      const auto after = p + 3;  // behind `**/`
      if (match(after, s)) return true;
      const auto slash = path_.find('/', s);
      return slash != std::string_view::npos && match(p, slash + 1);
    }
    if (pattern_.substr(p) == "**" && starts_part(p)) return s < path_.size();
    if (pattern_[p] == '*') return match(p + 1, s) || (s < path_.size() && path_[s] != '/' && match(p, s + 1));
    if (s == path_.size()) return false;
    const auto one = match_one(pattern_.substr(p), path_[s]);
    return one.has && match(p + one.size, s + 1);
  }
  [[nodiscard]] bool starts_part(std::size_t p) const { return p == 0 || pattern_[p - 1] == '/'; }
  [[nodiscard]] bool is_any_directories(std::size_t p) const { return starts_part(p) && pattern_.substr(p).starts_with("**/"); }

  std::string_view pattern_, path_;
  std::vector<Known> known_;
};

/// Blanks at the end do not count, unless a backslash stands before them.
std::string_view trim_end(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  while (line.ends_with(' ') && !line.ends_with("\\ ")) line.remove_suffix(1);
  return line;
}

}  // namespace

bool matches_glob(std::string_view pattern, std::string_view path) { return Matcher(pattern, path).match(0, 0); }

void IgnoreRules::add(std::string_view text, std::string_view directory) {
  constexpr std::string_view kMark = "\xEF\xBB\xBF";
  if (text.starts_with(kMark)) text.remove_prefix(kMark.size());
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    add_line(trim_end(text.substr(0, end)), directory);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

void IgnoreRules::add_line(std::string_view line, std::string_view directory) {
  if (line.empty() || line.front() == '#') return;
  Rule rule;
  rule.directory = directory.empty() ? std::string() : std::string(directory) + "/";
  rule.keeps = line.front() == '!';
  if (rule.keeps) line.remove_prefix(1);
  rule.only_directories = line.ends_with('/');
  if (rule.only_directories) line.remove_suffix(1);
  rule.is_name = line.find('/') == std::string_view::npos;
  if (line.starts_with('/')) line.remove_prefix(1);
  if (line.empty()) return;
  rule.pattern = std::string(line);
  rules_.push_back(std::move(rule));
}

bool IgnoreRules::ignores(std::string_view path, bool is_directory) const {
  const auto name = path.substr(path.rfind('/') + 1);
  for (auto rule = rules_.rbegin(); rule != rules_.rend(); ++rule) {
    if (rule->only_directories && !is_directory) continue;
    if (!path.starts_with(rule->directory)) continue;
    if (matches_glob(rule->pattern, rule->is_name ? name : path.substr(rule->directory.size()))) return !rule->keeps;
  }
  return false;
}

}  // namespace stint::adapters
