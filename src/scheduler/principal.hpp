#pragma once

#include <optional>
#include <string>

#include "base/ids.hpp"
#include "core/model/rows.hpp"

namespace stint::scheduler {

/// The context file's token: everything, and no end.
inline constexpr const char* kLocalName = "local";

/// Who asks, as authentication found out.
struct Principal {
  std::string name;  ///< of the token; what `submitted_by` and `by` say
  core::Scopes scopes;
  core::TokenId token;                ///< 0: the context file's, or an attempt's
  UnixMillis expires_at{};            ///< zero: never
  std::optional<AttemptRef> attempt;  ///< the token of a running attempt: no scopes, only the routes that let attempts in
};

}  // namespace stint::scheduler
