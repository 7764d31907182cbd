#include "wire/frame.hpp"

namespace stint::wire {
namespace {

constexpr std::uint8_t kMagic0 = 'S';
constexpr std::uint8_t kMagic1 = 't';
constexpr std::uint8_t kHeaderUnits = kHeaderSize / 8;

constexpr std::size_t kOffVersion = 2, kOffKind = 3, kOffFlags = 4, kOffHeaderLength = 5, kOffKeyEpoch = 6, kOffBodyLength = 8,
                      kOffRawLength = 12, kOffPrincipal = 16, kOffSequence = 24;

bool is_kind(std::uint8_t value) {
  return value >= static_cast<std::uint8_t>(FrameKind::hello) && value <= static_cast<std::uint8_t>(FrameKind::enrol_ack);
}

FrameError check_flags(const Header& header) {
  if ((header.flags & ~(kFlagLz4 | kFlagPadMask)) != 0) return FrameError::bad_flags;
  if (!header.is_compressed()) return header.pad() == 0 ? FrameError::ok : FrameError::bad_flags;
  // Only DATA: a REJECT would be decompressed unauthenticated, and the others carry keys or tokens, whose length must not depend on them.
  return header.kind == FrameKind::data ? FrameError::ok : FrameError::bad_flags;
}

FrameError check_lengths(const Header& header, std::uint32_t body_limit, std::uint32_t raw_limit) {
  if (header.body_length == 0 || header.raw_length == 0) return FrameError::bad_length;
  if (header.body_length % kAlignment != 0 || header.raw_length % kAlignment != 0) return FrameError::bad_length;
  if (!header.is_compressed() && header.raw_length != header.body_length) return FrameError::bad_length;
  if (header.body_length > body_limit || header.raw_length > raw_limit) return FrameError::too_large;
  if (header.raw_length > limits::kExpansionMax * header.body_length + limits::kExpansionSlack) return FrameError::bad_expansion;
  return FrameError::ok;
}

FrameError check_kind_rules(const Header& header) {
  switch (header.kind) {
    case FrameKind::reject:
      if (header.key_epoch != 0) return FrameError::bad_key_epoch;
      return header.principal == 0 && header.sequence == 0 ? FrameError::ok : FrameError::bad_reject_header;
    case FrameKind::enrol:
    case FrameKind::enrol_ack: return header.key_epoch == 0 ? FrameError::ok : FrameError::bad_key_epoch;
    case FrameKind::hello:
    case FrameKind::hello_ack:
    case FrameKind::data: return FrameError::ok;
  }
  return FrameError::bad_kind;
}

}  // namespace

const char* to_string(FrameError error) {
  switch (error) {
    case FrameError::ok: return "ok";
    case FrameError::bad_magic: return "bad_magic";
    case FrameError::bad_version: return "bad_version";
    case FrameError::bad_kind: return "bad_kind";
    case FrameError::bad_flags: return "bad_flags";
    case FrameError::bad_header_length: return "bad_header_length";
    case FrameError::bad_length: return "bad_length";
    case FrameError::too_large: return "too_large";
    case FrameError::bad_expansion: return "bad_expansion";
    case FrameError::bad_key_epoch: return "bad_key_epoch";
    case FrameError::bad_reject_header: return "bad_reject_header";
    case FrameError::bad_reject_tag: return "bad_reject_tag";
    case FrameError::unknown_key: return "unknown_key";
    case FrameError::bad_mac: return "bad_mac";
    case FrameError::bad_sequence: return "bad_sequence";
    case FrameError::bad_pad: return "bad_pad";
    case FrameError::bad_compression: return "bad_compression";
  }
  return "unknown";
}

FrameError parse_header(std::span<const std::uint8_t, kHeaderSize> bytes, std::uint32_t body_limit, std::uint32_t raw_limit, Header& out) {
  if (bytes[0] != kMagic0 || bytes[1] != kMagic1) return FrameError::bad_magic;
  if (bytes[kOffVersion] != kFrameVersion) return FrameError::bad_version;
  if (!is_kind(bytes[kOffKind])) return FrameError::bad_kind;

  const Header header{.kind = static_cast<FrameKind>(bytes[kOffKind]),
                      .flags = bytes[kOffFlags],
                      .key_epoch = load_le<std::uint16_t>(&bytes[kOffKeyEpoch]),
                      .body_length = load_le<std::uint32_t>(&bytes[kOffBodyLength]),
                      .raw_length = load_le<std::uint32_t>(&bytes[kOffRawLength]),
                      .principal = load_le<std::uint64_t>(&bytes[kOffPrincipal]),
                      .sequence = load_le<std::uint64_t>(&bytes[kOffSequence])};
  if (const auto error = check_flags(header); error != FrameError::ok) return error;
  if (bytes[kOffHeaderLength] != kHeaderUnits) return FrameError::bad_header_length;
  if (const auto error = check_lengths(header, body_limit, raw_limit); error != FrameError::ok) return error;
  if (const auto error = check_kind_rules(header); error != FrameError::ok) return error;
  out = header;
  return FrameError::ok;
}

void write_header(const Header& header, std::span<std::uint8_t, kHeaderSize> out) {
  out[0] = kMagic0;
  out[1] = kMagic1;
  out[kOffVersion] = kFrameVersion;
  out[kOffKind] = static_cast<std::uint8_t>(header.kind);
  out[kOffFlags] = header.flags;
  out[kOffHeaderLength] = kHeaderUnits;
  store_le(&out[kOffKeyEpoch], header.key_epoch);
  store_le(&out[kOffBodyLength], header.body_length);
  store_le(&out[kOffRawLength], header.raw_length);
  store_le(&out[kOffPrincipal], header.principal);
  store_le(&out[kOffSequence], header.sequence);
}

FrameError parse_frame(ByteView bytes, const FrameLimits& frame_limits, RawFrame& out) {
  if (bytes.size() < kFrameOverhead) return FrameError::bad_length;
  Header header;
  const auto error = parse_header(bytes.first<kHeaderSize>(), frame_limits.body, frame_limits.raw, header);
  if (error != FrameError::ok) return error;
  if (bytes.size() != header.frame_size()) return FrameError::bad_length;
  out = RawFrame{header, bytes};
  return FrameError::ok;
}

}  // namespace stint::wire
