#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "base/ids.hpp"
#include "base/pin.hpp"
#include "base/result.hpp"

namespace stint::ports {

/// A key that an agent has, of one key epoch of its cell.
struct HeldKey {
  KeyEpoch epoch;
  std::uint32_t generation = 0;  ///< zero also where nobody has said it
  std::array<std::uint8_t, 32> key{};
  bool operator==(const HeldKey&) const = default;
};

/// Where an agent keeps its keys and what it knows its cell by. Each call is durable when it returns, and leaves the old state or the new
/// one.
/// Errors:  no_space, io, forbidden  nothing has changed.
class KeyStore {
 public:
  virtual ~KeyStore() = default;
  /// Newest first, at least one.
  [[nodiscard]] virtual Status write_keys(const std::vector<HeldKey>& keys) = 0;
  [[nodiscard]] virtual Status write_pins(const std::vector<Pin>& pins) = 0;
};

}  // namespace stint::ports
