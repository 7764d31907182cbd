#pragma once

#include <functional>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace stint::ports {

/// An agent's append-only record file. `append` returns once the record is *persisted* (written: it survives the death of the process).
/// A torn last record is dropped by `load`.
class Journal {
 public:
  virtual ~Journal() = default;
  [[nodiscard]] virtual Status load(const std::function<void(ByteView record)>& record) = 0;
  /// Errors:  no_space  nothing was written;  io.
  [[nodiscard]] virtual Status append(ByteView record) = 0;
  /// Replaces the whole file by `records`, atomically.
  [[nodiscard]] virtual Status rewrite(const std::vector<Bytes>& records) = 0;
  [[nodiscard]] virtual std::size_t size_bytes() const = 0;
};

}  // namespace stint::ports
