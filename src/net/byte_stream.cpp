#include "net/byte_stream.hpp"

#include <openssl/err.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "net/tls_state.hpp"

namespace stint::net {
namespace {

constexpr std::size_t kPiecesMax = 16;                        ///< handed to the kernel at once
constexpr std::size_t kRecordMax = std::size_t{16} << 10;     ///< of TLS
constexpr std::size_t kWorthGathering = std::size_t{4} << 10;

/// A head and the beginning of its body in one record.
std::size_t gather(std::span<const ByteView> pieces, std::span<std::uint8_t> into) {
  std::size_t size = 0;
  for (const ByteView piece : pieces) {
    const auto part = piece.first(std::min(piece.size(), into.size() - size));
    std::copy(part.begin(), part.end(), into.begin() + static_cast<std::ptrdiff_t>(size));
    size += part.size();
  }
  return size;
}

}  // namespace

ByteStream::ByteStream(int fd) : fd_(fd) {}
ByteStream::ByteStream(int fd, std::unique_ptr<TlsState> tls) : fd_(fd), tls_(std::move(tls)) {}
ByteStream::~ByteStream() = default;
ByteStream::ByteStream(ByteStream&&) noexcept = default;
ByteStream& ByteStream::operator=(ByteStream&&) noexcept = default;

IoResult ByteStream::plain_result(std::ptrdiff_t got) {
  if (got >= 0) return {Io::done, static_cast<std::size_t>(got)};
  error_ = errno;
  return {Io::failed};
}

IoResult ByteStream::tls_result(int got, std::size_t bytes) {
  error_ = errno;
  if (got > 0) return {Io::done, bytes};
  switch (SSL_get_error(tls_->ssl.get(), got)) {
    case SSL_ERROR_WANT_READ: return {Io::wants_read};
    case SSL_ERROR_WANT_WRITE: return {Io::wants_write};
    case SSL_ERROR_ZERO_RETURN: return {Io::closed};
    case SSL_ERROR_SYSCALL:
      if (error_ == 0) return {Io::closed};
      tls_->problem = std::strerror(error_);
      return {Io::failed};
    default: break;
  }
  error_ = EPROTO;
  tls_->problem = explain_failure(*tls_);
  tls_->is_refused = !tls_->has_read;
  ERR_clear_error();
  return {Io::failed};
}

IoResult ByteStream::handshake() {
  if (tls_ == nullptr) return {Io::done};
  ERR_clear_error();
  errno = 0;
  return tls_result(SSL_do_handshake(tls_->ssl.get()), 0);
}

IoResult ByteStream::read(std::span<std::uint8_t> into) {
  if (tls_ != nullptr) {
    ERR_clear_error();
    errno = 0;
    std::size_t bytes = 0;
    const int outcome = SSL_read_ex(tls_->ssl.get(), into.data(), into.size(), &bytes);
    const auto result = tls_result(outcome, bytes);
    if (result.what == Io::done) tls_->has_read = true;
    return result;
  }
  const auto got = ::recv(fd_, into.data(), into.size(), 0);
  is_emptied_ = got < static_cast<std::ptrdiff_t>(into.size());
  if (got == 0 && !into.empty()) return {Io::closed};
  if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) return {Io::wants_read};
  return plain_result(got);
}

IoResult ByteStream::write(std::span<const ByteView> pieces) {
  if (tls_ != nullptr) {
    std::array<std::uint8_t, kRecordMax> record;
    ByteView bytes = pieces.empty() ? ByteView{} : pieces.front();
    if (pieces.size() > 1 && bytes.size() < kWorthGathering) bytes = {record.data(), gather(pieces, record)};
    if (bytes.empty()) return {Io::done};
    ERR_clear_error();
    errno = 0;
    std::size_t written = 0;
    const int outcome = SSL_write_ex(tls_->ssl.get(), bytes.data(), bytes.size(), &written);
    return tls_result(outcome, written);
  }
  std::array<iovec, kPiecesMax> parts;
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = std::min(pieces.size(), parts.size());
  for (std::size_t i = 0; i < message.msg_iovlen; ++i) parts[i] = {const_cast<std::uint8_t*>(pieces[i].data()), pieces[i].size()};
  const auto sent = ::sendmsg(fd_, &message, MSG_NOSIGNAL);
  if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) return {Io::wants_write};
  return plain_result(sent);
}

IoResult ByteStream::peek() {
  std::uint8_t byte = 0;
  if (tls_ != nullptr) {
    ERR_clear_error();
    errno = 0;
    std::size_t bytes = 0;
    const int outcome = SSL_peek_ex(tls_->ssl.get(), &byte, 1, &bytes);
    return tls_result(outcome, bytes);
  }
  const auto got = ::recv(fd_, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  if (got == 0) return {Io::closed};
  if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) return {Io::wants_read};
  return plain_result(got);
}

bool ByteStream::is_emptied() const { return tls_ == nullptr ? is_emptied_ : tls_->socket.is_emptied && !holds_bytes(); }

bool ByteStream::holds_bytes() const { return tls_ != nullptr && SSL_has_pending(tls_->ssl.get()) != 0; }

void ByteStream::say_goodbye() {
  if (tls_ == nullptr || SSL_is_init_finished(tls_->ssl.get()) == 0) return;
  ERR_clear_error();
  SSL_shutdown(tls_->ssl.get());
  ERR_clear_error();
}

void ByteStream::set_fd(int fd) {
  fd_ = fd;
  if (tls_ != nullptr) tls_->socket.fd = fd;
}

std::string ByteStream::protocol() const {
  if (tls_ == nullptr) return {};
  const unsigned char* name = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(tls_->ssl.get(), &name, &size);
  return name == nullptr ? std::string() : std::string(reinterpret_cast<const char*>(name), size);
}

std::string ByteStream::problem() const {
  if (tls_ != nullptr && !tls_->problem.empty()) return tls_->problem;
  return error_ == 0 ? "the connection was closed" : std::strerror(error_);
}

bool ByteStream::is_refused() const { return tls_ != nullptr && tls_->is_refused; }

}  // namespace stint::net
