#include "core/model/scope.hpp"

#include <algorithm>

namespace stint::core {
namespace {

constexpr std::array<std::string_view, kScopes.size()> kWords{"read", "submit", "work", "operate", "admin"};

std::string_view trim(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

}  // namespace

std::string_view to_string(Scope scope) { return kWords.at(static_cast<std::size_t>(scope)); }

std::optional<Scope> parse_scope(std::string_view word) {
  const auto* const found = std::find(kWords.begin(), kWords.end(), word);
  if (found == kWords.end()) return std::nullopt;
  return kScopes.at(static_cast<std::size_t>(found - kWords.begin()));
}

std::string to_string(Scopes scopes) {
  std::string text;
  for (const Scope scope : kScopes)
    if (scopes.holds(scope)) text.append(text.empty() ? "" : ", ").append(to_string(scope));
  return text;
}

Result<Scopes> parse_scopes(std::string_view text) {
  Scopes scopes;
  for (;;) {
    const auto comma = text.find(',');
    const auto word = trim(text.substr(0, comma));
    const auto scope = parse_scope(word);
    if (!scope) return fail(Errc::invalid_argument, "scope \"" + std::string(word) + "\" is none of read, submit, work, operate, admin");
    scopes.add(*scope);
    if (comma == std::string_view::npos) return scopes;
    text.remove_prefix(comma + 1);
  }
}

}  // namespace stint::core
