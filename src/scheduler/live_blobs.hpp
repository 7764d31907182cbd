#pragma once

#include <optional>
#include <vector>

#include "base/blob_id.hpp"

namespace stint::scheduler {

struct Cell;

/// Every blob that a retained job, task output or checkpoint refers to, sorted; nullopt: not known now, nothing may be removed.
[[nodiscard]] std::optional<std::vector<BlobId>> collect_live_blobs(const Cell& cell);

}  // namespace stint::scheduler
