#include "apps/stint-conform/cases/session_cases.hpp"

namespace stint::conform {
namespace {

constexpr const char* kMacRule = "| 4 | the MAC, compared in constant time | `bad_mac` |";
constexpr const char* kSequenceRule = "| 5 | the sequence: exactly the next | `bad_sequence` |";
constexpr const char* kDataSequenceRule =
    "| 3 | DATA | session id | 1, 2, 3 … in each direction, without a gap | session, of the direction |";

/// A good frame, one bit of it changed after it was signed.
Check refuse_flipped(Session& session, const std::function<std::size_t(std::size_t size)>& at, std::uint8_t bit) {
  Bytes frame = session.data(heartbeat_body(session, fresh_beat()));
  frame[at(frame.size())] ^= bit;
  return send_and_refuse(session, frame, "unauthenticated");
}

Check refuse_sequence(Session& session, std::uint64_t sequence) {
  FrameSpec spec{session.next_header(), heartbeat_body(session, fresh_beat()), {}};
  spec.header.sequence = sequence;
  return send_and_refuse(session, session.data_of(spec), "bad_sequence");
}

Check replay(Session& session) {
  const auto beat = fresh_beat();
  const Bytes frame = session.data(heartbeat_body(session, beat));
  session.peer().send(frame);
  CONFORM_CHECK(expect_beat(session, beat));
  return send_and_refuse(session, frame, "bad_sequence");
}

Check reflect(Session& session) {
  CONFORM_CHECK(session.expect_alive());
  return send_and_refuse(session, session.heard_frames().back(), "unauthenticated");
}

Check truncated_tag(Session& session) {
  Bytes frame = session.data(heartbeat_body(session, fresh_beat()));
  std::fill(frame.end() - wire::kTagSize / 2, frame.end(), std::uint8_t{0});
  return send_and_refuse(session, frame, "unauthenticated");
}

Check zero_tag(Session& session) {
  Bytes frame = session.data(heartbeat_body(session, fresh_beat()));
  std::fill(frame.end() - wire::kTagSize, frame.end(), std::uint8_t{0});
  return send_and_refuse(session, frame, "unauthenticated");
}

Check mac_before_sequence(Session& session) {
  FrameSpec spec{session.next_header(), heartbeat_body(session, fresh_beat()), {}};
  spec.header.sequence += 5;
  Bytes frame = session.data_of(spec);
  frame.back() ^= 1;
  return send_and_refuse(session, frame, "unauthenticated");
}

Check mac_before_compression(Session& session) {
  FrameSpec spec{session.next_header(), Bytes(64, 0xFF), {}};
  spec.header.flags = wire::kFlagLz4 | (7U << wire::kFlagPadShift);
  spec.header.raw_length = 128;
  Bytes frame = session.data_of(spec);
  frame.back() ^= 1;
  return send_and_refuse(session, frame, "unauthenticated");
}

Check sequence_before_compression(Session& session) {
  FrameSpec spec{session.next_header(), Bytes(64, 0xFF), {}};
  spec.header.flags = wire::kFlagLz4 | (7U << wire::kFlagPadShift);
  spec.header.raw_length = 128;
  spec.header.sequence += 1;
  return send_and_refuse(session, session.data_of(spec), "bad_sequence");
}

/// What the other side says must have the sequence that Session holds it to; many answers show that it goes on.
Check answers_in_sequence(Session& session) {
  for (int i = 0; i < 20; ++i) CONFORM_CHECK(session.expect_alive());
  return {};
}

}  // namespace

std::vector<SessionCase> mac_cases() {
  return {
      {"3.01", "first bit of the tag", kMacRule,
       [](Session& s) { return refuse_flipped(s, [](std::size_t size) { return size - wire::kTagSize; }, 0x01); }},
      {"3.02", "last bit of the tag", kMacRule,
       [](Session& s) { return refuse_flipped(s, [](std::size_t size) { return size - 1; }, 0x80); }},
      {"3.03", "a bit in the middle of the tag", kMacRule,
       [](Session& s) { return refuse_flipped(s, [](std::size_t size) { return size - wire::kTagSize / 2; }, 0x10); }},
      {"3.04", "half of the tag",
       "There is no algorithm field, no truncated tag, no size prefix, and no MAC over anything but bytes as they were received",
       truncated_tag},
      {"3.05", "a tag of zero bytes", "| 4 | REJECT | 0 | 0 | none: the tag is 32 zero bytes |", zero_tag},
      {"3.06", "body changed after it was signed", "tag    = HMAC-SHA256(k, header ‖ body)",
       [](Session& s) { return refuse_flipped(s, [](std::size_t) { return wire::kHeaderSize + 20; }, 0x04); }},
      {"3.07", "sequence in the header changed after it was signed", "tag    = HMAC-SHA256(k, header ‖ body)",
       [](Session& s) { return refuse_flipped(s, [](std::size_t) { return std::size_t{24}; }, 0x02); }},
      {"3.08", "a frame of the other side sent back to it",
       "**Directions** have keys of their own, so that no frame can be sent back to its sender.", reflect},
      {"3.09", "the same frame twice", kSequenceRule, replay},
      {"3.10", "a gap in the sequence", kDataSequenceRule, [](Session& s) { return refuse_sequence(s, s.next_header().sequence + 1); }},
      {"3.11", "sequence 0", kDataSequenceRule, [](Session& s) { return refuse_sequence(s, 0); }},
      {"3.12", "a sequence that goes back", kSequenceRule,
       [](Session& s) -> Check {
         CONFORM_CHECK(s.expect_alive());
         return refuse_sequence(s, 1);
       }},
      {"3.13", "the last sequence there is", kSequenceRule, [](Session& s) { return refuse_sequence(s, ~std::uint64_t{0}); }},
      {"3.14", "the MAC is judged before the sequence", "Nothing moves a receiver's state before the MAC has passed.", mac_before_sequence},
      {"3.15", "the MAC is judged before the LZ4 block",
       "Every frame but one kind is authenticated with HMAC-SHA256 before anything in it is decompressed or interpreted.",
       mac_before_compression},
      {"3.16", "the sequence is judged before the LZ4 block", "| 6 | pad bytes are zero, then the block | `bad_pad` `bad_compression` |",
       sequence_before_compression},
      {"3.17", "its own frames count 1, 2, 3 …", kDataSequenceRule, answers_in_sequence},
  };
}

}  // namespace stint::conform
