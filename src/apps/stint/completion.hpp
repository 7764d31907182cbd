#pragma once

#include <string>

namespace CLI {
class App;
}

namespace stint::cli {

/// A script for bash, zsh or fish that completes the commands and options that `app` has: made from the parser, so that it cannot fall
/// behind.
[[nodiscard]] std::string completion_script(const CLI::App& app, const std::string& shell);

}  // namespace stint::cli
