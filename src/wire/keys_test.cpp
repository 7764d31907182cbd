#include "wire/keys.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "wire/limits.hpp"

namespace stint::wire {
namespace {

Bytes hex(std::string_view text) {
  Bytes out;
  EXPECT_TRUE(from_hex(text, out)) << text;
  return out;
}

Bytes counting(std::uint8_t first, std::size_t size) {
  Bytes out(size);
  for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<std::uint8_t>(first + i);
  return out;
}

template <class Key>
Key key_of(std::uint8_t fill) {
  std::array<std::uint8_t, 32> bytes;
  bytes.fill(fill);
  return Key{bytes};
}

struct Rfc5869Case {
  Bytes ikm, salt, info;
  const char* prk;
  const char* okm;
};

TEST(Hkdf, Rfc5869) {
  const std::array cases{
      Rfc5869Case{Bytes(22, 0x0b), counting(0x00, 13), counting(0xf0, 10),
                  "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5",
                  "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"},
      Rfc5869Case{
          counting(0x00, 80), counting(0x60, 80), counting(0xb0, 80), "06a6b88c5853361a06104c9ceb35b45cef760014904671014a193f40c15fc244",
          "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71"
          "cc30c58179ec3e87c14c01d5c1f3434f1d87"},
      Rfc5869Case{Bytes(22, 0x0b),
                  {},
                  {},
                  "19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04",
                  "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"}};
  for (const auto& test : cases) {
    const auto prk = hkdf_extract(test.salt, test.ikm);
    EXPECT_EQ(to_hex(prk.view()), test.prk);
    Bytes okm(std::string_view(test.okm).size() / 2);
    ASSERT_TRUE(hkdf_expand(prk.view(), test.info, okm));
    EXPECT_EQ(to_hex(okm), test.okm);
  }
}

TEST(Hkdf, OutputOverTheLimitIsRefused) {
  Bytes out(limits::kHkdfOutputMax + 1);
  const auto status = hkdf_expand(Bytes(32, 1), {}, out);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Errc::out_of_range);
  EXPECT_TRUE(hkdf_expand(Bytes(32, 1), {}, std::span(out).first(limits::kHkdfOutputMax)));
}

TEST(Sha256, Fips180Example) {
  EXPECT_EQ(to_hex(sha256(as_bytes("abc"))), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256(as_bytes("a"), as_bytes("bc")), sha256(as_bytes("abc")));
}

TEST(KeySchedule, EveryInputOfAnAgentKeyCounts) {
  const auto master = key_of<MasterKey>(1);
  std::set<std::array<std::uint8_t, 32>> keys;
  keys.insert(derive_agent_key(master, AgentNumber{1}, 0).bytes);
  keys.insert(derive_agent_key(master, AgentNumber{2}, 0).bytes);
  keys.insert(derive_agent_key(master, AgentNumber{1}, 1).bytes);
  keys.insert(derive_agent_key(master, AgentNumber{std::uint64_t{1} << 40}, 0).bytes);
  keys.insert(derive_agent_key(key_of<MasterKey>(2), AgentNumber{1}, 0).bytes);
  EXPECT_EQ(keys.size(), 5u);
}

TEST(KeySchedule, InfoIsLabelNumberGenerationLittleEndian) {
  const auto master = key_of<MasterKey>(7);
  FrameKey expected;
  ASSERT_TRUE(hkdf_expand(master.view(),
                          hex("7374696e74206167656e74"
                              "0807060504030201"
                              "0c0b0a09"),
                          expected.bytes));
  EXPECT_EQ(derive_agent_key(master, AgentNumber{0x0102030405060708}, 0x090a0b0c).bytes, expected.bytes);
}

TEST(KeySchedule, EveryInputOfTheSessionKeysCountsAndDirectionsDiffer) {
  const auto agent = key_of<AgentKey>(3);
  Nonce nonce_c{}, nonce_s{};
  nonce_s.fill(9);
  const Digest transcript = handshake_transcript(Bytes(8, 1), Bytes(8, 2));
  std::set<std::array<std::uint8_t, 32>> keys;
  const auto add = [&](const DirectionKeys& pair) {
    keys.insert(pair.a2s.bytes);
    keys.insert(pair.s2a.bytes);
  };
  add(derive_hello_keys(agent));
  add(derive_session_keys(agent, nonce_c, nonce_s, transcript));
  add(derive_session_keys(agent, nonce_s, nonce_c, transcript));
  add(derive_session_keys(agent, nonce_c, nonce_s, handshake_transcript(Bytes(8, 2), Bytes(8, 1))));
  add(derive_session_keys(key_of<AgentKey>(4), nonce_c, nonce_s, transcript));
  EXPECT_EQ(keys.size(), 10u);
}

// Cases 13, 14 and 16 of the specification of GCM (McGrew and Viega).
TEST(Aead, SpecificationOfGcm) {
  const AeadKey zero;
  EXPECT_EQ(to_hex(aead_seal(zero, AeadNonce{}, {}, {})), "530f8afbc74536b9a963b4f1c4cb738b");
  EXPECT_EQ(to_hex(aead_seal(zero, AeadNonce{}, {}, Bytes(16, 0))), "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919");

  AeadKey key;
  AeadNonce nonce;
  const Bytes key_bytes = hex("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308");
  const Bytes nonce_bytes = hex("cafebabefacedbaddecaf888");
  std::copy(key_bytes.begin(), key_bytes.end(), key.bytes.begin());
  std::copy(nonce_bytes.begin(), nonce_bytes.end(), nonce.begin());
  const Bytes associated = hex("feedfacedeadbeeffeedfacedeadbeefabaddad2");
  const Bytes plain =
      hex("d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39");
  const Bytes sealed = aead_seal(key, nonce, associated, plain);
  EXPECT_EQ(to_hex(sealed),
            "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
            "76fc6ece0f4e1768cddf8853bb2d551b");
  const auto opened = aead_open(key, nonce, associated, sealed);
  ASSERT_TRUE(opened);
  EXPECT_EQ(*opened, plain);
}

TEST(Aead, AnyChangeIsRefused) {
  const auto key = key_of<AeadKey>(5);
  const AeadNonce nonce{1, 2, 3};
  const Bytes sealed = aead_seal(key, nonce, as_bytes("agent 7"), as_bytes("a master key"));
  ASSERT_TRUE(aead_open(key, nonce, as_bytes("agent 7"), sealed));
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    Bytes changed = sealed;
    changed[i] ^= 1;
    const auto opened = aead_open(key, nonce, as_bytes("agent 7"), changed);
    ASSERT_FALSE(opened) << i;
    EXPECT_EQ(opened.error().code, Errc::unauthenticated);
  }
  for (std::size_t size = 0; size < sealed.size(); ++size) {
    EXPECT_FALSE(aead_open(key, nonce, as_bytes("agent 7"), ByteView(sealed).first(size))) << size;
  }
  EXPECT_FALSE(aead_open(key, nonce, as_bytes("agent 8"), sealed));
  EXPECT_FALSE(aead_open(key, AeadNonce{}, as_bytes("agent 7"), sealed));
  EXPECT_FALSE(aead_open(key_of<AeadKey>(6), nonce, as_bytes("agent 7"), sealed));
}

TEST(Ed25519, Rfc8032) {  // section 7.1, test 2
  SigningKey key;
  const Bytes seed = hex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb");
  std::copy(seed.begin(), seed.end(), key.bytes.begin());
  const PublicKey public_key = public_key_of(key);
  EXPECT_EQ(to_hex(public_key), "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
  const Bytes text = hex("72");
  Signature signature = sign(key, text);
  EXPECT_EQ(
      to_hex(signature),
      "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00");
  EXPECT_TRUE(is_signed_by(public_key, text, signature));
  EXPECT_FALSE(is_signed_by(public_key, hex("73"), signature));
  signature[5] ^= 1;
  EXPECT_FALSE(is_signed_by(public_key, text, signature));
}

TEST(Aead, AnEmptyPlaintextOpens) {
  const auto key = key_of<AeadKey>(5);
  const auto opened = aead_open(key, AeadNonce{}, as_bytes("x"), aead_seal(key, AeadNonce{}, as_bytes("x"), {}));
  ASSERT_TRUE(opened);
  EXPECT_TRUE(opened->empty());
}

}  // namespace
}  // namespace stint::wire
