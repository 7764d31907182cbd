#include <gtest/gtest.h>

#include <string>

#include "read_json.hpp"
#include "wire/crypto.hpp"
#include "wire/mac.hpp"

namespace stint::wire {
namespace {

namespace json = boost::json;

/// Calls `check(group, test)` for each test of the file, and compares their number with what the file announces.
void for_each_test(const std::string& path, auto check) {
  const json::value file = read_json(path);
  std::int64_t count = 0;
  for (const auto& group : file.at("testGroups").as_array()) {
    for (const auto& test : group.at("tests").as_array()) {
      SCOPED_TRACE("tcId " + std::to_string(test.at("tcId").as_int64()));
      check(group.as_object(), test.as_object());
      ++count;
    }
  }
  EXPECT_EQ(count, file.at("numberOfTests").as_int64());
  EXPECT_GT(count, 0);
}

TEST(Wycheproof, HmacSha256) {
  for_each_test(STINT_SOURCE_DIR "/conformance/wycheproof/hmac_sha256_test.json", [](const json::object& group, const json::object& test) {
    const bool valid = text_of(test, "result") == "valid";
    MacKey key(bytes_of(test, "key"));
    const Bytes message = bytes_of(test, "msg");
    const Bytes tag = bytes_of(test, "tag");
    if (group.at("tagSize").as_int64() == 256) {
      EXPECT_EQ(key.check(message, {}, array_of<kTagSize>(test, "tag")), valid);
      return;
    }
    // Truncated tags do not exist here: the type of a tag says 32 bytes. The first half is compared, and the rest must not be ignored.
    std::array<std::uint8_t, kTagSize> full;
    key.tag(message, {}, full);
    EXPECT_EQ(std::equal(tag.begin(), tag.end(), full.begin()), valid);
    std::array<std::uint8_t, kTagSize> extended{};
    std::copy(tag.begin(), tag.end(), extended.begin());
    EXPECT_FALSE(key.check(message, {}, extended));
  });
}

TEST(Wycheproof, HkdfSha256) {
  for_each_test(STINT_SOURCE_DIR "/conformance/wycheproof/hkdf_sha256_test.json", [](const json::object&, const json::object& test) {
    const auto prk = hkdf_extract(bytes_of(test, "salt"), bytes_of(test, "ikm"));
    Bytes okm(test.at("size").to_number<std::size_t>());
    const Status status = hkdf_expand(prk.view(), bytes_of(test, "info"), okm);
    EXPECT_EQ(status.has_value(), text_of(test, "result") == "valid");
    if (status) {
      EXPECT_EQ(to_hex(okm), text_of(test, "okm"));
    }
  });
}

}  // namespace
}  // namespace stint::wire
