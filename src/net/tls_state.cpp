#include "net/tls_state.hpp"

#include <openssl/err.h>
#include <openssl/sslerr.h>
#include <sys/socket.h>

#include <cerrno>

#include "base/assert.hpp"

namespace stint::net {
namespace {

TlsSocket& socket_of(BIO* bio) { return *static_cast<TlsSocket*>(BIO_get_data(bio)); }

bool is_temporary(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

int bio_write(BIO* bio, const char* bytes, int size) {
  BIO_clear_retry_flags(bio);
  const auto sent = ::send(socket_of(bio).fd, bytes, static_cast<std::size_t>(size), MSG_NOSIGNAL);
  if (sent < 0 && is_temporary(errno)) BIO_set_retry_write(bio);
  return static_cast<int>(sent);
}

int bio_read(BIO* bio, char* bytes, int size) {
  BIO_clear_retry_flags(bio);
  const auto got = ::recv(socket_of(bio).fd, bytes, static_cast<std::size_t>(size), 0);
  socket_of(bio).is_emptied = got < size;
  if (got < 0 && is_temporary(errno)) BIO_set_retry_read(bio);
  if (got == 0) BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
  return static_cast<int>(got);
}

long bio_control(BIO* bio, int command, long /*number*/, void* /*pointer*/) {
  if (command == BIO_CTRL_EOF) return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0 ? 1 : 0;
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

BIO_METHOD* make_socket_method() {
  BIO_METHOD* method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "stint socket");
  STINT_ASSERT(method != nullptr);
  BIO_meth_set_write(method, bio_write);
  BIO_meth_set_read(method, bio_read);
  BIO_meth_set_ctrl(method, bio_control);
  return method;
}

std::string explain_pin(const TlsState& state) {
  return "shows key " + to_text(*state.shown) + ", pinned is " + to_text(state.pins) +
         ": it is another scheduler, or somebody is in between. If its key was changed on purpose, pin the new one (\"tls_pins\" of a key "
         "file, --cell-pin, STINT_CELL_PIN)";
}

std::string explain_chain(const TlsState& state) {
  return std::string("its certificate is not trusted: ") + X509_verify_cert_error_string(SSL_get_verify_result(state.ssl.get())) +
         ". Pin the cell's key (\"tls_pin\" of the scheduler's context.json; --cell-pin, STINT_CELL_PIN), or name the authority that "
         "signed it "
         "(--ca-file, STINT_CA_FILE)";
}

}  // namespace

BioPtr make_socket_bio(TlsSocket& socket) {
  static BIO_METHOD* const kMethod = make_socket_method();
  BioPtr bio(BIO_new(kMethod));
  STINT_ASSERT(bio != nullptr);
  BIO_set_init(bio.get(), 1);
  BIO_set_data(bio.get(), &socket);
  return bio;
}

std::string explain_failure(const TlsState& state) {
  switch (ERR_GET_REASON(ERR_peek_last_error())) {
    case SSL_R_CERTIFICATE_VERIFY_FAILED:
      if (SSL_is_server(state.ssl.get()) != 0) break;
      return state.pins.empty() || !state.shown ? explain_chain(state) : explain_pin(state);
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_PACKET_LENGTH_TOO_LONG:
    case SSL_R_HTTP_REQUEST: return "it does not speak TLS on this port";
    case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
      if (SSL_is_server(state.ssl.get()) != 0) return "no client certificate was shown";
      return "it asks for a client certificate: name one (STINT_CLIENT_CERT and STINT_CLIENT_KEY)";
    case SSL_R_TLSV1_ALERT_UNKNOWN_CA: return "the other end does not trust the certificate that it was shown";
    default: break;
  }
  const auto code = ERR_peek_last_error();
  const char* reason = code != 0 ? ERR_reason_error_string(code) : nullptr;
  return std::string("TLS: ") + (reason != nullptr ? reason : "no reason given");
}

}  // namespace stint::net
