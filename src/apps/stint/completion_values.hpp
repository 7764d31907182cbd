#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "apps/stint/command_line.hpp"

namespace CLI {
class App;
}

namespace stint::cli {

struct Candidate {
  std::string word;
  std::string description;
};

/// The word that stands for: a file goes here.
inline constexpr std::string_view kFiles = ":files";

/// What the option or argument `name` of the command `path` ("agent drain") may be, as far as the scheduler or the program knows.
/// `current`: what is typed already; the tasks of a job are asked for only when it names the job.
[[nodiscard]] std::vector<Candidate> find_values(const CLI::App& app, const CommonOptions& options, const std::string& path,
                                                 const std::string& name, const std::string& current);

}  // namespace stint::cli
