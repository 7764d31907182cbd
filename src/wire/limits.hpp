#pragma once

#include <cstddef>
#include <cstdint>

/// Every bound of the frame layer, with its reason. Sizes in bytes.
namespace stint::wire::limits {

/// A stranger may make us hold this much: HELLO and ENROL fit, nothing else is said before the handshake is done.
inline constexpr std::uint32_t kBodyBeforeHandshake = 4 * 1024;
/// Body and raw length of a session's frames unless its HELLO_ACK says otherwise.
inline constexpr std::uint32_t kBodyDefault = 2 * 1024 * 1024;
/// No session may raise its limit above this: lengths stay far from the 2 GiB at which LZ4 and FlatBuffers stop.
inline constexpr std::uint32_t kBodyMax = 256 * 1024 * 1024;

/// An LZ4 block cannot expand more than this, so a larger raw length is a lie that costs nothing to find.
inline constexpr std::uint64_t kExpansionMax = 255;
inline constexpr std::uint64_t kExpansionSlack = 64;

/// Below this a body is never compressed: the gain is a few bytes, the cost a pass over a cold table.
inline constexpr std::size_t kCompressMin = 1024;
/// A compressed body, padded, is at most this share of the plain one, or the plain one is sent.
inline constexpr std::size_t kCompressShareNumerator = 9;
inline constexpr std::size_t kCompressShareDenominator = 10;

/// What a receive buffer starts with: one heartbeat frame and its neighbours.
inline constexpr std::size_t kReceiveInitial = 512;

/// RFC 5869: L <= 255 * HashLen.
inline constexpr std::size_t kHkdfOutputMax = std::size_t{255} * 32;

}  // namespace stint::wire::limits
