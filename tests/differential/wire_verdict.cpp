// Reads questions, a line each, and answers each with a line:
//
//   frame BODY_LIMIT RAW_LIMIT KEY|- SEQUENCE HEX     accept HEX (body ‖ tag, decompressed) | incomplete | CODE
//   hello|hello_ack|reject|enrol|enrol_ack|data HEX   accept HEX… (the message, encoded again: `body ‖ 32 zero bytes` of each frame) | CODE
//
// The second takes what goes to the verifier, `body ‖ tag`, as a frame of that kind. "accept" alone: understood, but more than this side
// would say. Whoever asks reads the second encoding with its own reader and compares the values: no third form of a message is needed.

#include <charconv>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include "protocol/codec.hpp"
#include "wire/aligned_buffer.hpp"
#include "wire/frame_reader.hpp"

using namespace stint;
using namespace stint::protocol;

namespace {

constexpr std::int64_t kTimestamp = 5;  // of what is encoded again

std::string accept(const std::vector<Unsealed>& frames) {
  std::string answer = "accept";
  for (const Unsealed& frame : frames) {
    Bytes space = frame.space;
    store_le<std::uint64_t>(space.data() + frame.timestamp_at, static_cast<std::uint64_t>(kTimestamp));
    answer += " " + to_hex(ByteView{space}.subspan(wire::kHeaderSize));
  }
  return answer;
}

std::string judge_frame(std::istringstream& words) {
  std::uint32_t body_limit = 0;
  std::uint32_t raw_limit = 0;
  std::uint64_t sequence = 0;
  std::string key;
  std::string hex;
  words >> body_limit >> raw_limit >> key >> sequence >> hex;
  Bytes bytes;
  if (!from_hex(hex, bytes)) return "no hexadecimal digits";
  wire::FrameReader reader(wire::FrameLimits{body_limit, raw_limit});
  reader.feed(bytes);
  const auto frame = reader.next();
  if (!frame) return reader.error() == wire::FrameError::ok ? "incomplete" : to_string(reader.error());
  if (frame->header.kind == wire::FrameKind::reject) {
    const auto buffer = wire::open_reject(*frame);
    return buffer ? "accept " + to_hex(*buffer) : to_string(buffer.error());
  }
  Bytes key_bytes;
  if (key == "-" || !from_hex(key, key_bytes)) return to_string(wire::FrameError::unknown_key);
  wire::MacKey mac(key_bytes);
  wire::AlignedBuffer scratch;
  const auto buffer = wire::open_frame(*frame, mac, sequence, scratch);
  return buffer ? "accept " + to_hex(*buffer) : to_string(buffer.error());
}

template <class Handshake>
std::string judge(const Decoded<Handshake>& decoded) {
  if (!decoded) return to_string(decoded.error().reason);
  Encoder encoder;
  return accept({encoder.encode(*decoded)});
}

std::string judge(const Decoded<Message>& decoded) {
  if (!decoded) return to_string(decoded.error().reason);
  Encoder encoder;
  std::vector<Unsealed> frames;
  if (!encoder.encode(*decoded, frames)) return "accept";
  return accept(frames);
}

std::string judge_envelope(const std::string& kind, std::istringstream& words) {
  std::string hex;
  words >> hex;
  Bytes bytes;
  if (!from_hex(hex, bytes) || bytes.size() < wire::kTagSize) return "no buffer with a tag";
  wire::AlignedBuffer buffer;
  buffer.reserve(bytes.size());
  std::copy(bytes.begin(), bytes.end(), buffer.data());
  const auto envelope = open_envelope({buffer.data(), bytes.size()});
  if (!envelope) return to_string(envelope.error().reason);
  if (kind == "hello") return judge(decode_hello(*envelope));
  if (kind == "hello_ack") return judge(decode_hello_ack(*envelope));
  if (kind == "reject") return judge(decode_reject(*envelope));
  if (kind == "enrol") return judge(decode_enrol(*envelope));
  if (kind == "enrol_ack") return judge(decode_enrol_ack(*envelope));
  return judge(decode_message(*envelope));
}

}  // namespace

int main() {
  std::ios::sync_with_stdio(false);
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::string kind;
    words >> kind;
    std::cout << (kind == "frame" ? judge_frame(words) : judge_envelope(kind, words)) << std::endl;
  }
}
