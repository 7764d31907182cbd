#include "hash/sha256.hpp"

#include <gtest/gtest.h>

#include <string>

namespace stint {
namespace {

// FIPS 180-4, examples of NIST.
constexpr const char* kAbc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
constexpr const char* kNothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

TEST(Sha256, NamesKnownBytes) {
  EXPECT_EQ(to_hex(blob_id_of(as_bytes("abc"))), kAbc);
  EXPECT_EQ(to_hex(blob_id_of({})), kNothing);
}

TEST(Sha256, PiecesGiveTheNameOfTheWholeAndTheNextOneStartsAnew) {
  Sha256 hash;
  hash.update(as_bytes("a"));
  hash.update({});
  hash.update(as_bytes("bc"));
  EXPECT_EQ(to_hex(hash.finish()), kAbc);
  EXPECT_EQ(to_hex(hash.finish()), kNothing);
}

}  // namespace
}  // namespace stint
