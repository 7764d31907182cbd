#pragma once

#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace stint::conform {

/// Why a case did not pass: what docs/protocol.md says should have been seen, and what was seen instead.
struct Finding {
  enum class Kind { failed, skipped };
  Kind kind = Kind::failed;
  std::string expected;
  std::string seen;  ///< of a skipped case: what it would have needed
};

template <class T>
using Checked = tl::expected<T, Finding>;
using Check = Checked<void>;

[[nodiscard]] inline tl::unexpected<Finding> differ(std::string expected, std::string seen) {
  return tl::unexpected(Finding{Finding::Kind::failed, std::move(expected), std::move(seen)});
}
[[nodiscard]] inline tl::unexpected<Finding> skip(std::string needed) {
  return tl::unexpected(Finding{Finding::Kind::skipped, {}, std::move(needed)});
}
[[nodiscard]] inline Check require(bool holds, const char* expected, std::string seen) {
  if (holds) return {};
  return differ(expected, std::move(seen));
}
template <class T>
[[nodiscard]] Check require_equal(const char* what, const T& seen, const T& expected) {
  if (seen == expected) return {};
  return differ(std::string(what) + " " + std::to_string(expected), std::to_string(seen));
}

}  // namespace stint::conform

/// Returns the finding of `expr` to the caller, or binds its value to `decl`.
#define CONFORM_TRY(decl, expr)                                                                             \
  auto CONFORM_NAME_(checked_, __LINE__) = (expr);                                                          \
  if (!CONFORM_NAME_(checked_, __LINE__))                                                                   \
    return tl::unexpected<::stint::conform::Finding>(std::move(CONFORM_NAME_(checked_, __LINE__).error())); \
  decl = std::move(*CONFORM_NAME_(checked_, __LINE__))  // NOLINT(bugprone-macro-parentheses): a declaration takes none
#define CONFORM_CHECK(expr) \
  if (auto check_ = (expr); !check_) return tl::unexpected<::stint::conform::Finding>(std::move(check_.error()))
#define CONFORM_NAME_(a, b) CONFORM_NAME2_(a, b)
#define CONFORM_NAME2_(a, b) a##b
