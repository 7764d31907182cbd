#include "adapters/exec/message_stream.hpp"

#include <sys/socket.h>

#include <cerrno>

#include "adapters/exec/limits.hpp"

namespace stint::exec {
namespace {

constexpr std::size_t kReadSize = std::size_t{64} << 10;

bool would_block(int error) { return error == EAGAIN || error == EWOULDBLOCK; }

/// An idle connection keeps no large buffer.
void clear(Bytes& buffer) {
  if (buffer.capacity() > 4 * kReadSize) {
    Bytes{}.swap(buffer);
  } else {
    buffer.clear();
  }
}

}  // namespace

Status MessageStream::flush() {
  while (unsent() > 0) {
    const ssize_t n = ::send(socket_.get(), out_.data() + sent_, unsent(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && would_block(errno)) return {};
    if (n < 0) return fail(Errc::unavailable, "keeper connection: " + errno_text(errno));
    sent_ += static_cast<std::size_t>(n);
  }
  clear(out_);
  sent_ = 0;
  return {};
}

Result<bool> MessageStream::receive() {
  in_.erase(in_.begin(), in_.begin() + static_cast<std::ptrdiff_t>(taken_));
  taken_ = 0;
  for (std::size_t total = 0; total < limits::kReceiveBudget;) {
    const std::size_t at = in_.size();
    in_.resize(at + kReadSize);
    const ssize_t n = ::recv(socket_.get(), in_.data() + at, kReadSize, MSG_DONTWAIT);
    const int error = errno;
    in_.resize(at + static_cast<std::size_t>(n > 0 ? n : 0));
    if (n < 0 && error == EINTR) continue;
    if (n < 0 && would_block(error)) return false;
    if (n < 0) return fail(Errc::unavailable, "keeper connection: " + errno_text(error));
    if (n == 0) return fail(Errc::unavailable, "keeper connection: closed");
    if (static_cast<std::size_t>(n) < kReadSize) return false;  // that was all; what has come since is told by the descriptor
    total += static_cast<std::size_t>(n);
  }
  return true;
}

Result<std::optional<Message>> MessageStream::take() {
  ByteView rest = ByteView{in_}.subspan(taken_);
  auto message = decode(rest);
  taken_ = in_.size() - rest.size();
  if (taken_ == in_.size()) clear(in_), taken_ = 0;
  return message;
}

}  // namespace stint::exec
