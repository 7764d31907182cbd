#pragma once

#include <cstdint>
#include <string>

#include "base/blob_id.hpp"

namespace stint {

/// A file that travels: an input, or an output of a task.
struct FileRef {
  BlobId blob;
  std::uint64_t size = 0;
  bool is_executable = false;  ///< mode 755, else 644
  std::string path;            ///< relative, of plain parts (core/model/manifest.hpp)
  bool operator==(const FileRef&) const = default;
};

}  // namespace stint
