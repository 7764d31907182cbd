#include "apps/stint-conform/tls.hpp"

#include <fcntl.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <poll.h>

#include <array>
#include <ctime>

#include "base/assert.hpp"

namespace stint::conform {
namespace {

template <auto Free>
struct Freed {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};
using KeyPtr = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using CertificatePtr = std::unique_ptr<X509, Freed<X509_free>>;
using ContextPtr = std::unique_ptr<SSL_CTX, Freed<SSL_CTX_free>>;
using SslPtr = std::unique_ptr<SSL, Freed<SSL_free>>;

constexpr long kDaySeconds = 24 * 3600;

Pin pin_of(const EVP_PKEY* key) {
  unsigned char* der = nullptr;
  const int size = i2d_PUBKEY(key, &der);
  STINT_ASSERT(size > 0);
  Pin pin;
  EVP_Digest(der, static_cast<std::size_t>(size), pin.spki_sha256.data(), nullptr, EVP_sha256(), nullptr);
  OPENSSL_free(der);
  return pin;
}

KeyPtr make_key() {
  KeyPtr key(EVP_EC_gen("P-256"));
  STINT_ASSERT(key != nullptr);
  return key;
}

/// The public half of one key with the private half of another: signs what nobody can verify under it.
KeyPtr make_false_key(const EVP_PKEY* shown, const EVP_PKEY* held) {
  std::array<unsigned char, 200> point{};
  std::size_t point_size = 0;
  BIGNUM* secret = nullptr;
  bool is_good = EVP_PKEY_get_octet_string_param(shown, OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size(), &point_size) == 1 &&
                 EVP_PKEY_get_bn_param(held, OSSL_PKEY_PARAM_PRIV_KEY, &secret) == 1;
  const std::unique_ptr<OSSL_PARAM_BLD, Freed<OSSL_PARAM_BLD_free>> build(OSSL_PARAM_BLD_new());
  is_good = is_good && OSSL_PARAM_BLD_push_utf8_string(build.get(), OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) == 1 &&
            OSSL_PARAM_BLD_push_octet_string(build.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point_size) == 1 &&
            OSSL_PARAM_BLD_push_BN(build.get(), OSSL_PKEY_PARAM_PRIV_KEY, secret) == 1;
  const std::unique_ptr<OSSL_PARAM, Freed<OSSL_PARAM_free>> parameters(OSSL_PARAM_BLD_to_param(build.get()));
  const std::unique_ptr<EVP_PKEY_CTX, Freed<EVP_PKEY_CTX_free>> context(EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr));
  EVP_PKEY* made = nullptr;
  is_good = is_good && EVP_PKEY_fromdata_init(context.get()) == 1 &&
            EVP_PKEY_fromdata(context.get(), &made, EVP_PKEY_KEYPAIR, parameters.get()) == 1;
  BN_free(secret);
  STINT_ASSERT(is_good);
  return KeyPtr(made);
}

CertificatePtr make_certificate(EVP_PKEY* key, TlsIdentity::Kind kind) {
  CertificatePtr made(X509_new());
  const bool is_expired = kind == TlsIdentity::Kind::expired;
  const time_t begin = ::time(nullptr) - (is_expired ? 900 : 1) * kDaySeconds;
  const std::string name = is_expired ? "nobody.invalid" : "127.0.0.1";
  X509_set_version(made.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(made.get()), begin);
  X509_NAME* subject = X509_get_subject_name(made.get());
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(name.data()),
                             static_cast<int>(name.size()), -1, 0);
  X509_set_issuer_name(made.get(), subject);
  ASN1_TIME_set(X509_getm_notBefore(made.get()), begin);
  ASN1_TIME_set(X509_getm_notAfter(made.get()), begin + 30 * kDaySeconds);
  X509_set_pubkey(made.get(), key);
  STINT_ASSERT(X509_sign(made.get(), key, EVP_sha256()) > 0);
  return made;
}

// ---- a connection

/// What a handshake shows of itself while it goes on.
struct Watched {
  TlsOutcome outcome;
  std::string chosen;  ///< ALPN of our choice
};
Watched* watched_of(const SSL* ssl) { return static_cast<Watched*>(SSL_get_app_data(ssl)); }

void on_info(const SSL* ssl, int where, int value) {
  if ((where & SSL_CB_READ_ALERT) == SSL_CB_READ_ALERT) watched_of(ssl)->outcome.alert = value & 0xFF;
}

