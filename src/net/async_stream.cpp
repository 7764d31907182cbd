#include "net/async_stream.hpp"

#include <boost/asio/error.hpp>

namespace stint::net {
namespace {

int non_blocking_fd(AsyncStream::Socket& socket) {
  AsyncStream::error_code ignored;
  if (socket.is_open()) static_cast<void>(socket.non_blocking(true, ignored));
  return socket.native_handle();
}

}  // namespace

AsyncStream::AsyncStream(Socket socket) : socket_(std::move(socket)), bytes_(non_blocking_fd(socket_)) {}
AsyncStream::AsyncStream(Socket socket, ByteStream bytes) : socket_(std::move(socket)), bytes_(std::move(bytes)) {
  bytes_.set_fd(non_blocking_fd(socket_));
}

void AsyncStream::close() {
  error_code ignored;
  static_cast<void>(socket_.close(ignored));
}

AsyncStream::error_code AsyncStream::error_of(Io what) const {
  if (what == Io::done) return {};
  if (!socket_.is_open()) return boost::asio::error::operation_aborted;
  if (what == Io::closed) return boost::asio::error::eof;
  return {bytes_.error(), boost::system::system_category()};
}

}  // namespace stint::net
