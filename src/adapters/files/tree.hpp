#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace stint::adapters {

struct TreeFile {
  std::string path;                                ///< below the base, `/`-separated, as a manifest wants it
  std::uint64_t size = 0;
  bool is_executable = false;
};

/// The files below `base` that `inputs` name, sorted by path, each once.
///
/// An input is a file, a directory (with all in it) or a glob, relative to `base`. What `.gitignore` and `.stintignore` below `base` say is
/// left out of directories and globs (the latter counts more), and `.git` always; a file that is named itself comes along in any case.
/// Links are followed as long as they stay below `base`.
/// Errors:  not_found         an input that names nothing, a link to nothing;
///          forbidden         an input or a link that leaves `base`;
///          invalid_argument  a name that a manifest cannot hold, what is neither file nor directory, a link that leads in a circle;
///          out_of_range      more files than a manifest holds;  io.
[[nodiscard]] Result<std::vector<TreeFile>> find_files(const std::string& base, const std::vector<std::string>& inputs);

}  // namespace stint::adapters
