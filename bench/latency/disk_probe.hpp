#pragma once

#include <filesystem>

#include "base/result.hpp"

namespace stint::bench {

/// What it costs to make a few bytes durable as a warm write-ahead log does it: overwriting a part of a file that has its size already.
class DiskProbe {
 public:
  [[nodiscard]] static Result<DiskProbe> make(const std::filesystem::path& folder);
  ~DiskProbe();
  DiskProbe(DiskProbe&& other) noexcept;
  DiskProbe& operator=(DiskProbe&&) = delete;

  /// Milliseconds of one write and its fdatasync.
  [[nodiscard]] Result<double> time_once();

 private:
  explicit DiskProbe(int file) : file_(file) {}

  int file_ = -1;
  std::size_t next_ = 0;   ///< where the next page goes
};

}  // namespace stint::bench
