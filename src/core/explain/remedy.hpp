#pragma once

#include <string>

#include "core/explain/explanation.hpp"
#include "core/placement/shape.hpp"

namespace stint::core {

/// What somebody could do so that a task of this shape runs, in one sentence, from the clauses of `explanation`; empty if it only has to
/// wait for others to end.
[[nodiscard]] std::string find_remedy(const Shape& shape, const Explanation& explanation);

}  // namespace stint::core
