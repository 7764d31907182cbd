// Writes the golden vectors: make_vectors DIRECTORY. They are committed; run it again only to add some, and read the difference.
//
// What a receiver must say to each frame is written here by hand, case by case, never taken from our own receiver.

#include <boost/json.hpp>
#include <fstream>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "make_message_vectors.hpp"
#include "wire/frame_writer.hpp"
#include "wire/keys.hpp"

namespace stint::wire {
namespace {

namespace json = boost::json;

constexpr FrameLimits kLimits{limits::kBodyDefault, limits::kBodyDefault};

struct FrameVector {
  std::string name;
  std::string comment;
  Bytes frame;
  std::string expect = "accept";
  FrameLimits frame_limits = kLimits;
  std::uint64_t expected_sequence = 1;
  Bytes plain = {};     ///< accepted frames: the body, decompressed
  bool has_key = true;  ///< false: the receiver knows none for this principal and key epoch, or the kind needs none
};

Bytes frame_key_bytes() {
  Bytes key(32);
  for (std::size_t i = 0; i < key.size(); ++i) key[i] = static_cast<std::uint8_t>(0x40 + i);
  return key;
}

Bytes counting(std::size_t size, std::uint8_t first = 0) {
  Bytes bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::uint8_t>(first + i);
  return bytes;
}

constexpr Header kData{.kind = FrameKind::data, .key_epoch = 3, .principal = 0x1122334455667788, .sequence = 1};

Header with(Header header, auto change) {
  change(header);
  return header;
}

/// `header` as it is but for the lengths, which follow the body unless they are set; signed, so that nothing but the case itself is wrong.
Bytes make_frame(Header header, ByteView body) {
  if (header.body_length == 0) header.body_length = static_cast<std::uint32_t>(body.size());
  if (header.raw_length == 0) header.raw_length = header.body_length;
  Bytes frame(kFrameOverhead + body.size());
  write_header(header, std::span(frame).first<kHeaderSize>());
  std::copy(body.begin(), body.end(), frame.begin() + kHeaderSize);
  if (header.kind != FrameKind::reject) {
    MacKey(frame_key_bytes()).tag(ByteView(frame).first(frame.size() - kTagSize), {}, std::span(frame).last<kTagSize>());
  }
  return frame;
}

Bytes with_byte(Bytes frame, std::size_t at, std::uint8_t value) {
  frame[at] = value;
  return frame;
}

/// One block, written out by hand, padded; `raw_length` as announced.
Bytes lz4_frame(Bytes block, std::uint32_t raw_length, std::uint8_t pad_byte = 0) {
  const std::size_t pad = (kAlignment - block.size() % kAlignment) % kAlignment;
  block.insert(block.end(), pad, pad_byte);
  const auto flags = static_cast<std::uint8_t>(kFlagLz4 | pad << kFlagPadShift);
  return make_frame(with(kData,
                         [&](Header& h) {
                           h.flags = flags;
                           h.raw_length = raw_length;
                         }),
                    block);
}

Bytes block_of(std::initializer_list<std::string_view> parts) {
  Bytes block;
  for (const auto part : parts) block.insert(block.end(), part.begin(), part.end());
  return block;
}

void add_accepted(std::vector<FrameVector>& out) {
  const Bytes body = counting(72);
  const auto plain = [&](std::string name, std::string comment, const Header& header) {
    out.push_back({.name = std::move(name),
                   .comment = std::move(comment),
                   .frame = make_frame(header, body),
                   .expected_sequence = header.sequence,
                   .plain = body});
  };
  plain("data", "", kData);
  plain("hello", "principal is the agent number", {.kind = FrameKind::hello, .key_epoch = 3, .principal = 17});
  plain("hello_ack", "", {.kind = FrameKind::hello_ack, .key_epoch = 3, .principal = 0x1122334455667788});
  plain("enrol", "key epoch 0; principal is the token id", {.kind = FrameKind::enrol, .principal = 99});
  plain("enrol_ack", "", {.kind = FrameKind::enrol_ack, .principal = 99});
  plain("largest_numbers", "",
        {.kind = FrameKind::data, .key_epoch = 0xffff, .principal = ~std::uint64_t{0}, .sequence = ~std::uint64_t{0}});
  out.push_back({.name = "reject",
                 .comment = "unsigned: the tag is 32 zero bytes",
                 .frame = make_frame({.kind = FrameKind::reject}, body),
                 .expected_sequence = 0,
                 .plain = body,
                 .has_key = false});
  out.push_back({.name = "body_at_the_limit",
                 .comment = "",
                 .frame = make_frame(kData, counting(128)),
                 .frame_limits = {128, 128},
                 .plain = counting(128)});
}

void add_accepted_lz4(std::vector<FrameVector>& out) {
  out.push_back({.name = "lz4_literals_and_match",
                 .comment = "4 literals, 8 bytes at offset 4, 12 literals",
                 .frame = lz4_frame(block_of({"\x44", "abcd", std::string_view("\x04\0", 2), "\xc0", "123456789012"}), 24),
                 .plain = block_of({"abcdabcdabcd123456789012"})});
  out.push_back(
      {.name = "lz4_overlapping_match",
       .comment = "offset 1: a run of one byte",
       .frame = lz4_frame(block_of({"\x1f", "a", std::string_view("\x01\0", 2), std::string_view("\x00", 1), "\xc0", "123456789012"}), 32),
       .plain = block_of({std::string(20, 'a'), "123456789012"})});
  out.push_back({.name = "lz4_match_twelve_bytes_before_the_end",
                 .comment = "the last place where a match may begin: 12 literals, 7 bytes at offset 4, 5 literals",
                 .frame = lz4_frame(block_of({"\xc3", "abcdefghijkl", std::string_view("\x04\0", 2), "\x50", "12345"}), 24),
                 .plain = block_of({"abcdefghijklijklijk12345"})});
  FrameWriter writer;
  MacKey key(frame_key_bytes());
  std::array<bool, 8> seen{};
  for (std::size_t noise = 0; noise < 64; ++noise) {
    Bytes body(1024, 0);
    for (std::size_t i = 0; i < noise; ++i) body[i] = static_cast<std::uint8_t>(i * 37 + 11);
    const auto frame = writer.write({.kind = FrameKind::data, .key_epoch = 3, .principal = kData.principal, .sequence = 1}, body, key,
                                    Compression::allowed);
    const auto pad = static_cast<std::size_t>((*frame)[4] >> kFlagPadShift);
    if (std::exchange(seen[pad], true)) continue;
    out.push_back({.name = "lz4_pad_" + std::to_string(pad),
                   .comment = "1,024 bytes, extended lengths",
                   .frame = {frame->begin(), frame->end()},
                   .plain = body});
  }
}

void add_refused_headers(std::vector<FrameVector>& out) {
  const Bytes body = counting(72);
  const Bytes good = make_frame(kData, body);
  const auto add = [&](std::string name, std::string expect, Bytes frame, FrameLimits frame_limits = kLimits) {
    out.push_back(
        {.name = std::move(name), .comment = "", .frame = std::move(frame), .expect = std::move(expect), .frame_limits = frame_limits});
  };
  const auto data_with = [&](auto change) { return make_frame(with(kData, change), body); };

  for (std::size_t at = 0; at < kHeaderSize; ++at) {
    const char* expect = at < 2               ? "bad_magic"
                         : at == 2            ? "bad_version"
                         : at == 5            ? "bad_header_length"
                         : at >= 8 && at < 16 ? "bad_length"
                                              : "bad_mac";
    add("header_byte_" + std::to_string(at) + "_flipped", expect, with_byte(good, at, static_cast<std::uint8_t>(good[at] ^ 1)));
  }
  add("version_2", "bad_version", with_byte(good, 2, 2));
  add("kind_0", "bad_kind", with_byte(good, 3, 0));
  add("kind_7", "bad_kind", with_byte(good, 3, 7));
  add("unknown_flag", "bad_flags", data_with([](Header& h) { h.flags = 0x10; }));
  add("pad_without_lz4", "bad_flags", data_with([](Header& h) { h.flags = 0x02; }));
  add("lz4_in_hello", "bad_flags", make_frame({.kind = FrameKind::hello, .flags = kFlagLz4, .key_epoch = 3, .principal = 1}, body));
  add("lz4_in_reject", "bad_flags", make_frame({.kind = FrameKind::reject, .flags = kFlagLz4}, body));
  add("body_not_a_multiple_of_8", "bad_length", make_frame(kData, counting(68)));
  add("empty_body", "bad_length", with_byte(with_byte(good, 8, 0), 12, 0));
  add("raw_length_differs_without_lz4", "bad_length", data_with([](Header& h) { h.raw_length = 80; }));
  add("raw_length_not_a_multiple_of_8", "bad_length", data_with([](Header& h) {
        h.flags = kFlagLz4;
        h.raw_length = 1023;
      }));
  add("raw_length_zero", "bad_length", with_byte(with_byte(good, 4, kFlagLz4), 12, 0));
  add("body_over_the_limit", "too_large", good, {64, 4096});
  add("raw_length_over_the_limit", "too_large", data_with([](Header& h) {
        h.flags = kFlagLz4;
        h.raw_length = 4104;
      }),
      {4096, 4096});
  add("raw_length_beyond_any_block", "bad_expansion", data_with([](Header& h) {
        h.flags = kFlagLz4;
        h.raw_length = 255 * 72 + 64 + 8;
      }));
  add("enrol_with_key_epoch", "bad_key_epoch", make_frame({.kind = FrameKind::enrol, .key_epoch = 1, .principal = 9}, body));
  add("reject_with_key_epoch", "bad_key_epoch", make_frame({.kind = FrameKind::reject, .key_epoch = 1}, body));
  add("reject_with_principal", "bad_reject_header", make_frame({.kind = FrameKind::reject, .principal = 1}, body));
  add("reject_with_sequence", "bad_reject_header", make_frame({.kind = FrameKind::reject, .sequence = 1}, body));
}

void add_refused_contents(std::vector<FrameVector>& out) {
  const Bytes good = make_frame(kData, counting(72));
  const auto add = [&](std::string name, std::string expect, Bytes frame, std::uint64_t expected_sequence = 1, std::string comment = "") {
    out.push_back({.name = std::move(name),
                   .comment = std::move(comment),
                   .frame = std::move(frame),
                   .expect = std::move(expect),
                   .expected_sequence = expected_sequence});
  };
  const Bytes reject = make_frame({.kind = FrameKind::reject}, counting(72));
  out.push_back({.name = "reject_with_tag",
                 .comment = "",
                 .frame = with_byte(reject, reject.size() - 1, 1),
                 .expect = "bad_reject_tag",
                 .expected_sequence = 0,
                 .has_key = false});
  out.push_back(
      {.name = "no_key", .comment = "no key for this principal and key epoch", .frame = good, .expect = "unknown_key", .has_key = false});
  add("body_flipped", "bad_mac", with_byte(good, kHeaderSize + 10, 0xff));
  add("tag_first_byte_flipped", "bad_mac",
      with_byte(good, good.size() - kTagSize, static_cast<std::uint8_t>(good[good.size() - kTagSize] ^ 1)));
  add("tag_last_byte_flipped", "bad_mac", with_byte(good, good.size() - 1, static_cast<std::uint8_t>(good.back() ^ 0x80)));
  add("replayed", "bad_sequence", good, 2);
  add("one_dropped", "bad_sequence", make_frame(with(kData, [](Header& h) { h.sequence = 3; }), counting(72)), 2);
  add("replayed_and_forged", "bad_mac", with_byte(good, good.size() - 1, static_cast<std::uint8_t>(good.back() ^ 1)), 2,
      "the MAC is checked before the sequence");

  const std::string_view tail = "123456789012";
  const auto match_at = [&](std::string_view offset) { return block_of({"\x44", "abcd", offset, "\xc0", tail}); };
  const std::string_view offset_4("\x04\0", 2);
  add("lz4_pad_not_zero", "bad_pad", lz4_frame(match_at(offset_4), 24, 1));
  add("lz4_replayed_with_bad_pad", "bad_sequence", lz4_frame(match_at(offset_4), 24, 1), 2, "the sequence is checked before the contents");
  add("lz4_yields_less_than_raw_length", "bad_compression", lz4_frame(match_at(offset_4), 32));
  add("lz4_yields_more_than_raw_length", "bad_compression", lz4_frame(match_at(offset_4), 16));
  add("lz4_offset_zero", "bad_compression", lz4_frame(match_at(std::string_view("\0\0", 2)), 24));
  add("lz4_offset_before_the_start", "bad_compression", lz4_frame(match_at(std::string_view("\x05\0", 2)), 24));
  add("lz4_ends_within_literals", "bad_compression", lz4_frame(block_of({"\xf0", "\x80", "abc"}), 152));
  add("lz4_ends_within_an_offset", "bad_compression", lz4_frame(block_of({"\x44", "abcd", "\x04"}), 24));
  add("lz4_ends_with_a_match", "bad_compression", lz4_frame(block_of({"\xcc", "abcdefghijkl", std::string_view("\x0c\0", 2)}), 32), 1,
      "the last five bytes must be literals");
  add("lz4_match_eleven_bytes_before_the_end", "bad_compression",
      lz4_frame(block_of({"\xd2", "abcdefghijklm", offset_4, "\x50", "12345"}), 24), 1, "no match begins in the last twelve bytes");
  add("lz4_four_literals_at_the_end", "bad_compression", lz4_frame(block_of({"\xc4", "abcdefghijkl", offset_4, "\x40", "1234"}), 24), 1,
      "the last five bytes must be literals");
  add("lz4_bytes_after_the_block", "bad_compression", lz4_frame(block_of({"\x80", "abcdefgh", "\x80", "abcdefgh"}), 8));
}

void add_incomplete(std::vector<FrameVector>& out) {
  const Bytes good = make_frame(kData, counting(72));
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{1}, kHeaderSize - 1, kHeaderSize, kHeaderSize + 1, good.size() - kTagSize, good.size() - 1}) {
    out.push_back({.name = "first_" + std::to_string(size) + "_bytes",
                   .comment = "wait for more",
                   .frame = Bytes(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size)),
                   .expect = "incomplete"});
  }
}

