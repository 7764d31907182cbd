#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "base/time.hpp"

namespace stint {

/// Seeded generator (xoshiro256**, seeded by SplitMix64: Blackman and Vigna, prng.di.unimi.it).
/// Not for secrets: those come from ports::Entropy.
/// The same seed gives the same draws on every platform; draw once per statement, since argument order is unspecified.
class Prng {
 public:
  explicit Prng(std::uint64_t seed);
  std::uint64_t next();
  /// Uniform in [0, bound); bound > 0.
  std::uint64_t below(std::uint64_t bound);
  /// True in `numerator` of `denominator` draws.
  bool chance(std::uint64_t numerator, std::uint64_t denominator) { return below(denominator) < numerator; }
  /// Uniform in [low, high].
  Duration between(Duration low, Duration high);
  void fill(std::span<std::uint8_t> out);
  template <class T>
  void shuffle(std::span<T> items) {
    for (std::size_t i = items.size(); i > 1; --i) {
      const std::size_t j = static_cast<std::size_t>(below(i));
      std::swap(items[i - 1], items[j]);
    }
  }

 private:
  std::array<std::uint64_t, 4> state_;
};

}  // namespace stint
