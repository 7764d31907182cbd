#pragma once

#include <string>

namespace stint::sim {

/// Plays the file, `-` for standard input, and prints what happens. The exit status: 0 all was as expected, 1 something was not,
/// 2 the text cannot be read.
[[nodiscard]] int play_scenario(const std::string& path, bool as_json);

}  // namespace stint::sim
