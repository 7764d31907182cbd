#pragma once

#include "ports/entropy.hpp"

namespace stint::server {

/// getrandom(2). The kernel refusing it is an assertion: nothing secret may be made of less.
class KernelEntropy final : public ports::Entropy {
 public:
  void fill(std::span<std::uint8_t> out) override;
};

}  // namespace stint::server
