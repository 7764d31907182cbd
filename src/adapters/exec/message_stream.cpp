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

MessageStream::MessageStream(UniqueFd socket)
    : socket_(std::move(socket)), landing_(std::make_unique_for_overwrite<std::uint8_t[]>(kReadSize)) {}

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
    const ssize_t n = ::recv(socket_.get(), landing_.get(), kReadSize, MSG_DONTWAIT);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && would_block(errno)) return false;
    if (n < 0) return fail(Errc::unavailable, "keeper connection: " + errno_text(errno));
    if (n == 0) return fail(Errc::unavailable, "keeper connection: closed");
    in_.insert(in_.end(), landing_.get(), landing_.get() + n);
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