json::object to_json(const FrameVector& vector) {
  json::object out{{"name", vector.name}};
  if (!vector.comment.empty()) out["comment"] = vector.comment;
  out["body_limit"] = vector.frame_limits.body;
  out["raw_limit"] = vector.frame_limits.raw;
  if (vector.has_key) {
    out["key"] = to_hex(frame_key_bytes());
  } else {
    out["key"] = nullptr;
  }
  out["expected_sequence"] = std::to_string(vector.expected_sequence);
  out["frame"] = to_hex(vector.frame);
  out["expect"] = vector.expect;
  if (vector.expect == "accept") {
    Bytes buffer = vector.plain;
    buffer.insert(buffer.end(), vector.frame.end() - kTagSize, vector.frame.end());
    out["buffer"] = to_hex(buffer);
  }
  return out;
}

Bytes key_bytes(std::uint8_t first) { return counting(32, first); }

template <class Key>
Key key_from(std::uint8_t first) {
  Key key;
  const Bytes bytes = key_bytes(first);
  std::copy(bytes.begin(), bytes.end(), key.bytes.begin());
  return key;
}

json::object agent_key_vector(std::uint64_t agent, std::uint32_t generation) {
  const auto master = key_from<MasterKey>(0x10);
  return {{"name", "agent_" + std::to_string(agent) + "_generation_" + std::to_string(generation)},
          {"derives", "agent_key"},
          {"master", to_hex(master.view())},
          {"agent", std::to_string(agent)},
          {"generation", generation},
          {"agent_key", to_hex(derive_agent_key(master, AgentNumber{agent}, generation).view())}};
}

