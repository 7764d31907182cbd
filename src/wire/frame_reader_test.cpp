#include "wire/frame_reader.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "base/random.hpp"
#include "wire/frame_writer.hpp"

namespace stint::wire {
namespace {

constexpr std::uint32_t kLimit = limits::kBodyDefault;

MacKey make_key() { return MacKey(Bytes(32, 0x42)); }

Bytes make_frame(std::size_t body_size, std::uint64_t sequence = 1, Compression compression = Compression::never) {
  Bytes body(body_size);
  for (std::size_t i = 0; i < body_size; ++i) body[i] = static_cast<std::uint8_t>(i / 16 + sequence);
  auto key = make_key();
  FrameWriter writer;
  const auto frame = writer.write({.kind = FrameKind::data, .key_epoch = 1, .principal = 9, .sequence = sequence}, body, key, compression);
  EXPECT_TRUE(frame);
  return {frame->begin(), frame->end()};
}

/// Writes header ‖ body and signs them, so that only what comes after the MAC can refuse the frame.
Bytes sign(Header header, ByteView body) {
  Bytes frame(kFrameOverhead + body.size());
  header.body_length = static_cast<std::uint32_t>(body.size());
  write_header(header, std::span(frame).first<kHeaderSize>());
  std::copy(body.begin(), body.end(), frame.begin() + kHeaderSize);
  auto key = make_key();
  key.tag(ByteView(frame).first(frame.size() - kTagSize), {}, std::span(frame).last<kTagSize>());
  return frame;
}

tl::expected<Bytes, FrameError> open(ByteView bytes, std::uint64_t sequence, std::uint32_t limit) {
  FrameReader reader;
  reader.set_limit(limit);
  reader.feed(bytes);
  const auto frame = reader.next();
  if (!frame) return tl::unexpected(reader.error());
  auto key = make_key();
  AlignedBuffer scratch;
  const auto buffer = open_frame(*frame, key, sequence, scratch);
  if (!buffer) return tl::unexpected(buffer.error());
  return Bytes(buffer->begin(), buffer->end());
}

FrameError error_of(ByteView bytes, std::uint64_t sequence = 1, std::uint32_t limit = kLimit) {
  const auto opened = open(bytes, sequence, limit);
  return opened ? FrameError::ok : opened.error();
}

TEST(FrameReader, EveryFlippedBitOfAFrameIsRefused) {
  const Bytes frame = make_frame(40);
  for (std::size_t bit = 0; bit < frame.size() * 8; ++bit) {
    Bytes flipped = frame;
    flipped[bit / 8] = static_cast<std::uint8_t>(flipped[bit / 8] ^ 1u << bit % 8);
    // A flipped length may leave the frame waiting for bytes that a peer would have to send; what it sends then fails the MAC.
    flipped.resize(flipped.size() + limits::kBodyBeforeHandshake, 0);
    const auto error = error_of(flipped, 1, limits::kBodyBeforeHandshake);
    EXPECT_NE(error, FrameError::ok) << "bit " << bit;
    if (bit / 8 >= kHeaderSize) {
      EXPECT_EQ(error, FrameError::bad_mac) << "bit " << bit;
    }
  }
}

TEST(FrameReader, EveryTruncationWaits) {
  const Bytes frame = make_frame(200);
  for (std::size_t size = 0; size < frame.size(); ++size) {
    FrameReader reader;
    reader.feed(ByteView(frame).first(size));
    EXPECT_FALSE(reader.next()) << size;
    EXPECT_EQ(reader.error(), FrameError::ok) << size;
    EXPECT_EQ(reader.buffered(), size);
    reader.feed(ByteView(frame).subspan(size));
    EXPECT_TRUE(reader.next()) << size;
    EXPECT_EQ(reader.buffered(), 0u);
  }
}

TEST(FrameReader, AnyCutOfTheStreamGivesTheSameFramesAlignedAndInPlace) {
  std::vector<Bytes> frames;
  Bytes stream;
  Prng prng(7);
  for (std::uint64_t i = 0; i < 40; ++i) {
    const auto size = static_cast<std::size_t>(8 + prng.below(i % 10 == 0 ? 60'000 : 400));
    frames.push_back(make_frame(size, i + 1, i % 2 == 0 ? Compression::allowed : Compression::never));
    stream.insert(stream.end(), frames.back().begin(), frames.back().end());
  }
  for (const std::uint64_t largest : {1, 7, 100, 5000, 1'000'000}) {
    FrameReader reader;
    reader.set_limit(kLimit);
    std::size_t received = 0;
    for (std::size_t at = 0; at < stream.size();) {
      const std::size_t size = std::min(stream.size() - at, static_cast<std::size_t>(1 + prng.below(largest)));
      reader.feed(ByteView(stream).subspan(at, size));
      at += size;
      while (const auto frame = reader.next()) {
        ASSERT_LT(received, frames.size());
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(frame->bytes.data()) % kAlignment, 0u);
        EXPECT_TRUE(std::equal(frame->bytes.begin(), frame->bytes.end(), frames[received].begin(), frames[received].end()));
        ++received;
      }
      ASSERT_EQ(reader.error(), FrameError::ok);
    }
    EXPECT_EQ(received, frames.size()) << "pieces of up to " << largest;
  }
}

TEST(FrameReader, PrepareAndCommitAreFeedWithoutTheCopy) {
  const Bytes frame = make_frame(3000);
  FrameReader reader;
  for (std::size_t at = 0; at < frame.size(); at += 512) {
    const std::size_t size = std::min<std::size_t>(512, frame.size() - at);
    const auto room = reader.prepare(512);
    std::copy_n(frame.begin() + static_cast<std::ptrdiff_t>(at), size, room.begin());
    reader.commit(size);
  }
  const auto received = reader.next();
  ASSERT_TRUE(received);
  EXPECT_EQ(to_hex(received->bytes), to_hex(frame));
}

TEST(FrameReader, AnErrorIsForGood) {
  FrameReader reader;
  reader.feed(Bytes(kHeaderSize, 'x'));
  EXPECT_FALSE(reader.next());
  EXPECT_EQ(reader.error(), FrameError::bad_magic);
  reader.feed(make_frame(64));
  EXPECT_FALSE(reader.next());
  EXPECT_EQ(reader.error(), FrameError::bad_magic);
}

TEST(FrameReader, AnOversizedFrameIsRefusedByItsHeaderAloneAndHoldsNoMemory) {
  const Bytes frame = make_frame(limits::kBodyBeforeHandshake + 8);
  FrameReader reader;
  reader.feed(ByteView(frame).first(kHeaderSize));
  EXPECT_FALSE(reader.next());
  EXPECT_EQ(reader.error(), FrameError::too_large);
  EXPECT_LE(reader.capacity(), limits::kReceiveInitial);
}

TEST(FrameReader, MemoryGrowsWithWhatCameNotWithWhatWasAnnounced) {
  const Bytes frame = make_frame(1'000'000);
  FrameReader reader;
  reader.set_limit(kLimit);
  for (std::size_t at = 0; at < frame.size(); at += 1000) {
    reader.feed(ByteView(frame).subspan(at, std::min<std::size_t>(1000, frame.size() - at)));
    (void)reader.next();
    const std::size_t received = std::min(at + 1000, frame.size());
    ASSERT_LE(reader.capacity(), std::max(2 * received, limits::kReceiveInitial) + kAlignment);
  }
}

TEST(FrameReader, TheLimitFollowsTheStateOfTheConnection) {
  Bytes stream = make_frame(4096, 1);
  const Bytes larger = make_frame(4104, 2);
  stream.insert(stream.end(), larger.begin(), larger.end());
  FrameReader reader;
  reader.feed(stream);
  ASSERT_TRUE(reader.next());
  reader.set_limit(kLimit);  // the handshake is done; the next frame was already received
  EXPECT_TRUE(reader.next());
}

TEST(FrameReader, TrimGivesMemoryBackOnlyBetweenFrames) {
  const Bytes frame = make_frame(2000);
  FrameReader reader;
  reader.feed(ByteView(frame).first(1000));
  reader.trim();
  EXPECT_GE(reader.capacity(), 1000u);
  reader.feed(ByteView(frame).subspan(1000));
  ASSERT_TRUE(reader.next());
  reader.trim();
  EXPECT_EQ(reader.capacity(), 0u);
  reader.feed(frame);
  EXPECT_TRUE(reader.next());
}

TEST(OpenFrame, AnotherKeyIsABadMac) {
  const Bytes bytes = make_frame(64);
  FrameReader reader;
  reader.feed(bytes);
  const auto frame = reader.next();
  ASSERT_TRUE(frame);
  MacKey other(Bytes(32, 0x43));
  AlignedBuffer scratch;
  EXPECT_EQ(open_frame(*frame, other, 1, scratch).error(), FrameError::bad_mac);
}

TEST(OpenFrame, OnlyTheNextSequenceIsAccepted) {
  const Bytes frame = make_frame(64, 7);
  EXPECT_EQ(error_of(frame, 7), FrameError::ok);
  for (const std::uint64_t expected : {0, 6, 8}) EXPECT_EQ(error_of(frame, expected), FrameError::bad_sequence) << expected;
}

TEST(OpenFrame, TheMacIsCheckedBeforeTheSequenceAndTheSequenceBeforeTheContents) {
  Bytes frame = sign({.flags = kFlagLz4, .raw_length = 1024, .sequence = 3}, Bytes(64, 0xff));
  EXPECT_EQ(error_of(frame, 3), FrameError::bad_compression);
  EXPECT_EQ(error_of(frame, 4), FrameError::bad_sequence);
  frame.back() ^= 1;
  EXPECT_EQ(error_of(frame, 4), FrameError::bad_mac);
}

TEST(OpenFrame, CompressedFramesMustYieldExactlyTheirRawLength) {
  const Bytes good = make_frame(4096, 1, Compression::allowed);
  RawFrame raw;
  ASSERT_EQ(parse_frame(good, {kLimit, kLimit}, raw), FrameError::ok);
  ASSERT_TRUE(raw.header.is_compressed());
  const auto with_raw_length = [&](std::uint32_t raw_length) {
    Header header = raw.header;
    header.raw_length = raw_length;
    return error_of(sign(header, raw.body()));
  };
  EXPECT_EQ(with_raw_length(4096), FrameError::ok);
  EXPECT_EQ(with_raw_length(4088), FrameError::bad_compression);
  EXPECT_EQ(with_raw_length(4104), FrameError::bad_compression);
}

TEST(OpenFrame, PadBytesAreZero) {
  Bytes good;
  Header header;
  for (std::size_t size = 2048; header.pad() == 0; size += 8) {
    good = make_frame(size, 1, Compression::allowed);
    RawFrame raw;
    ASSERT_EQ(parse_frame(good, {kLimit, kLimit}, raw), FrameError::ok);
    header = raw.header;
  }
  Bytes body(good.begin() + kHeaderSize, good.end() - kTagSize);
  EXPECT_EQ(error_of(sign(header, body)), FrameError::ok);
  body.back() = 1;
  EXPECT_EQ(error_of(sign(header, body)), FrameError::bad_pad);
}

TEST(OpenFrame, APadThatTakesPartOfTheBlockOrLeavesSomeOfItIsRefused) {
  const Bytes good = make_frame(4096, 1, Compression::allowed);
  RawFrame raw;
  ASSERT_EQ(parse_frame(good, {kLimit, kLimit}, raw), FrameError::ok);
  for (std::size_t pad = 0; pad < 8; ++pad) {
    Header header = raw.header;
    header.flags = static_cast<std::uint8_t>(kFlagLz4 | pad << kFlagPadShift);
    const auto error = error_of(sign(header, raw.body()));
    if (pad == raw.header.pad()) {
      EXPECT_EQ(error, FrameError::ok);
    } else {
      EXPECT_TRUE(error == FrameError::bad_compression || error == FrameError::bad_pad) << pad;
    }
  }
}

TEST(OpenFrame, ABombIsRefusedByItsHeader) {
  // The densest block LZ4 has: a run of one byte. It is refused where its raw length passes the limit, before anything is decompressed.
  Bytes zeros(64 * 1024, 0);
  auto key = make_key();
  FrameWriter writer;
  const auto frame = writer.write({.sequence = 1}, zeros, key, Compression::allowed);
  ASSERT_TRUE(frame);
  ASSERT_LT(frame->size(), 512u);
  FrameReader strict;
  strict.feed(*frame);
  EXPECT_FALSE(strict.next());
  EXPECT_EQ(strict.error(), FrameError::too_large);
}

TEST(OpenReject, ATagOrAnotherKindIsRefused) {
  FrameWriter writer;
  const auto written = writer.write_reject(Bytes(64, 1));
  ASSERT_TRUE(written);
  Bytes bytes(written->begin(), written->end());
  RawFrame raw;
  ASSERT_EQ(parse_frame(bytes, {kLimit, kLimit}, raw), FrameError::ok);
  EXPECT_TRUE(open_reject(raw));
  auto key = make_key();
  AlignedBuffer scratch;
  EXPECT_EQ(open_frame(raw, key, 0, scratch).error(), FrameError::bad_kind) << "no key makes a REJECT authentic";
  bytes.back() = 1;
  EXPECT_EQ(open_reject(raw).error(), FrameError::bad_reject_tag);

  const Bytes data = make_frame(64);
  ASSERT_EQ(parse_frame(data, {kLimit, kLimit}, raw), FrameError::ok);
  EXPECT_EQ(open_reject(raw).error(), FrameError::bad_kind);
}

}  // namespace
}  // namespace stint::wire
