#include "wire/lz4_block.hpp"

#include <gtest/gtest.h>
#include <lz4.h>

#include <string_view>

#include "base/random.hpp"

namespace stint::wire {
namespace {

Bytes block_of(std::initializer_list<std::string_view> parts) {
  Bytes block;
  for (const auto part : parts) block.insert(block.end(), part.begin(), part.end());
  return block;
}

bool yields(const Bytes& block, std::string_view expected) {
  Bytes out(expected.size());
  return decompress_block(block, out) && as_text(out) == expected;
}

TEST(Lz4Block, ASequenceOfLiteralsAndAMatch) {
  // 4 literals, a match of 8 at offset 4, then 12 literals.
  EXPECT_TRUE(yields(block_of({"\x44", "abcd", std::string_view("\x04\0", 2), "\xc0", "123456789012"}), "abcdabcdabcd123456789012"));
}

TEST(Lz4Block, AnOffsetOfZeroIsRefused) {
  Bytes out(24);
  EXPECT_FALSE(decompress_block(block_of({"\x44", "abcd", std::string_view("\0\0", 2), "\xc0", "123456789012"}), out));
}

TEST(Lz4Block, AnOffsetOfZeroBehindExtendedLengthsIsFound) {
  const std::string literals(15 + 255 + 1, 'x');
  const auto with_second_offset = [&](std::string_view offset) {
    return block_of({"\xff", "\xff", "\x01", literals, std::string_view("\x01\0", 2), "\x02", "\x04", offset, "\xc0", "123456789012"});
  };
  Bytes out(literals.size() + (4 + 15 + 2) + (4 + 4) + 12);
  EXPECT_TRUE(decompress_block(with_second_offset(std::string_view("\x01\0", 2)), out));
  EXPECT_FALSE(decompress_block(with_second_offset(std::string_view("\0\0", 2)), out));
}

TEST(Lz4Block, AnOffsetBeforeTheStartIsRefused) {
  Bytes out(24);
  EXPECT_FALSE(decompress_block(block_of({"\x44", "abcd", std::string_view("\x05\0", 2), "\xc0", "123456789012"}), out));
}

TEST(Lz4Block, WhatTheLibraryCompressesIsDecompressed) {
  Prng prng(3);
  for (int round = 0; round < 200; ++round) {
    Bytes plain(static_cast<std::size_t>(1 + prng.below(5000)));
    const std::uint64_t alphabet = 1 + prng.below(8);
    for (auto& byte : plain) byte = static_cast<std::uint8_t>(prng.below(alphabet));
    Bytes block(static_cast<std::size_t>(LZ4_compressBound(static_cast<int>(plain.size()))));
    const int size = LZ4_compress_default(reinterpret_cast<const char*>(plain.data()), reinterpret_cast<char*>(block.data()),
                                          static_cast<int>(plain.size()), static_cast<int>(block.size()));
    ASSERT_GT(size, 0);
    block.resize(static_cast<std::size_t>(size));
    Bytes out(plain.size());
    ASSERT_TRUE(decompress_block(block, out)) << round;
    EXPECT_EQ(out, plain);
    Bytes longer(plain.size() + 1);
    EXPECT_FALSE(decompress_block(block, longer));
  }
}

}  // namespace
}  // namespace stint::wire
