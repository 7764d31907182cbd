#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>

namespace stint::wire {

/// Bytes that start at a multiple of 8, as the FlatBuffers verifier expects of its caller; never zeroed, and shrunk only by release().
class AlignedBuffer {
 public:
  [[nodiscard]] std::uint8_t* data() { return reinterpret_cast<std::uint8_t*>(words_.get()); }
  [[nodiscard]] const std::uint8_t* data() const { return reinterpret_cast<const std::uint8_t*>(words_.get()); }
  [[nodiscard]] std::size_t capacity() const { return capacity_; }

  /// Makes room for at least `size` bytes and keeps the first `keep` of the old ones. Allocates only if the capacity is too small.
  void reserve(std::size_t size, std::size_t keep = 0) {
    if (size <= capacity_) return;
    const std::size_t count = (size + sizeof(std::uint64_t) - 1) / sizeof(std::uint64_t);
    auto grown = std::make_unique_for_overwrite<std::uint64_t[]>(count);
    if (keep != 0) std::memcpy(grown.get(), words_.get(), keep);
    words_ = std::move(grown);
    capacity_ = count * sizeof(std::uint64_t);
  }

  void release() {
    words_.reset();
    capacity_ = 0;
  }

 private:
  std::unique_ptr<std::uint64_t[]> words_;
  std::size_t capacity_ = 0;
};

}  // namespace stint::wire
