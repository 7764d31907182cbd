#include "base/loopback.hpp"

#include <algorithm>
#include <charconv>

namespace stint {
namespace {

constexpr int kPartsMax = 3;  // behind the 127

bool is_part(std::string_view text) {
  unsigned part = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), part);
  return error == std::errc{} && end == text.data() + text.size() && part <= 255;
}

bool are_parts(std::string_view text) {
  for (int count = 0; count < kPartsMax; ++count) {
    const std::size_t dot = std::min(text.find('.'), text.size());
    if (!is_part(text.substr(0, dot))) return false;
    if (dot == text.size()) return true;
    text.remove_prefix(dot + 1);
  }
  return false;
}

}  // namespace

bool is_loopback(std::string_view host) {
  if (host == "localhost") return true;
  if (host.starts_with("127.")) return are_parts(host.substr(4));
  const bool is_v6 = host.find(':') != std::string_view::npos;
  return is_v6 && host.back() == '1' && host.find_first_not_of("0:") == host.size() - 1;
}

}  // namespace stint
