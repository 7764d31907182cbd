#include "net/tls.hpp"

#include <arpa/inet.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/assert.hpp"
#include "net/tls_state.hpp"

namespace stint::net {
namespace {

constexpr long kModes = SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER;
/// Length and name, for each, in the order of preference.
constexpr std::string_view kServerProtocols = "\x07stint/1\x08http/1.1";

const unsigned char* bytes_of(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

Result<ContextPtr> make_context(const SSL_METHOD* method) {
  ContextPtr context(SSL_CTX_new(method));
  if (context == nullptr) return fail(Errc::unsupported, "TLS: " + take_openssl_error());
  SSL_CTX_set_min_proto_version(context.get(), TLS1_3_VERSION);
  SSL_CTX_set_max_proto_version(context.get(), TLS1_3_VERSION);
  SSL_CTX_set_mode(context.get(), kModes);
  // Lengths of HTTP bodies and tags of frames tell a cut stream by themselves.
  SSL_CTX_set_options(context.get(), SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET);
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context.get(), 0);
  return context;
}

Status check_readable(const std::string& file) {
  struct stat info{};
  if (::stat(file.c_str(), &info) != 0) return fail(errno == ENOENT ? Errc::not_found : Errc::io, file + ": " + std::strerror(errno));
  return {};
}

tl::unexpected<Error> unusable(const std::string& file, const char* what) {
  return fail(Errc::invalid_argument, file + ": no " + what + " in PEM that can be used: " + take_openssl_error());
}

Status use_certificate(SSL_CTX* context, const std::string& certificate, const std::string& key) {
  STINT_TRY_VOID(check_readable(certificate));
  STINT_TRY_VOID(check_readable(key));
  struct stat info{};
  if (::stat(key.c_str(), &info) == 0 && (info.st_mode & S_IROTH) != 0)
    return fail(Errc::forbidden, key + ": everybody may read this key; run: chmod o= " + key);
  if (SSL_CTX_use_certificate_chain_file(context, certificate.c_str()) != 1) return unusable(certificate, "certificate");
  if (SSL_CTX_use_PrivateKey_file(context, key.c_str(), SSL_FILETYPE_PEM) != 1) return unusable(key, "private key of this certificate");
  return {};
}

Status use_authorities(SSL_CTX* context, const std::string& file) {
  STINT_TRY_VOID(check_readable(file));
  if (SSL_CTX_load_verify_file(context, file.c_str()) != 1) return unusable(file, "certificate");
  // A cell's own certificate is no authority, and may be named as what is trusted all the same.
  X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(context), X509_V_FLAG_PARTIAL_CHAIN);
  return {};
}

std::unique_ptr<TlsState> make_state(SSL_CTX* context, int fd) {
  auto state = std::make_unique<TlsState>();
  state->ssl.reset(SSL_new(context));
  STINT_ASSERT(state->ssl != nullptr);
  state->socket.fd = fd;
  BioPtr bio = make_socket_bio(state->socket);
  SSL_set_bio(state->ssl.get(), bio.get(), bio.get());
  static_cast<void>(bio.release());  // one reference: SSL_set_bio takes it for both when they are the same
  SSL_set_app_data(state->ssl.get(), state.get());
  return state;
}

int choose_protocol(SSL* /*ssl*/, const unsigned char** out, unsigned char* size, const unsigned char* offered, unsigned offered_size,
                    void* /*argument*/) {
  unsigned char* chosen = nullptr;
  const auto known = static_cast<unsigned>(kServerProtocols.size());
  if (SSL_select_next_proto(&chosen, size, bytes_of(kServerProtocols), known, offered, offered_size) != OPENSSL_NPN_NEGOTIATED)
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

/// Instead of OpenSSL's check of the chain: the key counts if there are pins. That the other end has it, TLS proves.
int check_peer(X509_STORE_CTX* chain, void* /*argument*/) {
  const auto* ssl = static_cast<SSL*>(X509_STORE_CTX_get_ex_data(chain, SSL_get_ex_data_X509_STORE_CTX_idx()));
  auto* state = static_cast<TlsState*>(SSL_get_app_data(ssl));
  if (state->pins.empty()) return X509_verify_cert(chain);
  const auto shown = pin_of(X509_get0_pubkey(X509_STORE_CTX_get0_cert(chain)));
  if (shown) state->shown = *shown;
  const bool is_pinned = shown && std::find(state->pins.begin(), state->pins.end(), *shown) != state->pins.end();
  X509_STORE_CTX_set_error(chain, is_pinned ? X509_V_OK : X509_V_ERR_APPLICATION_VERIFICATION);
  return is_pinned ? 1 : 0;
}

bool is_numeric_host(const std::string& host) {
  in6_addr ignored{};
  return ::inet_pton(AF_INET, host.c_str(), &ignored) == 1 || ::inet_pton(AF_INET6, host.c_str(), &ignored) == 1;
}

}  // namespace

// The server.

struct TlsServer::Parts {
  ContextPtr context;
  Pin pin;
};

TlsServer::TlsServer(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
TlsServer::~TlsServer() = default;
TlsServer::TlsServer(TlsServer&&) noexcept = default;
TlsServer& TlsServer::operator=(TlsServer&&) noexcept = default;

Result<TlsServer> TlsServer::make(const TlsServerFiles& files) {
  STINT_TRY(ContextPtr context, make_context(TLS_server_method()));
  STINT_TRY_VOID(use_certificate(context.get(), files.certificate, files.key));
  STINT_TRY(const Pin pin, pin_of(X509_get0_pubkey(SSL_CTX_get0_certificate(context.get()))));
  SSL_CTX_set_read_ahead(context.get(), 1);  // else each record is read in two pieces
  SSL_CTX_set_alpn_select_cb(context.get(), choose_protocol, nullptr);
  if (!files.client_ca.empty()) {
    STINT_TRY_VOID(use_authorities(context.get(), files.client_ca));
    SSL_CTX_set_client_CA_list(context.get(), SSL_load_client_CA_file(files.client_ca.c_str()));
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  }
  return TlsServer(std::make_unique<Parts>(Parts{std::move(context), pin}));
}

ByteStream TlsServer::accept(int fd) const {
  auto state = make_state(parts_->context.get(), fd);
  SSL_set_accept_state(state->ssl.get());
  return {fd, std::move(state)};
}

const Pin& TlsServer::pin() const { return parts_->pin; }

// The client.

struct TlsClient::Parts {
  ContextPtr context;
  std::vector<Pin> pins;
};

TlsClient::TlsClient(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
TlsClient::~TlsClient() = default;
TlsClient::TlsClient(TlsClient&&) noexcept = default;
TlsClient& TlsClient::operator=(TlsClient&&) noexcept = default;

Result<TlsClient> TlsClient::make(Trust trust, std::string_view protocol) {
  STINT_TRY(ContextPtr context, make_context(TLS_client_method()));
  const std::string list = static_cast<char>(protocol.size()) + std::string(protocol);
  SSL_CTX_set_alpn_protos(context.get(), bytes_of(list), static_cast<unsigned>(list.size()));
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_cert_verify_callback(context.get(), check_peer, nullptr);
  if (trust.pins.empty() && !trust.ca_file.empty()) STINT_TRY_VOID(use_authorities(context.get(), trust.ca_file));
  if (trust.pins.empty() && trust.ca_file.empty()) SSL_CTX_set_default_verify_paths(context.get());
  if (!trust.client_certificate.empty())
    STINT_TRY_VOID(
        use_certificate(context.get(), trust.client_certificate, trust.client_key.empty() ? trust.client_certificate : trust.client_key));
  return TlsClient(std::make_unique<Parts>(Parts{std::move(context), std::move(trust.pins)}));
}

ByteStream TlsClient::connect(int fd, const std::string& host) const {
  auto state = make_state(parts_->context.get(), fd);
  state->pins = parts_->pins;
  SSL* ssl = state->ssl.get();
  SSL_set_connect_state(ssl);
  if (is_numeric_host(host)) {
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host.c_str());
  } else {
    SSL_set_tlsext_host_name(ssl, host.c_str());
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    SSL_set1_host(ssl, host.c_str());
  }
  return {fd, std::move(state)};
}

}  // namespace stint::net
