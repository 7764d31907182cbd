#pragma once

#include <array>
#include <cstdint>
#include <map>

#include "adapters/server/limits.hpp"
#include "base/time.hpp"

namespace stint::server {

/// Who connects, as far as rates go.
struct Source {
  std::uint64_t network = 0;  ///< of IPv6 the first 64 bits, of IPv4 the address
  bool is_loopback = false;
  static Source of_v4(std::uint32_t address) { return {address, (address >> 24) == 127}; }
  /// An IPv4 address in IPv6's clothes is the IPv4 address.
  static Source of_v6(const std::array<std::uint8_t, 16>& address);
};

/// Token buckets: how fast each source may open connections.
///
/// Memory:  a source that has been quiet for as long as its bucket takes to fill is forgotten, which changes nothing for it; of more than
///          kSourcesMax the rest shares one bucket.
class SourceLimiter {
 public:
  explicit SourceLimiter(limits::SourceRate rate = limits::kRate, limits::SourceRate loopback_rate = limits::kLoopbackRate,
                         std::size_t sources_max = limits::kSourcesMax);
  /// False: one too many; nothing is taken from its bucket.
  [[nodiscard]] bool admit(const Source& source, Instant now);
  [[nodiscard]] std::size_t size() const { return recent_.size() + older_.size(); }

 private:
  struct Bucket {
    Duration debt{};  ///< time until it is full again, as of `at`
    Instant at{};
  };
  struct Rate {
    explicit Rate(limits::SourceRate rate);
    Duration cost;      ///< of one connection
    Duration capacity;  ///< debt that a source may have
  };
  static bool take(Bucket& bucket, const Rate& rate, Instant now);
  Bucket& bucket_of(std::uint64_t network);

  Rate rate_, loopback_rate_;
  std::size_t sources_max_;
  std::map<std::uint64_t, Bucket> recent_, older_;
  Bucket rest_, loopback_;
  Instant turned_at_{};
};

}  // namespace stint::server
