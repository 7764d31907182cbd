#pragma once

#include <cstddef>
#include <string>

#include "base/bytes.hpp"
#include "base/time.hpp"

namespace stint::ports {

/// The dialling side of a link that speaks frames: a daemon that wants one connection at a time (ports/link.hpp is the other side).
/// The adapter owns the socket, the signals and the clock and calls; the daemon owns the session. After every call the adapter asks for
/// output,
/// `wants_close`, `is_finished` and `next_deadline` anew.
class LinkClient {
 public:
  virtual ~LinkClient() = default;

  /// True if the adapter should dial now. It says so by on_link_dialing; one of on_link_open and on_link_failed follows.
  [[nodiscard]] virtual bool wants_link(Now now) const = 0;
  virtual void on_link_dialing() = 0;
  virtual void on_link_open(Now now) = 0;
  virtual void on_link_failed(const std::string& why, Now now) = 0;
  /// `empty_since`: when this reader last found the socket empty (the 5-second rule judges frames against it).
  virtual void on_link_bytes(ByteView bytes, Now now, Instant empty_since) = 0;
  virtual void on_link_closed(Now now) = 0;
  [[nodiscard]] virtual bool has_link_output() const = 0;
  /// Appends what may leave now, about `budget` bytes.
  virtual void take_link_output(Now now, std::size_t budget, Bytes& out) = 0;
  /// Write what take_link_output still gives, then close; on_link_closed follows.
  [[nodiscard]] virtual bool wants_close() const = 0;

  virtual void on_driver_events(Now now) = 0;
  virtual void on_timer(Now now) = 0;
  [[nodiscard]] virtual Instant next_deadline() const = 0;

  /// SIGTERM: say goodbye and go; tasks run on.
  virtual void leave(Now now) = 0;
  /// SIGINT: take nothing new and go when everything held has ended and is recorded; a second call ends the tasks.
  virtual void drain(Now now) = 0;
  /// Nothing is left to do: the process may end.
  [[nodiscard]] virtual bool is_finished() const = 0;
};

}  // namespace stint::ports
