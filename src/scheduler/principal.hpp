#pragma once

#include <optional>
#include <string>

#include "base/ids.hpp"
#include "core/model/scope.hpp"

namespace stint::scheduler {

/// The context file's token: everything, and no end.
inline constexpr const char* kLocalName = "local";

/// Who asks, as authentication found out.
struct Principal {
  std::string name;  ///< of the token; what `submitted_by` and `by` say
  core::Scopes scopes;
  std::optional<AttemptRef> attempt;  ///< the token of a running attempt: no scopes, only the routes that let attempts in
};

}  // namespace stint::scheduler
