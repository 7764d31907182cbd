#pragma once

#include <memory>
#include <string>
#include <vector>

#include "apps/stint-conform/limits.hpp"
#include "apps/stint-conform/socket.hpp"
#include "base/pin.hpp"

/// TLS as no honest peer speaks it: any version, any ALPN, keys that it does not have. Nothing here is shared with src/net.
namespace stint::conform {

/// A key with the certificate that says it is a server's.
class TlsIdentity {
 public:
  enum class Kind {
    good,
    expired,   ///< long ago, for another name, by an issuer that nobody knows
    stolen,    ///< somebody else's certificate, without the private key
  };
  /// `like`: whose certificate is shown, where it is stolen.
  [[nodiscard]] static TlsIdentity make(Kind kind = Kind::good, const TlsIdentity* like = nullptr);
  TlsIdentity(TlsIdentity&&) noexcept;
  TlsIdentity& operator=(TlsIdentity&&) noexcept;
  ~TlsIdentity();
  [[nodiscard]] const Pin& pin() const;

  struct Parts;
  [[nodiscard]] const Parts& parts() const { return *parts_; }

 private:
  explicit TlsIdentity(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

enum class TlsVersions { only_1_3, only_1_2 };

/// What a handshake came to.
struct TlsOutcome {
  bool is_done = false;
  int alert = -1;    ///< the last that the other side sent
  std::string alpn;  ///< chosen; empty: none
  Pin pin;           ///< of the server; a client's eyes only
  std::vector<std::string> offered_alpn;   ///< by a client
  std::vector<int> offered_versions;       ///< likewise: 0x0304 is 1.3
  bool offers_early_data = false;
  bool offers_resumption = false;
};
/// For people.
[[nodiscard]] std::string describe(const TlsOutcome& outcome);

inline constexpr int kAlertNoApplicationProtocol = 120;

/// A client's wishes.
struct TlsOffer {
  TlsVersions versions = TlsVersions::only_1_3;
  std::vector<std::string> alpn{"stint/1"};
};
/// The client's half; the socket speaks TLS from then on, if it is done.
[[nodiscard]] TlsOutcome begin_tls(Socket& socket, const TlsOffer& offer, Duration patience = limits::kPatience);
/// True if the server has given anything with which this session could be resumed. The socket speaks TLS.
[[nodiscard]] bool can_be_resumed(Socket& socket);

/// What a server shows.
struct TlsShow {
  const TlsIdentity* identity = nullptr;
  TlsVersions versions = TlsVersions::only_1_3;
  std::string alpn = "stint/1";  ///< chosen whatever the client offers; empty: none
};
/// The server's half, likewise.
[[nodiscard]] TlsOutcome accept_tls(Socket& socket, const TlsShow& show, Duration patience = limits::kPatience);

}  // namespace stint::conform
