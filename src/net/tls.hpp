#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/pin.hpp"
#include "base/result.hpp"
#include "net/byte_stream.hpp"

/// TLS 1.3, no other version, no resumption, no early data. Source: docs/protocol.md "Transport".
namespace stint::net {

inline constexpr std::string_view kAlpnFrames = "stint/1";
inline constexpr std::string_view kAlpnHttp = "http/1.1";

/// Paths of PEM files.
struct TlsServerFiles {
  std::string certificate;  ///< with the chain below it, if there is one
  std::string key;
  std::string client_ca;    ///< clients must show a certificate that one of these signed; empty: they need none
};

/// The server's half: one for all connections.
///
/// Thread:  any.
class TlsServer {
 public:
  /// Errors:  io, not_found     a file cannot be read;
  ///          forbidden         everybody may read the key;
  ///          invalid_argument  the detail names file and reason.
  [[nodiscard]] static Result<TlsServer> make(const TlsServerFiles& files);
  ~TlsServer();
  TlsServer(TlsServer&&) noexcept;
  TlsServer& operator=(TlsServer&&) noexcept;

  /// Of a connection whose ClientHello is still unread.
  [[nodiscard]] ByteStream accept(int fd) const;
  [[nodiscard]] const Pin& pin() const;

 private:
  struct Parts;
  explicit TlsServer(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

/// How a client knows that it speaks to the cell. With pins: by its key, whatever name and date the certificate bears. Else by a chain to
/// `ca_file`, or to the system's authorities if that is empty, and by the host name.
struct Trust {
  std::vector<Pin> pins;
  std::string ca_file;
  std::string client_certificate;  ///< what a cell that asks for one is shown; with its key; empty: none
  std::string client_key;
};

/// The client's half.
///
/// Thread:  any.
class TlsClient {
 public:
  /// Errors:  io, not_found, invalid_argument: a file cannot be used.
  [[nodiscard]] static Result<TlsClient> make(Trust trust, std::string_view protocol);
  ~TlsClient();
  TlsClient(TlsClient&&) noexcept;
  TlsClient& operator=(TlsClient&&) noexcept;

  /// `host` as it was written: a name or a numeric address.
  [[nodiscard]] ByteStream connect(int fd, const std::string& host) const;

 private:
  struct Parts;
  explicit TlsClient(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace stint::net
