#include "net/certificate.hpp"

#include <gtest/gtest.h>

namespace stint::net {
namespace {

constexpr UnixMillis kNow = unix_millis(1'800'000'000'000);

CertificateWish wish_of(std::vector<std::string> names, UnixMillis now = kNow) { return {"stint cell 0123", std::move(names), now}; }

TEST(Certificate, ThePinIsTheKeysAndOutlivesTheCertificate) {
  const std::string key = *make_key();
  const std::string first = *make_certificate(key, wish_of({"localhost"}));
  const std::string second = *make_certificate(key, wish_of({"localhost", "10.0.0.1"}));
  EXPECT_NE(first, second);
  EXPECT_EQ(*pin_of_certificate(first), *pin_of_key(key));
  EXPECT_EQ(*pin_of_certificate(second), *pin_of_key(key));
  EXPECT_NE(*pin_of_key(*make_key()), *pin_of_key(key));
}

TEST(Certificate, IsRenewedWhenItNearsItsEndOrLacksAName) {
  const std::string key = *make_key();
  const std::string made = *make_certificate(key, wish_of({"localhost", "box7", "10.0.0.1", "fe80::1"}));
  EXPECT_EQ(find_renewal_reason(made, key, wish_of({"box7", "fe80::1"})), "");
  EXPECT_EQ(find_renewal_reason(made, key, wish_of({"box8"})), "it lacks the name box8");
  EXPECT_EQ(find_renewal_reason(made, key, wish_of({"10.0.0.2"})), "it lacks the name 10.0.0.2");
  EXPECT_EQ(find_renewal_reason(made, *make_key(), wish_of({})), "it is of another key");
  const auto late = kNow + std::chrono::duration_cast<std::chrono::milliseconds>(kCertificateLife - kRenewBefore);
  EXPECT_EQ(find_renewal_reason(made, key, wish_of({}, late - std::chrono::hours{1})), "");
  EXPECT_EQ(find_renewal_reason(made, key, wish_of({}, late + std::chrono::hours{1})), "it nears its end");
  EXPECT_NE(find_renewal_reason("damaged", key, wish_of({})), "");
}

TEST(Certificate, TextThatIsNoneIsAnError) {
  EXPECT_EQ(pin_of_key("nothing").error().code, Errc::corrupt);
  EXPECT_EQ(pin_of_certificate(*make_key()).error().code, Errc::corrupt);
  EXPECT_EQ(make_certificate("nothing", wish_of({})).error().code, Errc::corrupt);
}

}  // namespace
}  // namespace stint::net
