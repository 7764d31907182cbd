#include "adapters/server/source_limiter.hpp"

#include <algorithm>

namespace stint::server {

Source Source::of_v6(const std::array<std::uint8_t, 16>& address) {
  const auto is_zero = [](std::uint8_t byte) { return byte == 0; };
  if (std::all_of(address.begin(), address.begin() + 10, is_zero) && address[10] == 0xFF && address[11] == 0xFF) {
    std::uint32_t v4 = 0;
    for (std::size_t i = 12; i < 16; ++i) v4 = v4 << 8 | address[i];
    return of_v4(v4);
  }
  Source source;
  for (std::size_t i = 0; i < 8; ++i) source.network = source.network << 8 | address[i];
  source.is_loopback = std::all_of(address.begin(), address.begin() + 15, is_zero) && address[15] == 1;
  return source;
}

SourceLimiter::Rate::Rate(limits::SourceRate rate)
    : cost(std::chrono::nanoseconds{std::chrono::seconds{1}} / rate.per_second), capacity(cost * rate.burst) {}

SourceLimiter::SourceLimiter(limits::SourceRate rate, limits::SourceRate loopback_rate, std::size_t sources_max)
    : rate_(rate), loopback_rate_(loopback_rate), sources_max_(sources_max) {}

bool SourceLimiter::take(Bucket& bucket, const Rate& rate, Instant now) {
  const Duration debt = std::max(Duration{0}, bucket.debt - (now - bucket.at)) + rate.cost;
  if (debt > rate.capacity) return false;
  bucket = {debt, now};
  return true;
}

bool SourceLimiter::admit(const Source& source, Instant now) {
  // All of 127.0.0.0/8 is one machine: a bucket for each address would be as many as one likes.
  if (source.is_loopback) return take(loopback_, loopback_rate_, now);
  if (now - turned_at_ >= rate_.capacity) {  // who was only in `older_` has a full bucket by now
    older_ = now - turned_at_ >= 2 * rate_.capacity ? decltype(older_)() : std::move(recent_);
    recent_.clear();
    turned_at_ = now;
  }
  return take(bucket_of(source.network), rate_, now);
}

SourceLimiter::Bucket& SourceLimiter::bucket_of(std::uint64_t network) {
  if (const auto found = recent_.find(network); found != recent_.end()) return found->second;
  if (auto known = older_.extract(network)) return recent_.insert(std::move(known)).position->second;
  if (size() >= sources_max_) return rest_;
  return recent_[network];
}

}  // namespace stint::server
