#pragma once

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/compose.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <utility>

#include "net/byte_stream.hpp"

namespace stint::net {

/// A connected socket whose bytes are plain or in TLS, as Beast wants its streams. One read and one write may be under way at a time.
///
/// Errors:  eof when the other end has said its last byte; bytes().problem() has the words of any other.
/// Thread:  that of the socket's io_context.
class AsyncStream {
 public:
  using Socket = boost::asio::ip::tcp::socket;
  using executor_type = Socket::executor_type;
  using error_code = boost::system::error_code;

  /// Plain, until set_bytes says otherwise.
  explicit AsyncStream(Socket socket);
  AsyncStream(Socket socket, ByteStream bytes);

  Socket& socket() { return socket_; }
  ByteStream& bytes() { return bytes_; }
  [[nodiscard]] const ByteStream& bytes() const { return bytes_; }
  executor_type get_executor() { return socket_.get_executor(); }
  /// `bytes` must be of this socket.
  void set_bytes(ByteStream bytes) { bytes_ = std::move(bytes); }
  /// Ends what is under way with operation_aborted.
  void close();

  template <class Buffers, class Handler>
  auto async_read_some(const Buffers& buffers, Handler&& handler) {
    const boost::asio::mutable_buffer into = first_of(buffers);
    return start([this, into] { return bytes_.read({static_cast<std::uint8_t*>(into.data()), into.size()}); }, handler);
  }

  template <class Buffers, class Handler>
  auto async_write_some(const Buffers& buffers, Handler&& handler) {
    return start([this, pieces = pieces_of(buffers)] { return bytes_.write(std::span(pieces.data(), pieces.size())); }, handler);
  }

  template <class Handler>
  auto async_handshake(Handler&& handler) {
    return start([this] { return bytes_.handshake(); }, handler);
  }

 private:
  static constexpr std::size_t kPieces = 16;
  /// Few, and without memory of its own.
  class Pieces {
   public:
    void add(ByteView piece) {
      if (size_ < kPieces && !piece.empty()) pieces_[size_++] = piece;
    }
    [[nodiscard]] const ByteView* data() const { return pieces_.data(); }
    [[nodiscard]] std::size_t size() const { return size_; }

   private:
    std::array<ByteView, kPieces> pieces_;
    std::size_t size_ = 0;
  };

  template <class Buffers>
  static boost::asio::mutable_buffer first_of(const Buffers& buffers) {
    for (auto at = boost::asio::buffer_sequence_begin(buffers); at != boost::asio::buffer_sequence_end(buffers); ++at)
      if (const boost::asio::mutable_buffer buffer = *at; buffer.size() > 0) return buffer;
    return {};
  }
  template <class Buffers>
  static Pieces pieces_of(const Buffers& buffers) {
    Pieces pieces;
    for (auto at = boost::asio::buffer_sequence_begin(buffers); at != boost::asio::buffer_sequence_end(buffers); ++at) {
      const boost::asio::const_buffer buffer = *at;
      pieces.add({static_cast<const std::uint8_t*>(buffer.data()), buffer.size()});
    }
    return pieces;
  }

  [[nodiscard]] error_code error_of(Io what) const;

  /// A step, again and again when the socket is ready for it.
  template <class Step>
  struct Operation {
    AsyncStream& stream;
    Step step;
    bool has_returned = false;  ///< a handler must not be called from within the call that started the operation
    bool is_done = false;
    error_code outcome{};
    std::size_t bytes = 0;

    template <class Self>
    void operator()(Self& self, error_code error = {}) {
      if (is_done) return self.complete(outcome, bytes);
      if (!error) {
        const IoResult result = stream.socket_.is_open() ? step() : IoResult{Io::failed};
        if (result.what == Io::wants_read || result.what == Io::wants_write) {
          has_returned = true;
          const auto ready = result.what == Io::wants_read ? Socket::wait_read : Socket::wait_write;
          return stream.socket_.async_wait(ready, std::move(self));
        }
        error = stream.error_of(result.what);
        bytes = result.bytes;
      }
      if (has_returned) return self.complete(error, bytes);
      is_done = true;
      outcome = error;
      boost::asio::post(stream.get_executor(), std::move(self));
    }
  };

  template <class Step, class Handler>
  auto start(Step step, Handler& handler) {
    return boost::asio::async_compose<Handler, void(error_code, std::size_t)>(Operation<Step>{*this, std::move(step)}, handler, socket_);
  }

  Socket socket_;
  ByteStream bytes_;
};

}  // namespace stint::net
