#include "wire/frame_writer.hpp"

#include <gtest/gtest.h>
#include <lz4.h>

#include <algorithm>

#include "base/random.hpp"
#include "wire/frame_reader.hpp"

namespace stint::wire {
namespace {

constexpr FrameAddress kAddress{.kind = FrameKind::data, .key_epoch = 2, .principal = 77, .sequence = 5};

MacKey make_key() { return MacKey(Bytes(32, 0x42)); }

Bytes random_bytes(std::size_t size, std::uint64_t seed = 1) {
  Bytes bytes(size);
  Prng(seed).fill(bytes);
  return bytes;
}

/// Repeats 64 random bytes: LZ4 finds them.
Bytes repetitive_bytes(std::size_t size) {
  const Bytes pattern = random_bytes(64);
  Bytes bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = pattern[i % pattern.size()];
  return bytes;
}

RawFrame parse(ByteView frame) {
  RawFrame raw;
  EXPECT_EQ(parse_frame(frame, {limits::kBodyDefault, limits::kBodyDefault}, raw), FrameError::ok);
  return raw;
}

TEST(FrameWriter, FormAWritesIntoTheCallersBytes) {
  alignas(8) std::array<std::uint8_t, kHeaderSize + 72 + kTagSize> space{};
  const Bytes body = random_bytes(72);
  std::copy(body.begin(), body.end(), space.begin() + kHeaderSize);
  auto key = make_key();
  FrameWriter writer;
  const auto frame = writer.write_in_place(kAddress, space, key);
  ASSERT_TRUE(frame);
  EXPECT_EQ(frame->data(), space.data());
  EXPECT_EQ(frame->size(), space.size());

  AlignedBuffer scratch;
  const auto buffer = open_frame(parse(*frame), key, 5, scratch);
  ASSERT_TRUE(buffer);
  EXPECT_EQ(buffer->data(), space.data() + kHeaderSize) << "read in place";
  EXPECT_TRUE(std::equal(body.begin(), body.end(), buffer->begin()));
}

TEST(FrameWriter, FormBGivesTheSameFrameAsFormA) {
  const Bytes body = random_bytes(96);
  Bytes space(kHeaderSize + body.size() + kTagSize);
  std::copy(body.begin(), body.end(), space.begin() + kHeaderSize);
  auto key = make_key();
  FrameWriter writer;
  const auto in_place = writer.write_in_place(kAddress, space, key);
  const auto copied = writer.write(kAddress, body, key);
  ASSERT_TRUE(in_place && copied);
  EXPECT_EQ(to_hex(*in_place), to_hex(*copied));
}

TEST(FrameWriter, BytesFilledWhileSigningGiveTheSameFrame) {
  const Bytes body = random_bytes(50'000);
  auto key = make_key();
  FrameWriter writer;
  const auto whole = writer.write(kAddress, body, key);
  ASSERT_TRUE(whole);
  for (const std::size_t first : {0, 1, 4095, 12'000, 50'000}) {
    for (const std::size_t size : {0, 1, 4096, 38'000, 50'000}) {
      if (first + size > body.size()) continue;
      Bytes space(whole->size(), 0xdd);
      std::copy(body.begin(), body.end(), space.begin() + kHeaderSize);
      std::fill_n(space.begin() + static_cast<std::ptrdiff_t>(kHeaderSize + first), size, std::uint8_t{0xdd});
      const auto frame = writer.write_in_place(kAddress, space, key, LateBytes{kHeaderSize + first, ByteView(body).subspan(first, size)});
      ASSERT_TRUE(frame);
      EXPECT_TRUE(std::equal(frame->begin(), frame->end(), whole->begin(), whole->end())) << first << " + " << size;
    }
  }
}

TEST(FrameWriter, ABodyOfAnotherLengthGetsZeroBytesAsPartOfTheBody) {
  auto key = make_key();
  FrameWriter writer;
  AlignedBuffer scratch;
  for (std::size_t size = 1; size <= 17; ++size) {
    const Bytes body(size, 0xee);
    const auto frame = writer.write(kAddress, body, key);
    ASSERT_TRUE(frame);
    const RawFrame raw = parse(*frame);
    EXPECT_EQ(raw.header.raw_length, (size + 7) / 8 * 8);
    EXPECT_EQ(raw.header.flags, 0);
    const auto opened = open_frame(raw, key, 5, scratch);
    ASSERT_TRUE(opened);
    EXPECT_TRUE(std::equal(body.begin(), body.end(), opened->begin()));
    EXPECT_TRUE(std::all_of(opened->begin() + static_cast<std::ptrdiff_t>(size), opened->end() - kTagSize, [](auto b) { return b == 0; }));
  }
}

TEST(FrameWriter, CompressedFramesOpenToTheSameBodyWithEveryPad) {
  auto key = make_key();
  FrameWriter writer;
  AlignedBuffer scratch;
  std::array<int, 8> seen{};
  for (std::size_t noise = 0; noise < 64; ++noise) {
    Bytes body = repetitive_bytes(4096);
    const Bytes random = random_bytes(noise, noise + 1);
    std::copy(random.begin(), random.end(), body.begin() + 100);
    const auto frame = writer.write(kAddress, body, key, Compression::allowed);
    ASSERT_TRUE(frame);
    const RawFrame raw = parse(*frame);
    EXPECT_TRUE(raw.header.is_compressed());
    EXPECT_LE(raw.body().size(), body.size() * 9 / 10);
    ++seen[raw.header.pad()];
    const auto opened = open_frame(raw, key, 5, scratch);
    ASSERT_TRUE(opened);
    EXPECT_EQ(to_hex(opened->first(body.size())), to_hex(body));
    EXPECT_EQ(to_hex(opened->last(kTagSize)), to_hex(raw.tag()));
  }
  EXPECT_TRUE(std::all_of(seen.begin(), seen.end(), [](int n) { return n > 0; })) << "the noise no longer reaches every pad";
}

TEST(FrameWriter, CompressesOnlyWhereItPaysAndIsAllowed) {
  auto key = make_key();
  FrameWriter writer;
  const auto compressed = [&](const FrameAddress& address, const Bytes& body, Compression compression) {
    const auto frame = writer.write(address, body, key, compression);
    EXPECT_TRUE(frame);
    return parse(*frame).header.is_compressed();
  };
  EXPECT_TRUE(compressed(kAddress, repetitive_bytes(1024), Compression::allowed));
  EXPECT_FALSE(compressed(kAddress, repetitive_bytes(1016), Compression::allowed)) << "below 1 KiB";
  EXPECT_FALSE(compressed(kAddress, repetitive_bytes(1024), Compression::never));
  EXPECT_FALSE(compressed(kAddress, random_bytes(65536), Compression::allowed)) << "nothing to save";
  EXPECT_FALSE(compressed({.kind = FrameKind::hello, .principal = 1}, repetitive_bytes(2048), Compression::allowed));
}

TEST(FrameWriter, SavingsBelowTenPercentAreNotTaken) {
  // Random bytes and a run of zeros: the saving is the length of the run, less a few bytes.
  const auto is_compressed_with_run = [](std::size_t run) {
    Bytes body = random_bytes(10'000);
    std::fill_n(body.begin(), run, std::uint8_t{0});
    auto key = make_key();
    FrameWriter writer;
    const auto frame = writer.write(kAddress, body, key, Compression::allowed);
    EXPECT_TRUE(frame);
    return parse(*frame).header.is_compressed();
  };
  EXPECT_FALSE(is_compressed_with_run(950));
  EXPECT_TRUE(is_compressed_with_run(1150));
}

TEST(FrameWriter, OverTheLimitNothingIsWritten) {
  auto key = make_key();
  FrameWriter writer(1024);
  EXPECT_TRUE(writer.write(kAddress, Bytes(1024, 1), key));
  const auto refused = writer.write(kAddress, Bytes(1025, 1), key);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::out_of_range);
  EXPECT_NE(refused.error().detail.find("1025"), std::string::npos) << refused.error().detail;
  writer.set_limit(2048);
  EXPECT_TRUE(writer.write(kAddress, Bytes(1025, 1), key));
}

TEST(FrameWriter, RejectIsUnsignedAndNamesNobody) {
  FrameWriter writer;
  const auto frame = writer.write_reject(Bytes(20, 3));
  ASSERT_TRUE(frame);
  const RawFrame raw = parse(*frame);
  EXPECT_EQ(raw.header, (Header{.kind = FrameKind::reject, .body_length = 24, .raw_length = 24}));
  const auto opened = open_reject(raw);
  ASSERT_TRUE(opened);
  EXPECT_EQ(to_hex(opened->last(kTagSize)), std::string(64, '0'));
}

}  // namespace
}  // namespace stint::wire