/// A whole handshake: the frames are signed with the hello keys, the session keys hang on the frames.
json::object session_vector(std::uint8_t first) {
  const auto agent_key = key_from<AgentKey>(first);
  Nonce nonce_c, nonce_s;
  std::copy_n(key_bytes(static_cast<std::uint8_t>(first + 64)).begin(), kNonceSize, nonce_c.begin());
  std::copy_n(key_bytes(static_cast<std::uint8_t>(first + 128)).begin(), kNonceSize, nonce_s.begin());
  const DirectionKeys hello_keys = derive_hello_keys(agent_key);
  FrameWriter writer;
  MacKey a2s(hello_keys.a2s.view()), s2a(hello_keys.s2a.view());
  const auto copy = [](const Result<ByteView>& frame) { return Bytes(frame->begin(), frame->end()); };
  const Bytes hello = copy(writer.write({.kind = FrameKind::hello, .key_epoch = 1, .principal = 17}, nonce_c, a2s));
  const Bytes hello_ack = copy(writer.write({.kind = FrameKind::hello_ack, .key_epoch = 1, .principal = 5}, nonce_s, s2a));
  const Digest transcript = handshake_transcript(hello, hello_ack);
  const DirectionKeys keys = derive_session_keys(agent_key, nonce_c, nonce_s, transcript);
  return {{"name", "session_" + std::to_string(first)},
          {"derives", "session_keys"},
          {"agent_key", to_hex(agent_key.view())},
          {"hello_a2s", to_hex(hello_keys.a2s.view())},
          {"hello_s2a", to_hex(hello_keys.s2a.view())},
          {"nonce_c", to_hex(nonce_c)},
          {"nonce_s", to_hex(nonce_s)},
          {"hello_frame", to_hex(hello)},
          {"hello_ack_frame", to_hex(hello_ack)},
          {"transcript", to_hex(transcript)},
          {"k_a2s", to_hex(keys.a2s.view())},
          {"k_s2a", to_hex(keys.s2a.view())}};
}

