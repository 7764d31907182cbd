#pragma once

#include <cstdint>
#include <span>

namespace stint::ports {

/// Random bytes fit for secrets (nonces, keys, tokens). adapters/asio asks the kernel; the simulation a seeded generator.
class Entropy {
 public:
  virtual ~Entropy() = default;
  virtual void fill(std::span<std::uint8_t> out) = 0;
};

}  // namespace stint::ports
