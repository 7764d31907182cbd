#include "apps/stint-conform/cases/session_cases.hpp"
#include "wire/frame_writer.hpp"

namespace stint::conform {
namespace {

constexpr const char* kLetterRule =
    "no offset of 0, no offset before the first byte, the last sequence without a match, no match that begins in the last twelve bytes, "
    "the last five bytes literals.";
constexpr const char* kPadRule = "then `pad` zero bytes up to a multiple of 8.";
constexpr std::size_t kZeros = 64;
constexpr std::size_t kMinMatch = 4;
constexpr std::size_t kNibbleMax = 15;

/// A heartbeat with zero bytes behind it, which every receiver ignores and every compressor likes.
Bytes roomy_heartbeat(const Session& session, std::int64_t beat, std::size_t zeros) {
  Bytes body =
      make_envelope({.type = schema::SchedulerMessage::Heartbeat,
                     .build = [beat](Builder& b) { return schema::CreateHeartbeat(b, static_cast<std::uint64_t>(beat), 0).Union(); },
                     .timestamp_ms = session.time_ms(),
                     .version = 1,
                     .signature = {}});
  body.resize(body.size() + zeros);
  return body;
}

void add_length(Bytes& block, std::size_t length) {
  if (length < kNibbleMax) return;
  std::size_t rest = length - kNibbleMax;
  for (; rest >= 255; rest -= 255) block.push_back(255);
  block.push_back(static_cast<std::uint8_t>(rest));
}

/// literals, a match, and the rest as literals.
struct Match {
  std::size_t literals;
  std::uint16_t offset;
  std::size_t length;
};
Bytes block_with(const Bytes& plain, const Match& match) {
  const std::size_t extra = match.length - kMinMatch;
  Bytes block;
  block.push_back(static_cast<std::uint8_t>(std::min(match.literals, kNibbleMax) << 4 | std::min(extra, kNibbleMax)));
  add_length(block, match.literals);
  block.insert(block.end(), plain.begin(), plain.begin() + static_cast<std::ptrdiff_t>(match.literals));
  block.push_back(static_cast<std::uint8_t>(match.offset & 0xFF));
  block.push_back(static_cast<std::uint8_t>(match.offset >> 8));
  add_length(block, extra);
  const std::size_t done = match.literals + match.length;
  if (done >= plain.size()) return block;
  const Bytes last = literal_block(ByteView{plain}.subspan(done));
  block.insert(block.end(), last.begin(), last.end());
  return block;
}

Bytes compressed(Session& session, const Bytes& block, std::size_t raw_length, std::uint8_t pad_byte = 0) {
  const auto padded = pad_block(block, pad_byte);
  FrameSpec spec{session.next_header(), padded.body, {}};
  spec.header.flags = padded.flags;
  spec.header.raw_length = static_cast<std::uint32_t>(raw_length);
  return session.data_of(spec);
}

Check refuse_match(Session& session, const std::function<Match(std::size_t size)>& make_match) {
  const Bytes plain = roomy_heartbeat(session, fresh_beat(), kZeros);
  return send_and_refuse(session, compressed(session, block_with(plain, make_match(plain.size())), plain.size()), "bad_compression");
}

Check accept_match(Session& session) {
  const auto beat = fresh_beat();
  const Bytes plain = roomy_heartbeat(session, beat, kZeros);
  session.peer().send(compressed(session, block_with(plain, {plain.size() - 60, 1, 40}), plain.size()));
  return expect_beat(session, beat);
}

Check accept_literals(Session& session) {
  const auto beat = fresh_beat();
  const Bytes plain = roomy_heartbeat(session, beat, 0);
  session.peer().send(compressed(session, literal_block(plain), plain.size()));
  return expect_beat(session, beat);
}

/// As an honest sender does it: from 1,024 bytes on.
Check accept_compressed(Session& session) {
  const auto beat = fresh_beat();
  const Bytes plain = roomy_heartbeat(session, beat, 4096);
  const auto header = session.next_header();
  wire::FrameWriter writer;
  const auto frame = writer.write({wire::FrameKind::data, header.key_epoch, header.principal, header.sequence}, plain, session.out_key(),
                                  wire::Compression::allowed);
  if (!frame) return differ("a frame of ours", frame.error().detail);
  session.peer().send(*frame);
  return expect_beat(session, beat);
}

/// Blocks of eight lengths in a row, so of every pad from 0 to 7.
Check accept_every_pad(Session& session) {
  for (std::size_t split = 0; split < 8; ++split) {
    const auto beat = fresh_beat();
    const Bytes plain = roomy_heartbeat(session, beat, kZeros);
    session.peer().send(compressed(session, block_with(plain, {plain.size() - 60 + split, 1, 40}), plain.size()));
    CONFORM_CHECK(expect_beat(session, beat));
  }
  return {};
}

Check refuse_pad(Session& session) {
  for (std::size_t split = 0; split < 8; ++split) {
    const Bytes plain = roomy_heartbeat(session, fresh_beat(), kZeros);
    const Bytes block = block_with(plain, {plain.size() - 60 + split, 1, 40});
    if (block.size() % wire::kAlignment == 0) continue;
    return send_and_refuse(session, compressed(session, block, plain.size(), 1), "bad_pad");
  }
  return differ("a block that needs a pad", "none");
}

Check refuse_length(Session& session, std::ptrdiff_t more) {
  const Bytes plain = roomy_heartbeat(session, fresh_beat(), kZeros);
  const auto raw = static_cast<std::size_t>(static_cast<std::ptrdiff_t>(plain.size()) + more);
  return send_and_refuse(session, compressed(session, literal_block(plain), raw), "bad_compression");
}

}  // namespace

std::vector<SessionCase> compression_cases() {
  return {
      {"4.01", "a compressed frame", "The body of a compressed frame is one raw LZ4 block", accept_compressed},
      {"4.02", "a block with a match, below 1,024 bytes", "A receiver does not hold a sender to the first two.", accept_match},
      {"4.03", "a block that saves nothing", "A receiver does not hold a sender to the first two.", accept_literals},
      {"4.04", "every pad from 0 to 7", kPadRule, accept_every_pad},
      {"4.05", "a pad byte that is not zero", kPadRule, refuse_pad},
      {"4.06", "an offset of 0", kLetterRule,
       [](Session& s) { return refuse_match(s, [](std::size_t size) { return Match{size - 60, 0, 40}; }); }},
      {"4.07", "an offset before the first byte", kLetterRule,
       [](Session& s) { return refuse_match(s, [](std::size_t size) { return Match{size - 60, static_cast<std::uint16_t>(size), 40}; }); }},
      {"4.08", "a block that ends with a match", kLetterRule,
       [](Session& s) { return refuse_match(s, [](std::size_t size) { return Match{size - 60, 1, 60}; }); }},
      {"4.09", "only four literals at the end", kLetterRule,
       [](Session& s) { return refuse_match(s, [](std::size_t size) { return Match{size - 60, 1, 56}; }); }},
      {"4.10", "a block that yields less than raw length", "The block must yield exactly `raw length` bytes.",
       [](Session& s) { return refuse_length(s, 8); }},
      {"4.11", "a block that yields more than raw length", "The block must yield exactly `raw length` bytes.",
       [](Session& s) { return refuse_length(s, -8); }},
      {"4.12", "bytes that are no block", "| `bad_compression` | not a block by the letter, or one that yields another length |",
       [](Session& s) { return send_and_refuse(s, compressed(s, Bytes(64, 0xFF), 128), "bad_compression"); }},
  };
}

}  // namespace stint::conform
