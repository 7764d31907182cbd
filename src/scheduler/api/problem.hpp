#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "ports/http.hpp"

namespace stint::scheduler::api {

/// RFC 9457, with a stable `code`: what, where, the limit and the remedy.
struct Problem {
  int status = 400;
  std::string code;
  std::string detail;
  std::string where;
  std::string limit;
  std::string remedy;
  std::optional<std::uint64_t> offset = {};        ///< where an upload goes on
};
[[nodiscard]] ports::HttpResponse to_response(const Problem& problem);
[[nodiscard]] Problem to_problem(const Error& error);

}  // namespace stint::scheduler::api