json::object wrapped_vector(json::object vector, const AeadKey& wrap, const AgentKeyAddress& address, const AgentKey& key) {
  vector["wrap_key"] = to_hex(wrap.view());
  vector["agent"] = std::to_string(address.agent.value);
  vector["key_epoch"] = address.epoch.value;
  vector["generation"] = address.generation;
  vector["agent_key"] = to_hex(key.view());
  vector["wrapped_key"] = to_hex(wrap_agent_key(wrap, address, key));
  return vector;
}

Nonce nonce_from(std::uint8_t first) {
  Nonce nonce;
  std::copy_n(key_bytes(first).begin(), kNonceSize, nonce.begin());
  return nonce;
}

/// A whole enrolment: ENROL is signed with the token's key, the wrap hangs on that frame.
json::object enrol_vector(std::uint64_t token, std::size_t secret_size, std::uint8_t first) {
  const Bytes secret = counting(secret_size, first);
  const EnrolPrk prk = derive_enrol_prk(token, secret);
  const DirectionKeys keys = derive_enrol_keys(prk);
  const auto signing = key_from<SigningKey>(static_cast<std::uint8_t>(first + 1));
  const PublicKey public_key = public_key_of(signing);
  const Nonce nonce_c = nonce_from(static_cast<std::uint8_t>(first + 64)), nonce_s = nonce_from(static_cast<std::uint8_t>(first + 128));
  const Digest cell = sha256(key_bytes(static_cast<std::uint8_t>(first + 2)));
  const Bytes text = enrol_proof_text(token, nonce_c, public_key, cell);
  FrameWriter writer;
  MacKey a2s(keys.a2s.view());
  const auto written = writer.write({.kind = FrameKind::enrol, .principal = token}, text, a2s);
  const Bytes frame(written->begin(), written->end());
  return wrapped_vector({{"name", "enrol_" + std::to_string(token)},
                         {"derives", "enrol_keys"},
                         {"token", std::to_string(token)},
                         {"secret", to_hex(secret)},
                         {"enrol_prk", to_hex(prk.view())},
                         {"enrol_a2s", to_hex(keys.a2s.view())},
                         {"enrol_s2a", to_hex(keys.s2a.view())},
                         {"signing_seed", to_hex(signing.view())},
                         {"public_key", to_hex(public_key)},
                         {"nonce_c", to_hex(nonce_c)},
                         {"nonce_s", to_hex(nonce_s)},
                         {"cell", to_hex(cell)},
                         {"proof_text", to_hex(text)},
                         {"proof", to_hex(sign(signing, text))},
                         {"enrol_frame", to_hex(frame)}},
                        derive_enrol_wrap_key(prk, nonce_c, nonce_s, sha256(frame)), {AgentNumber{17}, KeyEpoch{3}, 2},
                        key_from<AgentKey>(first));
}

