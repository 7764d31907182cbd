#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/pin.hpp"
#include "base/result.hpp"
#include "base/time.hpp"

/// The cell's own key and the certificate that it signs for itself. All text is PEM.
namespace stint::net {

/// ECDSA on P-256: what every TLS library of the last ten years speaks.
[[nodiscard]] Result<std::string> make_key();

/// Errors:  corrupt  no private key, or no certificate, can be read from the text.
[[nodiscard]] Result<Pin> pin_of_key(std::string_view key);
[[nodiscard]] Result<Pin> pin_of_certificate(std::string_view certificate);

struct CertificateWish {
  std::string common_name;
  std::vector<std::string> names;  ///< host names and numeric addresses under which the cell is reached
  UnixMillis now{};
};
/// Signed with its own key and valid for kCertificateLife, from a day before `now` since the clocks of clients differ.
[[nodiscard]] Result<std::string> make_certificate(std::string_view key, const CertificateWish& wish);
/// Empty: none. Else why the certificate is to be made anew: it is of another key, nears its end, or lacks a name.
[[nodiscard]] std::string find_renewal_reason(std::string_view certificate, std::string_view key, const CertificateWish& wish);

inline constexpr Duration kCertificateLife = std::chrono::hours{24} * 3650;
inline constexpr Duration kRenewBefore = std::chrono::hours{24} * 730;  ///< a scheduler may run for long before it starts again

}  // namespace stint::net
