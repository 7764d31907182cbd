#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/blob_id.hpp"
#include "base/result.hpp"

namespace stint::client {

/// A file that a completed task left, or that `collect` made of the files of an entry.
struct OutputView {
  std::string entry;
  std::string task;  ///< its id; empty: of the whole entry
  std::string path;
  BlobId blob;
  std::uint64_t size = 0;
  bool is_executable = false;
};

/// One item of GET /v1/jobs/{job}/outputs. Errors: corrupt.
[[nodiscard]] Result<OutputView> parse_output_view(std::string_view json);
/// Where it lies below a directory: ENTRY/PATH, of a task of an array ENTRY/INDEX/PATH.
/// Errors:  corrupt  the path leads out of the directory.
[[nodiscard]] Result<std::string> local_path(const OutputView& output);

}  // namespace stint::client
