#pragma once

#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace stint {

/// Why an operation did not happen. A code exists if a caller acts on it.
/// The detail is for people: what, with which value, the limit, the remedy.
enum class Errc : int {
  invalid_argument = 1,  ///< the caller's input is wrong; asking again with the same input fails again
  not_found,
  already_exists,
  conflict,      ///< the same identity with other content
  out_of_range,  ///< over a named limit
  unauthenticated,
  forbidden,
  unavailable,      ///< nothing was done; try again
  outcome_unknown,  ///< it may have happened; find out before trying again
  no_space,         ///< disk full; nothing was done
  fenced,           ///< another holder of the token took over; stop
  corrupt,          ///< stored data does not hold what it must
  io,               ///< the operating system refused; the detail has its words
  unsupported,
};

[[nodiscard]] const char* to_string(Errc code);

struct Error {
  Errc code;
  std::string detail;
};

template <class T>
using Result = tl::expected<T, Error>;

using Status = Result<void>;

[[nodiscard]] inline tl::unexpected<Error> fail(Errc code, std::string detail) {
  return tl::unexpected<Error>(Error{code, std::move(detail)});
}

}  // namespace stint

/// Returns the error of `expr` to the caller, or binds its value to `decl`.
#define STINT_TRY(decl, expr)                                                                                                            \
  auto STINT_TRY_NAME_(result_, __LINE__) = (expr);                                                                                      \
  if (!STINT_TRY_NAME_(result_, __LINE__)) return tl::unexpected<::stint::Error>(std::move(STINT_TRY_NAME_(result_, __LINE__).error())); \
  decl = std::move(*STINT_TRY_NAME_(result_, __LINE__))  // NOLINT(bugprone-macro-parentheses): a declaration takes none
#define STINT_TRY_VOID(expr) \
  if (auto status_ = (expr); !status_) return tl::unexpected<::stint::Error>(std::move(status_.error()))
#define STINT_TRY_NAME_(a, b) STINT_TRY_NAME2_(a, b)
#define STINT_TRY_NAME2_(a, b) a##b
