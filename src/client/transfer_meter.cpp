#include "client/transfer_meter.hpp"

#include <algorithm>

#include "client/text.hpp"

namespace stint::client {

void TransferMeter::add(std::uint64_t bytes, Instant now) {
  current_ = bytes;
  rate_.add(ended_bytes_ + current_, now);
}

void TransferMeter::end_file(std::uint64_t bytes) {
  ended_bytes_ += bytes;
  current_ = 0;
  ++ended_files_;
}

std::string TransferMeter::show(std::size_t width) const {
  const auto done = ended_bytes_ + current_;
  const auto size = [](std::uint64_t bytes) { return show_bytes(static_cast<std::int64_t>(bytes)); };
  const std::string label = verb_ + " " + std::to_string(std::min(ended_files_ + 1, files_)) + " of " + std::to_string(files_) +
                            (files_ == 1 ? " file  " : " files  ");
  std::string numbers = size(done) + " of " + size(bytes_);
  if (const auto rate = rate_.per_second(); rate && *rate >= 1) numbers += " · " + size(static_cast<std::uint64_t>(*rate)) + "/s";
  if (const auto left = rate_.time_left(bytes_ - std::min(bytes_, done)); left && done < bytes_)
    numbers += " · " + show_duration(*left) + " left";
  constexpr std::size_t kBarMin = 8, kBarMax = 40;
  const auto taken = display_width(label) + display_width(numbers) + 2;
  const auto bar = width > taken + kBarMin ? std::min(kBarMax, width - taken) : 0;
  const double fraction = bytes_ == 0 ? 1.0 : static_cast<double>(done) / static_cast<double>(bytes_);
  return shorten(label + (bar > 0 ? show_bar(fraction, bar) + "  " : "") + numbers, width);
}

}  // namespace stint::client
