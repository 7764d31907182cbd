#include "apps/stint-conform/peer.hpp"

#include <algorithm>

namespace stint::conform {

std::string describe(const wire::Header& header) {
  static constexpr const char* kKinds[] = {"?", "HELLO", "HELLO_ACK", "DATA", "REJECT", "ENROL", "ENROL_ACK"};
  const auto kind = std::min<std::size_t>(static_cast<std::size_t>(header.kind), std::size(kKinds) - 1);
  return std::string(kKinds[kind]) + " of " + std::to_string(header.body_length) + " bytes, key epoch " + std::to_string(header.key_epoch) +
         ", principal " + std::to_string(header.principal) + ", sequence " + std::to_string(header.sequence);
}

void Peer::send_in_pieces(ByteView bytes, std::size_t piece) {
  constexpr Duration kApart = std::chrono::milliseconds{1};
  for (; !bytes.empty(); bytes = bytes.subspan(std::min(piece, bytes.size()))) {
    send(bytes.first(std::min(piece, bytes.size())));
    sleep_for(kApart);
  }
}

Checked<std::optional<Frame>> Peer::next_frame(Instant deadline) {
  for (;;) {
    const Instant first_byte_after = empty_since_;
    if (const auto frame = reader_.next())
      return Frame{frame->header, Bytes(frame->bytes.begin(), frame->bytes.end()), first_byte_after, read_};
    if (reader_.error() != wire::FrameError::ok)
      return differ("frames as docs/protocol.md lays them out", std::string("bytes that are refused: ") + to_string(reader_.error()));
    if (closed_) return std::nullopt;
    Bytes bytes;
    switch (socket_.receive(bytes, deadline)) {
      case Socket::Got::closed:
        closed_ = true;
        if (const auto problem = socket_.problem(); !problem.empty()) return differ("what the transport allows", problem);
        return std::nullopt;
      case Socket::Got::nothing: return std::nullopt;
      case Socket::Got::bytes: break;
    }
    if (reader_.buffered() == 0) empty_since_ = socket_.empty_since();
    read_ = now();
    reader_.feed(bytes);
  }
}

Checked<std::vector<Frame>> Peer::until_closed(Duration patience) {
  const Instant deadline = now() + patience;
  std::vector<Frame> frames;
  for (;;) {
    CONFORM_TRY(auto frame, next_frame(deadline));
    if (frame) {
      frames.push_back(*std::move(frame));
    } else if (closed_) {
      return frames;
    } else {
      return differ("the connection closed", "open after " + std::to_string(to_ms(patience)) + " ms");
    }
  }
}

}  // namespace stint::conform
