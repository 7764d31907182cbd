#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <tl/expected.hpp>

#include "base/bytes.hpp"
#include "wire/aligned_buffer.hpp"
#include "wire/frame.hpp"
#include "wire/mac.hpp"

namespace stint::wire {

/// Cuts a byte stream into frames, in place and 8-aligned (a frame's length is a multiple of 8, so if the first is aligned, all are).
///
/// Memory grows with the bytes received, at most to twice their number, never with the bytes a header announces.
///
///     reader.feed(bytes);
///     while (auto frame = reader.next()) { … open_frame(*frame, …) … }
///     if (reader.error() != FrameError::ok) close();
class FrameReader {
 public:
  explicit FrameReader(FrameLimits frame_limits = {}) : limits_(frame_limits) {}

  /// For the frames not yet returned. Starts at 4 KiB; the session raises it when the handshake is done.
  void set_limit(std::uint32_t body_and_raw) { limits_ = FrameLimits{body_and_raw, body_and_raw}; }

  /// Takes bytes over; ignored after an error. Ends the life of every view that next() has returned.
  void feed(ByteView bytes);

  /// feed() without the copy: room for `size` bytes to read into, then how many of them were filled.
  [[nodiscard]] std::span<std::uint8_t> prepare(std::size_t size);
  void commit(std::size_t filled);

  /// The next complete frame, or nothing: more bytes are needed, or error() is set. An error is for good: what follows has no border.
  [[nodiscard]] std::optional<RawFrame> next();
  [[nodiscard]] FrameError error() const { return error_; }

  /// Received, not returned yet. Not 0 after next() gave nothing: a frame has begun.
  [[nodiscard]] std::size_t buffered() const { return end_ - begin_; }
  [[nodiscard]] std::size_t capacity() const { return buffer_.capacity(); }
  /// Gives the memory of an idle connection back; does nothing while a frame is incomplete.
  void trim();

 private:
  FrameLimits limits_;
  AlignedBuffer buffer_;
  std::size_t begin_ = 0;  // of the first frame not returned yet; a multiple of 8
  std::size_t end_ = 0;    // of the received bytes
  FrameError error_ = FrameError::ok;
};

/// Authenticates a frame and gives `body ‖ tag` for the FlatBuffers verifier: 8-aligned, in place, or in `scratch` if compressed.
///
/// Order:   MAC, sequence, pad, decompression. The caller found the key (or counts unknown_key) and moves its sequence only on success.
/// Errors:  bad_kind for a REJECT (it has no key: open_reject), bad_mac, bad_sequence, bad_pad, bad_compression.
[[nodiscard]] tl::expected<ByteView, FrameError> open_frame(const RawFrame& frame, MacKey& key, std::uint64_t expected_sequence,
                                                            AlignedBuffer& scratch);

/// The same for REJECT, the unsigned kind: its tag must be 32 zero bytes. What it says is advice from anybody.
[[nodiscard]] tl::expected<ByteView, FrameError> open_reject(const RawFrame& frame);

}  // namespace stint::wire