json::object rekey_vector(std::uint8_t first) {
  const auto session_key = key_from<AgentKey>(first);
  const Nonce nonce = nonce_from(static_cast<std::uint8_t>(first + 64));
  return wrapped_vector({{"name", "rekey_" + std::to_string(first)},
                         {"derives", "rekey_wrap"},
                         {"session_agent_key", to_hex(session_key.view())},
                         {"nonce", to_hex(nonce)}},
                        derive_rekey_wrap_key(session_key, nonce), {AgentNumber{0x0102030405060708}, KeyEpoch{0xfffe}, 0x090a0b0c},
                        key_from<AgentKey>(static_cast<std::uint8_t>(first + 1)));
}

std::string base64url(ByteView bytes) {
  constexpr std::string_view kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string text;
  for (std::size_t i = 0; i + 3 <= bytes.size(); i += 3) {
    const unsigned group = unsigned{bytes[i]} << 16 | unsigned{bytes[i + 1]} << 8 | bytes[i + 2];
    for (const unsigned shift : {18U, 12U, 6U, 0U}) text += kLetters[group >> shift & 63];
  }
  return text;
}

/// The word that `stint agent join` takes, without its prefix.
std::string token_letters(std::uint64_t id, ByteView secret, ByteView cell) {
  Bytes bytes(8);
  store_le(bytes.data(), id);
  bytes.insert(bytes.end(), secret.begin(), secret.end());
  bytes.insert(bytes.end(), cell.begin(), cell.end());
  const Digest check = sha256(bytes);
  bytes.insert(bytes.end(), check.begin(), check.begin() + 4);
  return base64url(bytes);
}

