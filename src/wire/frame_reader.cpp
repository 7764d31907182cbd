#include "wire/frame_reader.hpp"

#include <algorithm>
#include <cstring>

#include "base/assert.hpp"
#include "wire/lz4_block.hpp"

namespace stint::wire {
namespace {

bool all_zero(ByteView bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t byte) { return byte == 0; });
}

tl::expected<ByteView, FrameError> decompress(const RawFrame& frame, AlignedBuffer& scratch) {
  const ByteView body = frame.body();
  const ByteView block = body.first(body.size() - frame.header.pad());
  if (!all_zero(body.last(frame.header.pad()))) return tl::unexpected(FrameError::bad_pad);

  const std::size_t raw_length = frame.header.raw_length;
  scratch.reserve(raw_length + kTagSize);
  if (!decompress_block(block, {scratch.data(), raw_length})) return tl::unexpected(FrameError::bad_compression);
  std::memcpy(scratch.data() + raw_length, frame.tag().data(), kTagSize);
  return ByteView{scratch.data(), raw_length + kTagSize};
}

}  // namespace

void FrameReader::feed(ByteView bytes) {
  if (bytes.empty() || error_ != FrameError::ok) return;
  std::memcpy(prepare(bytes.size()).data(), bytes.data(), bytes.size());
  commit(bytes.size());
}

std::span<std::uint8_t> FrameReader::prepare(std::size_t size) {
  if (end_ + size > buffer_.capacity() && begin_ != 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, buffered());
    end_ -= begin_;
    begin_ = 0;
  }
  if (end_ + size > buffer_.capacity()) buffer_.reserve(std::max({end_ + size, 2 * end_, limits::kReceiveInitial}), end_);
  return {buffer_.data() + end_, size};
}

void FrameReader::commit(std::size_t filled) {
  STINT_ASSERT(filled <= buffer_.capacity() - end_);
  end_ += filled;
}

std::optional<RawFrame> FrameReader::next() {
  if (error_ != FrameError::ok || buffered() < kHeaderSize) return std::nullopt;
  const ByteView received{buffer_.data() + begin_, buffered()};
  Header header;
  error_ = parse_header(received.first<kHeaderSize>(), limits_.body, limits_.raw, header);
  if (error_ != FrameError::ok || received.size() < header.frame_size()) return std::nullopt;

  begin_ += header.frame_size();
  if (begin_ == end_) begin_ = end_ = 0;  // the bytes stay where they are until the next feed
  return RawFrame{header, received.first(header.frame_size())};
}

void FrameReader::trim() {
  if (buffered() == 0) buffer_.release();
}

tl::expected<ByteView, FrameError> open_frame(const RawFrame& frame, MacKey& key, std::uint64_t expected_sequence, AlignedBuffer& scratch) {
  if (frame.header.kind == FrameKind::reject) return tl::unexpected(FrameError::bad_kind);
  if (!key.check(frame.authenticated(), {}, frame.tag())) return tl::unexpected(FrameError::bad_mac);
  if (frame.header.sequence != expected_sequence) return tl::unexpected(FrameError::bad_sequence);
  if (frame.header.is_compressed()) return decompress(frame, scratch);
  return frame.body_and_tag();
}

tl::expected<ByteView, FrameError> open_reject(const RawFrame& frame) {
  if (frame.header.kind != FrameKind::reject) return tl::unexpected(FrameError::bad_kind);
  if (!all_zero(frame.tag())) return tl::unexpected(FrameError::bad_reject_tag);
  return frame.body_and_tag();
}

}  // namespace stint::wire
