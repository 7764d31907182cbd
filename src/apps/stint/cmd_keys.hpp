#pragma once

#include "apps/stint/command_line.hpp"

namespace stint::cli {

void add_keys_commands(CLI::App& app, CommandLine& line);

}  // namespace stint::cli
