#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace stint::scheduler::api {

struct ByteRange {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;                           ///< the first byte behind it
  bool operator==(const ByteRange&) const = default;
};

struct RangeAnswer {
  int status = 200;                                ///< 200 the whole, 206 a part, 416 nothing of it exists
  ByteRange range;
};
/// What the header Range asks of `size` bytes (RFC 9110, 14): one range; several, or what is none, give the whole.
[[nodiscard]] RangeAnswer read_range(std::string_view header, std::uint64_t size);

}  // namespace stint::scheduler::api