/// Names with a byte of length before each.
std::vector<std::string> read_names(const unsigned char* at, std::size_t size) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < size && i + 1 + at[i] <= size; i += 1U + at[i])
    names.emplace_back(reinterpret_cast<const char*>(at) + i + 1, at[i]);
  return names;
}

int on_client_hello(SSL* ssl, int* /*alert*/, void* /*argument*/) {
  TlsOutcome& outcome = watched_of(ssl)->outcome;
  const unsigned char* data = nullptr;
  std::size_t size = 0;
  if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_application_layer_protocol_negotiation, &data, &size) == 1 && size > 2)
    outcome.offered_alpn = read_names(data + 2, size - 2);
  if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_supported_versions, &data, &size) == 1)
    for (std::size_t i = 1; i + 1 < size; i += 2) outcome.offered_versions.push_back(data[i] << 8 | data[i + 1]);
  outcome.offers_early_data = SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_early_data, &data, &size) == 1;
  outcome.offers_resumption = SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_psk, &data, &size) == 1;
  return SSL_CLIENT_HELLO_SUCCESS;
}

int choose_alpn(SSL* ssl, const unsigned char** out, unsigned char* size, const unsigned char* /*offered*/, unsigned /*offered_size*/,
                void* /*argument*/) {
  const std::string& chosen = watched_of(ssl)->chosen;
  if (chosen.empty()) return SSL_TLSEXT_ERR_NOACK;
  *out = reinterpret_cast<const unsigned char*>(chosen.data());
  *size = static_cast<unsigned char>(chosen.size());
  return SSL_TLSEXT_ERR_OK;
}

class TlsLayer final : public Layer {
 public:
  TlsLayer(SslPtr ssl, std::unique_ptr<Watched> watched, int fd) : watched_(std::move(watched)), ssl_(std::move(ssl)), fd_(fd) {}

  [[nodiscard]] Status send(ByteView bytes) override {
    const Instant deadline = now() + limits::kPatience;
    while (!bytes.empty()) {
      std::size_t sent = 0;
      const int done = SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &sent);
      if (done == 1) {
        bytes = bytes.subspan(sent);
      } else if (!wait(done, deadline)) {
        return fail(Errc::unavailable, "the other side has closed, or takes no bytes");
      }
    }
    return {};
  }

  [[nodiscard]] Got receive(Bytes& out, Instant deadline) override {
    std::array<std::uint8_t, limits::kReadBytes> buffer;
    for (;;) {
      const Instant before = now();
      std::size_t got = 0;
      const int done = SSL_read_ex(ssl_.get(), buffer.data(), buffer.size(), &got);
      if (done == 1) {
        out.insert(out.end(), buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(got));
        return Got::bytes;
      }
      const int why = SSL_get_error(ssl_.get(), done);
      if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE) return end();
      empty_since_ = before;
      if (!wait_for(fd_, why == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, deadline)) return Got::nothing;
    }
  }

  [[nodiscard]] Instant empty_since() const override { return empty_since_; }
  [[nodiscard]] bool can_be_resumed() const { return SSL_SESSION_is_resumable(SSL_get_session(ssl_.get())) == 1; }

 private:
  static Got end() {
    ERR_clear_error();
    return Got::closed;
  }
  [[nodiscard]] bool wait(int done, Instant deadline) const {
    const int why = SSL_get_error(ssl_.get(), done);
    if (why == SSL_ERROR_WANT_READ) return wait_for(fd_, POLLIN, deadline);
    if (why == SSL_ERROR_WANT_WRITE) return wait_for(fd_, POLLOUT, deadline);
    ERR_clear_error();
    return false;
  }

  std::unique_ptr<Watched> watched_;
  SslPtr ssl_;
  int fd_;
  Instant empty_since_ = now();
};

