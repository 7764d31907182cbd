#include "adapters/server/url.hpp"

#include <charconv>

namespace stint::server {
namespace {

bool decode(std::string_view text, bool plus_is_space, std::string& out) {
  out.clear();
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus_is_space) {
      out.push_back(' ');
    } else if (text[i] != '%') {
      out.push_back(text[i]);
    } else {
      unsigned value = 0;
      if (text.size() - i < 3) return false;
      const auto* first = text.data() + i + 1;
      if (std::from_chars(first, first + 2, value, 16).ptr != first + 2) return false;
      out.push_back(static_cast<char>(value));
      i += 2;
    }
  }
  return true;
}

}  // namespace

bool parse_target(std::string_view target, std::string& path, std::vector<std::pair<std::string, std::string>>& query) {
  const auto mark = target.find('?');
  if (!decode(target.substr(0, mark), false, path)) return false;
  std::string_view rest = mark == std::string_view::npos ? std::string_view() : target.substr(mark + 1);
  while (!rest.empty()) {
    const auto end = rest.find('&');
    const auto item = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
    if (item.empty()) continue;
    const auto equals = item.find('=');
    std::string key, value;
    if (!decode(item.substr(0, equals), true, key)) return false;
    if (equals != std::string_view::npos && !decode(item.substr(equals + 1), true, value)) return false;
    query.emplace_back(std::move(key), std::move(value));
  }
  return true;
}

}  // namespace stint::server
