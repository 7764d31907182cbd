#pragma once

#include <string>

namespace CLI {
class App;
class Error;
}  // namespace CLI

namespace stint::cli {

/// What is wrong with a command line, in the words of the other messages: which argument, and what was probably meant.
/// `app` is the whole program, after the parse that failed. What is said of the command's help stands at the end.
[[nodiscard]] std::string describe_usage(const CLI::App& app, const CLI::Error& error);

}  // namespace stint::cli
