#pragma once

#include <optional>
#include <string>
#include <vector>

#include "net/openssl.hpp"

namespace stint::net {

/// What lies under OpenSSL.
struct TlsSocket {
  int fd = -1;
  bool is_emptied = false;  ///< the last read has taken all that was there
};

/// One connection's TLS. Lies still: OpenSSL holds its address.
struct TlsState {
  TlsSocket socket;
  SslPtr ssl;
  std::vector<Pin> pins;      ///< a client's; empty: the chain counts
  std::optional<Pin> shown;   ///< the key that the other end has shown
  std::string problem;
  bool is_refused = false;
  bool has_read = false;      ///< a byte of the application: who the other end is is settled on both sides
};

/// A BIO over a socket that never raises SIGPIPE: OpenSSL's own does, and a command in a pipe wants that signal for its stdout.
[[nodiscard]] BioPtr make_socket_bio(TlsSocket& socket);

/// The last error of OpenSSL in words that say what to do.
[[nodiscard]] std::string explain_failure(const TlsState& state);

}  // namespace stint::net
