#include "scheduler/api/byte_range.hpp"

#include <algorithm>

#include "scheduler/api/handlers.hpp"

namespace stint::scheduler::api {

RangeAnswer read_range(std::string_view header, std::uint64_t size) {
  constexpr std::string_view kUnit = "bytes=";
  const RangeAnswer whole{200, {0, size}};
  if (!header.starts_with(kUnit)) return whole;
  header.remove_prefix(kUnit.size());
  const auto dash = header.find('-');
  if (dash == std::string_view::npos) return whole;
  const auto first = parse_number(header.substr(0, dash));
  const auto last = parse_number(header.substr(dash + 1));
  if (dash == 0) {  // the last bytes
    if (!last) return whole;
    if (*last == 0 || size == 0) return {416, {}};
    return {206, {size - std::min(*last, size), size}};
  }
  const bool is_open = dash + 1 == header.size();
  if (!first || (!last && !is_open) || (last && *last < *first)) return whole;
  if (*first >= size) return {416, {}};
  return {206, {*first, is_open ? size : std::min(*last, size - 1) + 1}};
}

}  // namespace stint::scheduler::api
