#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "base/time.hpp"

namespace stint::ports {

using LinkId = Id<struct LinkTag>;  ///< one connection of this process, never used again

/// The scheduler's side of a connection that speaks frames. The adapter owns the socket and calls; the daemon owns the session.
class LinkHandler {
 public:
  virtual ~LinkHandler() = default;
  virtual void on_link_open(LinkId link, std::string peer, Now now) = 0;
  /// `empty_since`: when this reader last found the socket empty (the 5-second rule judges frames against it).
  virtual void on_link_bytes(LinkId link, ByteView bytes, Now now, Instant empty_since) = 0;
  virtual void on_link_closed(LinkId link, Now now) = 0;
  /// Appends what may leave now, about `budget` bytes; called when the kernel has room (see Links::wake).
  virtual void take_link_output(LinkId link, Now now, std::size_t budget, Bytes& out) = 0;
  /// Whether it would append anything: cheaper than to ask the kernel for its room.
  [[nodiscard]] virtual bool has_link_output(LinkId link) const = 0;
};

/// What the daemon asks of the adapter. All are cheap, may be called at any time, and never say anything to the handler before they return.
class Links {
 public:
  virtual ~Links() = default;
  /// The link has output: call take_link_output soon and write it.
  virtual void wake(LinkId link) = 0;
  /// As wake(), at once if the kernel has room: before the caller is busy.
  virtual void flush(LinkId link) { wake(link); }
  /// Write what take_link_output still gives, then close; on_link_closed follows.
  virtual void close(LinkId link) = 0;
};

}  // namespace stint::ports
