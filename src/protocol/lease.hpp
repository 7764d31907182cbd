#pragma once

#include "base/time.hpp"
#include "protocol/limits.hpp"

namespace stint::protocol {

/// How long a peer may be silent. An authenticated frame renews it. Bytes that arrive inside an unfinished frame stand in for one at most
/// limits::kLeaseExtensions times, so that a large frame on a slow line lives and a trickle of bytes does not hold a session open.
class Lease {
 public:
  Lease(Duration length, Instant now) : length_(length), deadline_(now + length) {}

  void renew(Instant now) {
    deadline_ = now + length_;
    extensions_ = 0;
    has_bytes_ = false;
  }
  void renew(Duration length, Instant now) {
    length_ = length;
    renew(now);
  }
  void on_bytes_inside_frame() { has_bytes_ = true; }

  /// Called when it is due or earlier; extends it where the rule allows.
  [[nodiscard]] bool is_over(Instant now) {
    if (now < deadline_) return false;
    if (!has_bytes_ || extensions_ == limits::kLeaseExtensions) return true;
    ++extensions_;
    has_bytes_ = false;
    deadline_ = now + length_;
    return false;
  }
  [[nodiscard]] Instant deadline() const { return deadline_; }

 private:
  Duration length_;
  Instant deadline_;
  int extensions_ = 0;      // since the last authenticated frame
  bool has_bytes_ = false;  // since the last extension
};

}  // namespace stint::protocol
