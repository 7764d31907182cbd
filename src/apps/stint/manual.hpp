#pragma once

#include <string>
#include <utility>
#include <vector>

namespace CLI {
class App;
}

namespace stint::cli {

/// The manual pages as (`man1/stint-run.1`, text): one for each command, made of its own help, and one for each topic
/// (`man7/stint-states.7`).
[[nodiscard]] std::vector<std::pair<std::string, std::string>> manual_pages(const CLI::App& app);

}  // namespace stint::cli
