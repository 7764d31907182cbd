#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "client/api.hpp"
#include "client/selector.hpp"

/// From what a user typed to the numbers and paths of the API.
namespace stint::cli {

/// The jobs that a selector names; of a range those that exist.
/// Errors:  invalid_argument, not_found (`last` of an empty cell; a range without any job).
[[nodiscard]] Result<std::vector<std::uint64_t>> find_jobs(client::Api& api, const client::Selector& selector);

/// One job: as find_jobs, but a range is an error.
[[nodiscard]] Result<std::uint64_t> find_job(client::Api& api, const client::Selector& selector);

/// One task's id. A selector that names a whole job or array means its only task.
/// Errors:  invalid_argument (several tasks; the detail shows how to name one), not_found.
[[nodiscard]] Result<std::string> find_task(client::Api& api, const client::Selector& selector);

}  // namespace stint::cli
