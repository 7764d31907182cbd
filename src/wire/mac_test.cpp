#include "wire/mac.hpp"

#include <gtest/gtest.h>

#include <string>

namespace stint::wire {
namespace {

std::string tag_hex(const Bytes& key, const Bytes& message) {
  MacKey mac(key);
  std::array<std::uint8_t, kTagSize> tag;
  mac.tag(message, {}, tag);
  return to_hex(tag);
}

Bytes text(std::string_view value) { return {value.begin(), value.end()}; }

struct Rfc4231Case {
  const char* name;
  Bytes key;
  Bytes message;
  const char* tag;
};

TEST(MacKey, Rfc4231) {
  Bytes counting(25);
  for (std::size_t i = 0; i < counting.size(); ++i) counting[i] = static_cast<std::uint8_t>(i + 1);
  const std::array cases{
      Rfc4231Case{"1", Bytes(20, 0x0b), text("Hi There"), "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
      Rfc4231Case{"2", text("Jefe"), text("what do ya want for nothing?"),
                  "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
      Rfc4231Case{"3", Bytes(20, 0xaa), Bytes(50, 0xdd), "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
      Rfc4231Case{"4", counting, Bytes(50, 0xcd), "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"},
      Rfc4231Case{"6", Bytes(131, 0xaa), text("Test Using Larger Than Block-Size Key - Hash Key First"),
                  "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
      Rfc4231Case{"7", Bytes(131, 0xaa),
                  text("This is a test using a larger than block-size key and a larger than block-size data. The key needs to be hashed "
                       "before being used by the HMAC algorithm."),
                  "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"}};
  for (const auto& test : cases) EXPECT_EQ(tag_hex(test.key, test.message), test.tag) << "test case " << test.name;
}

TEST(MacKey, OneContextGivesTheSameTagEachTimeHoweverTheMessageIsCut) {
  MacKey mac(Bytes(32, 0x5a));
  Bytes message(300);
  for (std::size_t i = 0; i < message.size(); ++i) message[i] = static_cast<std::uint8_t>(i * 7);
  std::array<std::uint8_t, kTagSize> whole;
  mac.tag(message, {}, whole);
  for (std::size_t cut = 0; cut <= message.size(); cut += 50) {
    EXPECT_TRUE(mac.check(ByteView(message).first(cut), ByteView(message).subspan(cut), whole)) << cut;
  }
}

TEST(MacKey, EveryBitOfTheTagCounts) {
  MacKey mac(Bytes(32, 1));
  const Bytes message(40, 9);
  std::array<std::uint8_t, kTagSize> tag;
  mac.tag(message, {}, tag);
  for (std::size_t bit = 0; bit < kTagSize * 8; ++bit) {
    auto flipped = tag;
    flipped[bit / 8] = static_cast<std::uint8_t>(flipped[bit / 8] ^ 1u << bit % 8);
    EXPECT_FALSE(mac.check(message, {}, flipped)) << bit;
  }
  EXPECT_TRUE(mac.check(message, {}, tag));
}

TEST(MacKey, AMovedKeyStillWorks) {
  MacKey first(Bytes(32, 1));
  MacKey second(std::move(first));
  std::array<std::uint8_t, kTagSize> tag;
  second.tag(Bytes(8, 2), {}, tag);
  EXPECT_TRUE(MacKey(Bytes(32, 1)).check(Bytes(8, 2), {}, tag));
}

}  // namespace
}  // namespace stint::wire
