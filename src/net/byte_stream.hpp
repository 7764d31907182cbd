#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "base/bytes.hpp"

namespace stint::net {

/// What became of a step that does not wait.
enum class Io : std::uint8_t {
  done,
  wants_read,   ///< again when the socket is readable
  wants_write,  ///< again when the socket is writable; TLS may want it of a read, too
  closed,       ///< the other end has said its last byte
  failed,       ///< ByteStream::problem() says why
};
struct IoResult {
  Io what = Io::failed;
  std::size_t bytes = 0;
};

struct TlsState;

/// Bytes over a connected, non-blocking stream socket, as they are or within TLS 1.3. Does not own the socket, and never waits.
///
/// Memory:  in TLS, buffers are held only while they hold something.
/// Thread:  one at a time.
class ByteStream {
 public:
  explicit ByteStream(int fd);
  ByteStream(int fd, std::unique_ptr<TlsState> tls);
  ~ByteStream();
  ByteStream(ByteStream&&) noexcept;
  ByteStream& operator=(ByteStream&&) noexcept;

  /// The next step of the handshake. Plain: done at once.
  [[nodiscard]] IoResult handshake();
  /// A read that gives fewer bytes than asked for has not emptied the connection: in TLS it ends with its record.
  [[nodiscard]] IoResult read(std::span<std::uint8_t> into);
  /// True if the last read has left nothing to read, as far as is known without asking the kernel again.
  [[nodiscard]] bool is_emptied() const;
  /// True if there is something that the socket will not become readable for: it has been taken from there already.
  [[nodiscard]] bool holds_bytes() const;
  /// As much of the pieces as goes; after wants_write the same bytes must come again, wherever they lie by then.
  [[nodiscard]] IoResult write(std::span<const ByteView> pieces);
  [[nodiscard]] IoResult write(ByteView bytes) { return write({&bytes, 1}); }
  /// Is there something to read, or has the other end closed? Takes nothing.
  [[nodiscard]] IoResult peek();
  /// Says goodbye within TLS, if it goes at once. The socket is the owner's to close.
  void say_goodbye();

  [[nodiscard]] int fd() const { return fd_; }
  /// Another descriptor of the same connection.
  void set_fd(int fd);
  [[nodiscard]] bool is_tls() const { return tls_ != nullptr; }
  /// What the handshake agreed on by ALPN; empty: nothing, or plain.
  [[nodiscard]] std::string protocol() const;
  /// errno of the last failure; EPROTO for one of TLS.
  [[nodiscard]] int error() const { return error_; }
  /// Why the last step failed.
  [[nodiscard]] std::string problem() const;
  /// True if it failed because one end does not trust the other, or asked for what it does not have: trying again changes nothing.
  [[nodiscard]] bool is_refused() const;

 private:
  [[nodiscard]] IoResult plain_result(std::ptrdiff_t got);
  [[nodiscard]] IoResult tls_result(int got, std::size_t bytes);

  int fd_ = -1;
  int error_ = 0;  ///< errno of the last failure
  bool is_emptied_ = false;  ///< plain: the last read was a short one
  std::unique_ptr<TlsState> tls_;
};

}  // namespace stint::net