json::object good_token(std::string_view name, std::uint64_t id, const Bytes& secret, const Bytes& cell) {
  return {{"name", name},
          {"text", "st1_" + token_letters(id, secret, cell)},
          {"expect", "accept"},
          {"id", std::to_string(id)},
          {"secret", to_hex(secret)},
          {"cell", to_hex(cell)}};
}

json::object bad_token(std::string_view name, std::string text) {
  return {{"name", name}, {"text", std::move(text)}, {"expect", "refuse"}};
}

std::vector<json::object> token_vectors() {
  const Bytes secret = counting(16, 0xA0), cell = counting(32);
  const std::string letters = token_letters(0x1122334455667788, secret, cell);
  std::string typo = letters;
  typo[40] = typo[40] == 'A' ? 'B' : 'A';
  std::string swapped = letters;
  std::swap(swapped[16], swapped[17]);
  std::string plus = letters;
  plus[30] = '+';
  return {good_token("good", 0x1122334455667788, secret, cell),
          good_token("largest_id", ~std::uint64_t{0}, Bytes(16, 0xFF), Bytes(32, 0xFF)),
          good_token("a_cell_without_a_key", 1, secret, Bytes(32)),
          bad_token("empty", ""),
          bad_token("no_prefix", letters),
          bad_token("an_api_token", "stint_1_" + to_hex(counting(20))),
          bad_token("prefix_in_capitals", "ST1_" + letters),
          bad_token("one_letter_short", "st1_" + letters.substr(1)),
          bad_token("one_letter_too_many", "st1_" + letters + "A"),
          bad_token("padded", "st1_" + letters.substr(0, 79) + "="),
          bad_token("a_blank_behind", "st1_" + letters + " "),
          bad_token("other_alphabet", "st1_" + plus),
          bad_token("one_letter_changed", "st1_" + typo),
          bad_token("two_letters_swapped", "st1_" + swapped),
          bad_token("id_zero", "st1_" + token_letters(0, secret, cell))};
}

/// One vector to a line, so that a difference shows which one changed.
void write_file(const std::string& path, std::string_view type, const std::vector<json::object>& vectors) {
  std::ofstream out(path, std::ios::binary);
  out << "{\"schema\":\"stint.vectors/1\",\"type\":\"" << type << "\",\"vectors\":[\n";
  for (std::size_t i = 0; i < vectors.size(); ++i) out << json::serialize(vectors[i]) << (i + 1 < vectors.size() ? ",\n" : "\n");
  out << "]}\n";
}

void write_all(const std::string& directory) {
  std::vector<FrameVector> frames;
  add_accepted(frames);
  add_accepted_lz4(frames);
  add_refused_headers(frames);
  add_refused_contents(frames);
  add_incomplete(frames);
  std::vector<json::object> rows;
  for (const auto& frame : frames) rows.push_back(to_json(frame));
  write_file(directory + "/frames.json", "frames", rows);

  write_file(directory + "/keys.json", "keys",
             {agent_key_vector(1, 0), agent_key_vector(1, 1), agent_key_vector(2, 0), agent_key_vector(0x0102030405060708, 0x090a0b0c),
              session_vector(0x20), session_vector(0x51), enrol_vector(1, 16, 0x30), enrol_vector(0x1122334455667788, 32, 0x61),
              rekey_vector(0x22), rekey_vector(0x55)});
  write_file(directory + "/tokens.json", "tokens", token_vectors());
  write_file(directory + "/messages.json", "messages", conformance::message_vectors());
  write_file(directory + "/time.json", "time", conformance::time_vectors());
}

}  // namespace
}  // namespace stint::wire

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: make_vectors DIRECTORY\n";
    return 2;
  }
  stint::wire::write_all(argv[1]);
  return 0;
}