ContextPtr make_context(const SSL_METHOD* method, TlsVersions versions) {
  ContextPtr context(SSL_CTX_new(method));
  STINT_ASSERT(context != nullptr);
  const int version = versions == TlsVersions::only_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION;
  SSL_CTX_set_min_proto_version(context.get(), version);
  SSL_CTX_set_max_proto_version(context.get(), version);
  SSL_CTX_set_info_callback(context.get(), on_info);
  SSL_CTX_set_mode(context.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  return context;
}

/// Steps until it is done or has failed. A client in TLS 1.3 is done before the server has judged what it sent.
TlsOutcome shake(Socket& socket, SSL_CTX* context, std::unique_ptr<Watched> watched, bool is_server, Duration patience) {
  ::fcntl(socket.fd(), F_SETFL, ::fcntl(socket.fd(), F_GETFL) | O_NONBLOCK);
  SslPtr ssl(SSL_new(context));
  SSL_set_fd(ssl.get(), socket.fd());
  SSL_set_app_data(ssl.get(), watched.get());
  is_server ? SSL_set_accept_state(ssl.get()) : SSL_set_connect_state(ssl.get());
  const Instant deadline = now() + patience;
  for (;;) {
    const int done = SSL_do_handshake(ssl.get());
    if (done == 1) break;
    const int why = SSL_get_error(ssl.get(), done);
    const bool waits = why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE;
    ERR_clear_error();
    if (!waits || !wait_for(socket.fd(), why == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, deadline)) return watched->outcome;
  }
  TlsOutcome& outcome = watched->outcome;
  outcome.is_done = true;
  const unsigned char* chosen = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl.get(), &chosen, &size);
  if (size > 0) outcome.alpn.assign(reinterpret_cast<const char*>(chosen), size);
  if (!is_server)
    if (X509* certificate = SSL_get0_peer_certificate(ssl.get())) outcome.pin = pin_of(X509_get0_pubkey(certificate));
  TlsOutcome seen = outcome;
  socket.set_layer(std::make_unique<TlsLayer>(std::move(ssl), std::move(watched), socket.fd()));
  return seen;
}

}  // namespace

struct TlsIdentity::Parts {
  KeyPtr key;
  CertificatePtr certificate;
  Pin pin;
};

TlsIdentity::TlsIdentity(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
TlsIdentity::TlsIdentity(TlsIdentity&&) noexcept = default;
TlsIdentity& TlsIdentity::operator=(TlsIdentity&&) noexcept = default;
TlsIdentity::~TlsIdentity() = default;
const Pin& TlsIdentity::pin() const { return parts_->pin; }

TlsIdentity TlsIdentity::make(Kind kind, const TlsIdentity* like) {
  auto parts = std::make_unique<Parts>();
  parts->key = make_key();
  if (kind == Kind::stolen) {
    parts->certificate.reset(X509_dup(like->parts().certificate.get()));
    parts->key = make_false_key(like->parts().key.get(), parts->key.get());
  } else {
    parts->certificate = make_certificate(parts->key.get(), kind);
  }
  parts->pin = pin_of(parts->key.get());
  return TlsIdentity(std::move(parts));
}

std::string describe(const TlsOutcome& outcome) {
  if (outcome.is_done) return "a handshake that is done, ALPN '" + outcome.alpn + "'";
  return outcome.alert < 0 ? "a handshake that is not done, and no alert" : "alert " + std::to_string(outcome.alert);
}

TlsOutcome begin_tls(Socket& socket, const TlsOffer& offer, Duration patience) {
  const auto context = make_context(TLS_client_method(), offer.versions);
  std::string names;
  for (const auto& name : offer.alpn) names += static_cast<char>(name.size()) + name;
  if (!names.empty())
    SSL_CTX_set_alpn_protos(context.get(), reinterpret_cast<const unsigned char*>(names.data()), static_cast<unsigned>(names.size()));
  return shake(socket, context.get(), std::make_unique<Watched>(), false, patience);
}

bool can_be_resumed(Socket& socket) {
  auto layer = socket.take_layer();
  const auto* tls = dynamic_cast<const TlsLayer*>(layer.get());
  const bool is_resumable = tls != nullptr && tls->can_be_resumed();
  socket.set_layer(std::move(layer));
  return is_resumable;
}

TlsOutcome accept_tls(Socket& socket, const TlsShow& show, Duration patience) {
  const auto context = make_context(TLS_server_method(), show.versions);
  SSL_CTX_use_certificate(context.get(), show.identity->parts().certificate.get());
  SSL_CTX_use_PrivateKey(context.get(), show.identity->parts().key.get());
  SSL_CTX_set_client_hello_cb(context.get(), on_client_hello, nullptr);
  SSL_CTX_set_alpn_select_cb(context.get(), choose_alpn, nullptr);
  auto watched = std::make_unique<Watched>();
  watched->chosen = show.alpn;
  return shake(socket, context.get(), std::move(watched), true, patience);
}

}  // namespace stint::conform
