#pragma once

#include <cstdint>
#include <string>

#include "base/time.hpp"
#include "client/progress.hpp"

namespace stint::client {

/// How far several files are on their way: bytes, rate and time left.
class TransferMeter {
 public:
  TransferMeter(std::string verb, std::size_t files, std::uint64_t bytes) : verb_(std::move(verb)), files_(files), bytes_(bytes) {}
  /// `bytes` of the current file are through.
  void add(std::uint64_t bytes, Instant now);
  void end_file(std::uint64_t bytes);
  /// `uploading 2 of 3 files  [====>   ]  120Mi of 2Gi · 55Mi/s · 35s left`, no longer than `width`.
  [[nodiscard]] std::string show(std::size_t width) const;

 private:
  std::string verb_;
  std::size_t files_;
  std::uint64_t bytes_;
  std::size_t ended_files_ = 0;
  std::uint64_t ended_bytes_ = 0;
  std::uint64_t current_ = 0;
  RateMeter rate_;
};

}  // namespace stint::client
