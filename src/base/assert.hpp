#pragma once

namespace stint {
/// Prints the broken invariant and aborts; on in release. Data from outside never reaches an assertion: it is answered with an Error.
[[noreturn]] void assertion_failed(const char* expression, const char* file, int line);
}  // namespace stint

#define STINT_ASSERT(expression) \
  (static_cast<bool>(expression) ? static_cast<void>(0) : ::stint::assertion_failed(#expression, __FILE__, __LINE__))
