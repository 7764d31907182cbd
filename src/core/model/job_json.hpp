#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"
#include "core/model/job.hpp"

/// The job as JSON: the body of POST /v1/jobs, the answer of GET /v1/jobs/ID/spec, and what the store keeps. schema/openapi.yaml "Job".
namespace stint::core {

/// Units:   durations are `*_ms`, cpu `cpu_millis`, sizes `*_bytes`. What is left out has the default of TaskSpec; cpu_millis 1000.
/// Errors:  invalid_argument  not JSON, an unknown key, a value of the wrong kind or range; the detail starts with the key's path
///          (`tasks[0].resources.cpu_millis: …`) and says what was expected. Meaning and limits are find_problem's.
[[nodiscard]] Result<JobSpec> parse_job_json(std::string_view text);

/// Every key in a fixed order, so that equal specs give equal text; parse_job_json gives the spec again.
[[nodiscard]] std::string to_json(const JobSpec& spec);

}  // namespace stint::core
