#include "wire/frame.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace stint::wire {
namespace {

using HeaderBytes = std::array<std::uint8_t, kHeaderSize>;

constexpr Header kPlain{
    .kind = FrameKind::data, .flags = 0, .key_epoch = 3, .body_length = 128, .raw_length = 128, .principal = 7, .sequence = 42};
constexpr Header kCompressed{.kind = FrameKind::data,
                             .flags = kFlagLz4 | 3 << 1,
                             .key_epoch = 3,
                             .body_length = 128,
                             .raw_length = 4096,
                             .principal = 7,
                             .sequence = 42};

FrameError parse(const Header& header, std::uint32_t limit = limits::kBodyDefault) {
  HeaderBytes bytes;
  write_header(header, bytes);
  Header out;
  return parse_header(bytes, limit, limit, out);
}

Header with(Header header, auto change) {
  change(header);
  return header;
}

TEST(FrameHeader, BytesAreThoseOfTheTable) {
  HeaderBytes bytes;
  write_header({.kind = FrameKind::data,
                .flags = 0x07,
                .key_epoch = 0x0102,
                .body_length = 0x03040508,
                .raw_length = 0x06070810,
                .principal = 0x1112131415161718,
                .sequence = 0x2122232425262728},
               bytes);
  EXPECT_EQ(to_hex(bytes),
            "5374010307040201"
            "08050403"
            "10080706"
            "1817161514131211"
            "2827262524232221");
}

TEST(FrameHeader, WhatIsWrittenIsRead) {
  for (const Header& header : {kPlain, kCompressed}) {
    HeaderBytes bytes;
    write_header(header, bytes);
    Header out;
    ASSERT_EQ(parse_header(bytes, 4096, 4096, out), FrameError::ok);
    EXPECT_EQ(out, header);
  }
}

TEST(FrameHeader, ARefusedHeaderLeavesTheResultAlone) {
  HeaderBytes bytes;
  write_header(with(kPlain, [](Header& h) { h.raw_length = 64; }), bytes);
  Header out = kCompressed;
  EXPECT_EQ(parse_header(bytes, 4096, 4096, out), FrameError::bad_length);
  EXPECT_EQ(out, kCompressed);
}

TEST(FrameHeader, FixedBytes) {
  HeaderBytes good;
  write_header(kPlain, good);
  Header out;
  const auto with_byte = [&](std::size_t at, std::uint8_t value) {
    HeaderBytes bytes = good;
    bytes[at] = value;
    return parse_header(bytes, 4096, 4096, out);
  };
  EXPECT_EQ(with_byte(0, 's'), FrameError::bad_magic);
  EXPECT_EQ(with_byte(1, 'T'), FrameError::bad_magic);
  EXPECT_EQ(with_byte(2, 0), FrameError::bad_version);
  EXPECT_EQ(with_byte(2, 2), FrameError::bad_version);
  EXPECT_EQ(with_byte(3, 0), FrameError::bad_kind);
  EXPECT_EQ(with_byte(3, 7), FrameError::bad_kind);
  EXPECT_EQ(with_byte(5, 3), FrameError::bad_header_length);
  EXPECT_EQ(with_byte(5, 5), FrameError::bad_header_length);
}

TEST(FrameHeader, OnlyKnownFlagsAndPadOnlyWithLz4) {
  for (unsigned flags = 0; flags < 256; ++flags) {
    const bool good = flags == 0 || ((flags & 1) != 0 && flags < 16);
    const auto header = with(kCompressed, [&](Header& h) {
      h.flags = static_cast<std::uint8_t>(flags);
      if ((flags & 1) == 0) h.raw_length = h.body_length;
    });
    EXPECT_EQ(parse(header), good ? FrameError::ok : FrameError::bad_flags) << flags;
  }
}

TEST(FrameHeader, OnlyDataMayBeCompressed) {
  for (const auto kind : {FrameKind::hello, FrameKind::hello_ack, FrameKind::reject, FrameKind::enrol, FrameKind::enrol_ack}) {
    EXPECT_EQ(parse(with(kCompressed, [&](Header& h) { h.kind = kind; })), FrameError::bad_flags);
  }
}

TEST(FrameHeader, LengthsAreMultiplesOfEightNotZeroAndAgree) {
  const auto lengths = [](const Header& base, std::uint32_t body, std::uint32_t raw) {
    return parse(with(base, [&](Header& h) {
      h.body_length = body;
      h.raw_length = raw;
    }));
  };
  EXPECT_EQ(lengths(kPlain, 0, 0), FrameError::bad_length);
  EXPECT_EQ(lengths(kPlain, 12, 12), FrameError::bad_length);
  EXPECT_EQ(lengths(kPlain, 128, 136), FrameError::bad_length);
  EXPECT_EQ(lengths(kPlain, 136, 128), FrameError::bad_length);
  EXPECT_EQ(lengths(kCompressed, 128, 0), FrameError::bad_length);
  EXPECT_EQ(lengths(kCompressed, 128, 2047), FrameError::bad_length);
  EXPECT_EQ(lengths(kCompressed, 0, 64), FrameError::bad_length);
  EXPECT_EQ(lengths(kCompressed, 128, 64), FrameError::ok) << "larger than its raw length: wasteful, not wrong";
}

TEST(FrameHeader, LimitsOfBodyAndRawLengthAreApart) {
  HeaderBytes bytes;
  write_header(kCompressed, bytes);
  Header out;
  EXPECT_EQ(parse_header(bytes, 128, 4096, out), FrameError::ok);
  EXPECT_EQ(parse_header(bytes, 120, 4096, out), FrameError::too_large);
  EXPECT_EQ(parse_header(bytes, 128, 4088, out), FrameError::too_large);
}

TEST(FrameHeader, RawLengthNoBlockCanHave) {
  const auto raw = [](std::uint32_t body, std::uint32_t raw_length, std::uint32_t limit) {
    return parse(with(kCompressed,
                      [&](Header& h) {
                        h.body_length = body;
                        h.raw_length = raw_length;
                      }),
                 limit);
  };
  EXPECT_EQ(raw(8, 255 * 8 + 64, limits::kBodyDefault), FrameError::ok);
  EXPECT_EQ(raw(8, 255 * 8 + 72, limits::kBodyDefault), FrameError::bad_expansion);
  // 255 * body exceeds 32 bits here: the product must not wrap round.
  EXPECT_EQ(raw(0x02000000, 0x0F000000, 0x10000000), FrameError::ok);
}

TEST(FrameHeader, KindsWithoutKeyEpoch) {
  for (const auto kind : {FrameKind::enrol, FrameKind::enrol_ack, FrameKind::reject}) {
    EXPECT_EQ(parse(with(kPlain,
                         [&](Header& h) {
                           h.kind = kind;
                           h.principal = h.sequence = 0;
                         })),
              FrameError::bad_key_epoch);
  }
  const auto reject = with(kPlain, [](Header& h) {
    h.kind = FrameKind::reject;
    h.key_epoch = 0;
    h.principal = h.sequence = 0;
  });
  EXPECT_EQ(parse(reject), FrameError::ok);
  EXPECT_EQ(parse(with(reject, [](Header& h) { h.principal = 1; })), FrameError::bad_reject_header);
  EXPECT_EQ(parse(with(reject, [](Header& h) { h.sequence = 1; })), FrameError::bad_reject_header);
}

TEST(FrameError, EveryReasonHasItsOwnLabel) {
  std::set<std::string> labels;
  for (std::size_t i = 0; i < kFrameErrorCount; ++i) labels.insert(to_string(static_cast<FrameError>(i)));
  EXPECT_EQ(labels.size(), kFrameErrorCount);
  EXPECT_EQ(labels.count("unknown"), 0u);
}

TEST(ParseFrame, WantsExactlyOneFrame) {
  alignas(8) std::array<std::uint8_t, kFrameOverhead + 128 + 8> bytes{};
  write_header(kPlain, std::span(bytes).first<kHeaderSize>());
  const FrameLimits frame_limits{4096, 4096};
  RawFrame frame;
  for (std::size_t size = 0; size <= bytes.size(); ++size) {
    const bool whole = size == kFrameOverhead + 128;
    EXPECT_EQ(parse_frame(ByteView(bytes).first(size), frame_limits, frame), whole ? FrameError::ok : FrameError::bad_length) << size;
  }
  EXPECT_EQ(frame.body().size(), 128u);
  EXPECT_EQ(frame.body().data(), bytes.data() + kHeaderSize);
  EXPECT_EQ(frame.tag().data(), bytes.data() + kHeaderSize + 128);
}

}  // namespace
}  // namespace stint::wire
