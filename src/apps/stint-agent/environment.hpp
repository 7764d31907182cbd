#pragma once

#include <string>

#include "base/result.hpp"

/// What the programs take from their environment, at their start, while they have one thread.
namespace stint {

/// Empty: not set.
[[nodiscard]] std::string environment(const char* name);

/// Where state lies: the option goes first, then $STINT_STATE_DIR, $XDG_STATE_HOME/stint, ~/.local/state/stint. Not made.
/// Errors:  invalid_argument  there is none.
[[nodiscard]] Result<std::string> find_base_dir(const std::string& option);

}  // namespace stint
