#include "wire/frame_writer.hpp"

#include <lz4.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "base/assert.hpp"

namespace stint::wire {
namespace {

constexpr std::size_t round_up(std::size_t size) { return (size + kAlignment - 1) / kAlignment * kAlignment; }

Header plain_header(const FrameAddress& address, std::size_t body_size) {
  const auto length = static_cast<std::uint32_t>(body_size);
  return {.kind = address.kind,
          .flags = 0,
          .key_epoch = address.key_epoch,
          .body_length = length,
          .raw_length = length,
          .principal = address.principal,
          .sequence = address.sequence};
}

constexpr std::size_t kCacheLine = 64;

/// Short, so that copying costs hardly any time of its own: stores that fit into the core's store buffer (some 48 to 72 of 16 or 32 bytes)
/// drain while the next piece is hashed, however far away the memory is. Pieces of 4 KiB and more are waited for, the more so as memcpy
/// copies them with `rep movsb`: measured, 4 to 6 % over the MAC on a quiet machine, up to 19 % where neighbours keep the shared cache
/// busy; pieces of this length, 2 to 3 % on both. Below 512 bytes the calls into libcrypto show.
constexpr std::size_t kLatePiece = 12 * kCacheLine;

/// Asks for the lines that are to be written, so that the stores of the copy find them near.
void prefetch_for_writing(const std::uint8_t* to, std::size_t size) {
  for (std::size_t at = 0; at < size; at += kCacheLine) __builtin_prefetch(to + at, 1);
}

/// `position` of the first byte within the message: pieces end where HMAC's blocks do, so that no block is put together from two.
void hash_and_copy(ByteView from, std::uint8_t* to, std::size_t position, MacKey& key) {
  while (!from.empty()) {
    const ByteView piece = from.first(std::min(kLatePiece - position % kLatePiece, from.size()));
    prefetch_for_writing(to, piece.size());
    key.update(piece);
    std::memcpy(to, piece.data(), piece.size());
    from = from.subspan(piece.size());
    to += piece.size();
    position += piece.size();
  }
}

/// Header and tag around the body that already lies in `frame`.
ByteView sign(std::span<std::uint8_t> frame, const Header& header, MacKey& key) {
  write_header(header, frame.first<kHeaderSize>());
  key.tag(frame.first(frame.size() - kTagSize), {}, frame.last<kTagSize>());
  return frame;
}

}  // namespace

Status FrameWriter::check_size(std::size_t body_size) const {
  STINT_ASSERT(body_size != 0);
  if (round_up(body_size) <= body_limit_) return {};
  return fail(Errc::out_of_range, "frame body of " + std::to_string(body_size) + " bytes, limit " + std::to_string(body_limit_));
}

std::span<std::uint8_t> FrameWriter::copy_body(ByteView body) {
  const std::size_t padded = round_up(body.size());
  frame_.reserve(kFrameOverhead + padded);
  std::memcpy(frame_.data() + kHeaderSize, body.data(), body.size());
  std::memset(frame_.data() + kHeaderSize + body.size(), 0, padded - body.size());
  return {frame_.data(), kFrameOverhead + padded};
}

/// The frame's memory with the compressed body in place and `header` adjusted to it; empty if compression does not pay.
std::span<std::uint8_t> FrameWriter::compress(ByteView body, Header& header) {
  if (body.size() < limits::kCompressMin) return {};
  // Less room than the worst case: LZ4 gives up as soon as the block cannot save enough.
  const std::size_t room = body.size() * limits::kCompressShareNumerator / limits::kCompressShareDenominator / kAlignment * kAlignment;
  compressed_.reserve(kFrameOverhead + room);
  std::uint8_t* const block = compressed_.data() + kHeaderSize;
  const int written = LZ4_compress_default(reinterpret_cast<const char*>(body.data()), reinterpret_cast<char*>(block),
                                           static_cast<int>(body.size()), static_cast<int>(room));
  if (written <= 0) return {};

  const auto size = static_cast<std::size_t>(written);
  const std::size_t padded = round_up(size);
  std::memset(block + size, 0, padded - size);
  header.flags = static_cast<std::uint8_t>(kFlagLz4 | ((padded - size) << kFlagPadShift));
  header.body_length = static_cast<std::uint32_t>(padded);
  return {compressed_.data(), kFrameOverhead + padded};
}

Result<ByteView> FrameWriter::write_in_place(const FrameAddress& address, std::span<std::uint8_t> space, MacKey& key,
                                             Compression compression) {
  STINT_ASSERT(space.size() > kFrameOverhead && space.size() % kAlignment == 0 && address.kind != FrameKind::reject);
  const ByteView body = space.subspan(kHeaderSize, space.size() - kFrameOverhead);
  STINT_TRY_VOID(check_size(body.size()));

  Header header = plain_header(address, body.size());
  if (compression == Compression::allowed && address.kind == FrameKind::data) {
    if (const auto frame = compress(body, header); !frame.empty()) return sign(frame, header, key);
  }
  return sign(space, header, key);
}

Result<ByteView> FrameWriter::write_in_place(const FrameAddress& address, std::span<std::uint8_t> space, MacKey& key,
                                             const LateBytes& late) {
  STINT_ASSERT(space.size() > kFrameOverhead && space.size() % kAlignment == 0 && address.kind != FrameKind::reject);
  const std::size_t body_end = space.size() - kTagSize;
  STINT_ASSERT(late.offset >= kHeaderSize && late.offset <= body_end && late.bytes.size() <= body_end - late.offset);
  STINT_TRY_VOID(check_size(body_end - kHeaderSize));

  write_header(plain_header(address, body_end - kHeaderSize), space.first<kHeaderSize>());
  const std::size_t late_end = late.offset + late.bytes.size();
  key.begin();
  key.update(space.first(late.offset));
  hash_and_copy(late.bytes, space.data() + late.offset, late.offset, key);
  key.update(space.subspan(late_end, body_end - late_end));
  key.finish(space.last<kTagSize>());
  return ByteView{space};
}

Result<ByteView> FrameWriter::write(const FrameAddress& address, ByteView body, MacKey& key, Compression compression) {
  STINT_ASSERT(address.kind != FrameKind::reject);
  STINT_TRY_VOID(check_size(body.size()));
  // frame_ ends in a tag's worth of space, exactly the layout of form A.
  return write_in_place(address, copy_body(body), key, compression);
}

Result<ByteView> FrameWriter::write_reject(ByteView body) {
  STINT_TRY_VOID(check_size(body.size()));
  const auto frame = copy_body(body);
  write_header(plain_header({.kind = FrameKind::reject}, frame.size() - kFrameOverhead), frame.first<kHeaderSize>());
  std::memset(frame.last<kTagSize>().data(), 0, kTagSize);
  return ByteView{frame};
}

}  // namespace stint::wire
