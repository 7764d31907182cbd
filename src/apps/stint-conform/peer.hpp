#pragma once

#include <optional>
#include <string>
#include <vector>

#include "apps/stint-conform/check.hpp"
#include "apps/stint-conform/limits.hpp"
#include "apps/stint-conform/socket.hpp"
#include "wire/frame_reader.hpp"

namespace stint::conform {

/// A whole frame, its bytes 8-aligned.
struct Frame {
  wire::Header header;
  Bytes bytes;
  Instant empty_since;  ///< its first byte came between this moment
  Instant read;         ///< and this one
  [[nodiscard]] wire::RawFrame raw() const { return {header, bytes}; }
};
/// For people: kind, lengths and key.
[[nodiscard]] std::string describe(const wire::Header& header);

/// One connection, as bytes and as frames. What the other side sends must be frames: anything else is a finding.
class Peer {
 public:
  explicit Peer(Socket socket) : socket_(std::move(socket)), reader_({kBodyMax, kBodyMax}), empty_since_(socket_.empty_since()) {}

  /// A peer that has closed meanwhile is not a finding here: what it said before shows when it is read.
  void send(ByteView bytes) { (void)socket_.send(bytes); }
  /// In pieces of one segment each, as far as TCP lets itself be asked.
  void send_in_pieces(ByteView bytes, std::size_t piece);

  /// The next frame; nothing if the connection has closed, or at the deadline.
  [[nodiscard]] Checked<std::optional<Frame>> next_frame(Instant deadline);
  [[nodiscard]] bool closed() const { return closed_; }
  /// All frames until the other side closes.
  [[nodiscard]] Checked<std::vector<Frame>> until_closed(Duration patience = limits::kPatience);

  [[nodiscard]] Socket& socket() { return socket_; }

 private:
  static constexpr std::uint32_t kBodyMax = 256U << 20;

  Socket socket_;
  wire::FrameReader reader_;
  bool closed_ = false;
  Instant empty_since_;  // before the first byte of the frame that is being read
  Instant read_{};
};

}  // namespace stint::conform
