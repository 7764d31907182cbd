#pragma once

#include <cstddef>
#include <string_view>

namespace stint {

/// How many bytes the UTF-8 character at the start of `text` takes; 0 if there is none (RFC 3629: no surrogates, nothing overlong).
[[nodiscard]] std::size_t utf8_character(std::string_view text);

/// Where the first byte stands that is no UTF-8; the size of `text` if all of it is.
[[nodiscard]] std::size_t utf8_end(std::string_view text);

}  // namespace stint
