#pragma once

#include <string>
#include <vector>

#include "apps/stint/command_line.hpp"

namespace CLI {
class App;
}

namespace stint::cli {

/// A script for bash, zsh or fish. It knows nothing itself and asks `stint __complete`, so that it cannot fall behind.
[[nodiscard]] std::string completion_script(const std::string& shell);

/// What `stint __complete WORD…` prints: for the last word, the candidates that begin like it, each `WORD<tab>DESCRIPTION`; `:files` where
/// a file goes. Ids, names and scopes come from the running scheduler; without one, at once and silently, there are none.
[[nodiscard]] std::vector<std::string> complete(const CLI::App& app, CommonOptions options, const std::vector<std::string>& words);

}  // namespace stint::cli
