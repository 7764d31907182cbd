#pragma once

#include <string>

namespace CLI {
class App;
}

namespace stint::cli {

/// Writes manual pages and completion scripts where systems look for them below `share`, the data directory of a prefix. Exit status.
int install_texts(const CLI::App& app, const std::string& share);

}  // namespace stint::cli
