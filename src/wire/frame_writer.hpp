#pragma once

#include <cstdint>
#include <span>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "wire/aligned_buffer.hpp"
#include "wire/frame.hpp"
#include "wire/mac.hpp"

namespace stint::wire {

/// Whether a body may be compressed. `allowed` still sends it plain below 1 KiB, or if it would save less than 10 %.
/// Never allow it for a body that holds keys, tokens or secrets.
enum class Compression : std::uint8_t { never, allowed };

/// What the session knows of a frame; the writer adds flags and lengths.
struct FrameAddress {
  FrameKind kind = FrameKind::data;
  std::uint16_t key_epoch = 0;
  std::uint64_t principal = 0;
  std::uint64_t sequence = 0;
};

/// A long byte vector that the FlatBuffer holds uninitialised (CreateUninitializedVector), to be filled while the frame is signed:
/// each piece is hashed where it lies and copied meanwhile, so that a megabyte costs hardly more than its MAC.
struct LateBytes {
  static constexpr std::size_t kPaysFrom = 16 * 1024;  ///< a shorter one is copied as fast beforehand

  std::size_t offset = 0;  ///< of the vector's first byte within `space`
  ByteView bytes;  ///< as many as the vector holds
};

/// Builds frames. Holds nothing but scratch memory and a limit, so one serves all sessions of a thread; allocates nothing in steady state.
///
/// Errors:  out_of_range  the body is over the limit: nothing was written, the sequence number is still free.
/// Thread:  one at a time. A returned view lives until the next call, and as long as the caller's buffer.
class FrameWriter {
 public:
  explicit FrameWriter(std::uint32_t body_limit = limits::kBodyDefault) : body_limit_(body_limit) {}

  void set_limit(std::uint32_t body_limit) { body_limit_ = body_limit; }

  /// Form A, without a copy. `space` = 32 free bytes ‖ a finished FlatBuffer, a multiple of 8 long, whose last 32 bytes are its signature.
  /// The header goes into the free bytes and the tag over the signature. With a FlatBufferBuilder:
  ///
  ///     builder.Finish(envelope);
  ///     builder.PushFlatBuffer(kHeadroom.data(), kHeadroom.size());
  ///     writer.write_in_place(address, {builder.GetBufferPointer(), builder.GetSize()}, key);
  [[nodiscard]] Result<ByteView> write_in_place(const FrameAddress& address, std::span<std::uint8_t> space, MacKey& key,
                                                Compression compression = Compression::never);

  /// Form A with one vector still to be filled; never compressed.
  [[nodiscard]] Result<ByteView> write_in_place(const FrameAddress& address, std::span<std::uint8_t> space, MacKey& key,
                                                const LateBytes& late);

  /// Form B: any body without a signature, copied; zero bytes fill it to a multiple of 8 and the tag is appended.
  [[nodiscard]] Result<ByteView> write(const FrameAddress& address, ByteView body, MacKey& key,
                                       Compression compression = Compression::never);

  /// REJECT, the unsigned kind: form B with a tag of zero bytes.
  [[nodiscard]] Result<ByteView> write_reject(ByteView body);

 private:
  [[nodiscard]] Status check_size(std::size_t body_size) const;
  [[nodiscard]] std::span<std::uint8_t> copy_body(ByteView body);
  [[nodiscard]] std::span<std::uint8_t> compress(ByteView body, Header& header);

  std::uint32_t body_limit_;
  AlignedBuffer frame_;  // of form B and of compressed frames
  AlignedBuffer compressed_;  // apart from frame_, whose body may be what is compressed
};

/// What a caller of write_in_place puts in front of its FlatBuffer.
inline constexpr std::array<std::uint8_t, kHeaderSize> kHeadroom{};

}  // namespace stint::wire
