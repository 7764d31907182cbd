#pragma once

#include <string>

#include "adapters/jobfile/job_file.hpp"

namespace stint::adapters {

/// The job as JSON with every default filled in. Where the submission will have digests, `inputs` and `each` are what the file says.
[[nodiscard]] std::string describe(const JobFile& file);

}  // namespace stint::adapters
