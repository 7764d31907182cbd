#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "adapters/staging/tree.hpp"
#include "base/result.hpp"

namespace stint::staging {

/// Whether `pattern` names `path`, or a directory that holds it. Of a pattern `*`, `?` and `[…]` match within one part of the path, and no
/// leading dot; `**` matches any number of parts.
[[nodiscard]] bool names(std::string_view pattern, std::string_view path);

/// The files below `root` that the patterns name: a file, a directory with all below it, a glob. Sorted by path, each once.
/// Errors:  not_found         a pattern that names no file; the detail says which, and what is there;
///          invalid_argument  what is named cannot be taken (a link that leaves `root`, a name that cannot travel);
///          out_of_range      more than limits::kOutputFiles;  io.
[[nodiscard]] Result<std::vector<TakenFile>> find_outputs(const std::string& root, const std::vector<std::string>& patterns);

}  // namespace stint::staging
