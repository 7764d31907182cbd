#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/bytes.hpp"
#include "wire/limits.hpp"

namespace stint::wire {

// frame = header(32) ‖ body ‖ tag(32), little-endian, a multiple of 8 long; receivers hold it 8-aligned.
//
//   off size field          rule
//     0    2 magic          "St"
//     2    1 frame version  1; independent of the schema's
//     3    1 kind           FrameKind
//     4    1 flags          bit 0 LZ4 (DATA only), bits 1-3 pad (with LZ4 only), bits 4-7 zero
//     5    1 header length  in units of 8 bytes: 4
//     6    2 key epoch      0 in REJECT, ENROL, ENROL_ACK
//     8    4 body length    a multiple of 8, not 0, within the limit of the connection's state
//    12    4 raw length     of the body before compression; a multiple of 8; = body length without LZ4,
//                           else at most 255 * body + 64 and within the limit
//    16    8 principal      HELLO: agent number; ENROL: token id; REJECT: 0; otherwise the session id
//    24    8 sequence       0 in all but DATA; there 1, 2, 3 … in each direction
//
// Source: docs/protocol.md "Frame".

inline constexpr std::size_t kHeaderSize = 32;
inline constexpr std::size_t kTagSize = 32;
inline constexpr std::size_t kFrameOverhead = kHeaderSize + kTagSize;
inline constexpr std::size_t kAlignment = 8;
inline constexpr std::uint8_t kFrameVersion = 1;

enum class FrameKind : std::uint8_t { hello = 1, hello_ack = 2, data = 3, reject = 4, enrol = 5, enrol_ack = 6 };

inline constexpr std::uint8_t kFlagLz4 = 0x01;
inline constexpr std::uint8_t kFlagPadMask = 0x0E;
inline constexpr unsigned kFlagPadShift = 1;

struct Header {
  FrameKind kind = FrameKind::data;
  std::uint8_t flags = 0;
  std::uint16_t key_epoch = 0;
  std::uint32_t body_length = 0;
  std::uint32_t raw_length = 0;
  std::uint64_t principal = 0;
  std::uint64_t sequence = 0;

  [[nodiscard]] bool is_compressed() const { return (flags & kFlagLz4) != 0; }
  /// Zero bytes at the end of a compressed body that are not part of the LZ4 block: 0 to 7.
  [[nodiscard]] std::size_t pad() const { return static_cast<std::size_t>((flags & kFlagPadMask) >> kFlagPadShift); }
  [[nodiscard]] std::size_t frame_size() const { return kFrameOverhead + body_length; }
  bool operator==(const Header&) const = default;
};

/// Why a frame was refused, in the order of the checks. Each has a counter; none of them is survivable: the connection closes.
/// A peer is told the same for unknown_key and bad_mac.
enum class FrameError : std::uint8_t {
  ok = 0,
  bad_magic,
  bad_version,
  bad_kind,   ///< not a kind, or one that has no business here
  bad_flags,  ///< an unknown bit, pad without LZ4, or LZ4 outside DATA
  bad_header_length,
  bad_length,         ///< body or raw length 0 or no multiple of 8, or they contradict each other
  too_large,          ///< body or raw length over the limit of the connection's state
  bad_expansion,      ///< a raw length that no LZ4 block of this size can have
  bad_key_epoch,      ///< a key epoch where there must be none
  bad_reject_header,  ///< principal or sequence in a REJECT
  bad_reject_tag,     ///< a tag in a REJECT
  unknown_key,        ///< no key for this principal and key epoch
  bad_mac,
  bad_sequence,     ///< authentic, but not exactly the next one: replayed, dropped or reordered
  bad_pad,          ///< pad bytes that are not zero
  bad_compression,  ///< no LZ4 block, or one of another raw length
};
inline constexpr std::size_t kFrameErrorCount = static_cast<std::size_t>(FrameError::bad_compression) + 1;

/// The counter's label: the enumerator's name.
[[nodiscard]] const char* to_string(FrameError error);

/// How many frames were refused, by reason; [ok] counts the accepted ones.
struct FrameCounters {
  std::array<std::uint64_t, kFrameErrorCount> count{};
  void add(FrameError error) { ++count[static_cast<std::size_t>(error)]; }
  [[nodiscard]] std::uint64_t of(FrameError error) const { return count[static_cast<std::size_t>(error)]; }
};

/// The largest body and raw length that the state of a connection allows.
struct FrameLimits {
  std::uint32_t body = limits::kBodyBeforeHandshake;
  std::uint32_t raw = limits::kBodyBeforeHandshake;
};

/// Checks every rule of the table that needs nothing but the header, so that an oversized frame is refused before a byte of it is stored.
/// `out` is written only on ok.
[[nodiscard]] FrameError parse_header(std::span<const std::uint8_t, kHeaderSize> bytes, std::uint32_t body_limit, std::uint32_t raw_limit,
                                      Header& out);

/// Writes the fields as they are; FrameWriter is what makes them right.
void write_header(const Header& header, std::span<std::uint8_t, kHeaderSize> out);

/// One whole frame whose header passed parse_header; nothing in it is authenticated yet. Views the buffer it was received in.
struct RawFrame {
  Header header;
  ByteView bytes;  ///< header ‖ body ‖ tag, 8-aligned

  [[nodiscard]] ByteView authenticated() const { return bytes.first(bytes.size() - kTagSize); }
  [[nodiscard]] ByteView body() const { return bytes.subspan(kHeaderSize, header.body_length); }
  [[nodiscard]] std::span<const std::uint8_t, kTagSize> tag() const { return bytes.last<kTagSize>(); }
  [[nodiscard]] ByteView body_and_tag() const { return bytes.subspan(kHeaderSize); }
};

/// For transports that keep message borders (one frame each): `bytes` must be exactly one frame, 8-aligned; any other size is bad_length.
[[nodiscard]] FrameError parse_frame(ByteView bytes, const FrameLimits& frame_limits, RawFrame& out);

}  // namespace stint::wire
