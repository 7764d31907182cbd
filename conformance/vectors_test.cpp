#include <gtest/gtest.h>

#include <set>
#include <string>

#include "protocol/enrol_token.hpp"
#include "read_json.hpp"
#include "wire/frame_reader.hpp"
#include "wire/keys.hpp"

namespace stint::wire {
namespace {

namespace json = boost::json;

struct Verdict {
  std::string reason;
  Bytes buffer;
};

Verdict verdict_of(const tl::expected<ByteView, FrameError>& opened) {
  if (!opened) return {to_string(opened.error()), {}};
  return {"accept", Bytes(opened->begin(), opened->end())};
}

/// What a session does with received bytes, up to and with decompression.
Verdict receive(const json::object& vector, std::size_t piece) {
  FrameReader reader(FrameLimits{vector.at("body_limit").to_number<std::uint32_t>(), vector.at("raw_limit").to_number<std::uint32_t>()});
  const Bytes bytes = bytes_of(vector, "frame");
  std::optional<RawFrame> frame;
  for (std::size_t at = 0; at < bytes.size() && !frame; at += piece) {
    reader.feed(ByteView(bytes).subspan(at, std::min(piece, bytes.size() - at)));
    frame = reader.next();
  }
  if (!frame) return {reader.error() == FrameError::ok ? "incomplete" : to_string(reader.error()), {}};
  if (frame->header.kind == FrameKind::reject) return verdict_of(open_reject(*frame));
  if (vector.at("key").is_null()) return {to_string(FrameError::unknown_key), {}};
  MacKey key(bytes_of(vector, "key"));
  AlignedBuffer scratch;
  return verdict_of(open_frame(*frame, key, std::stoull(text_of(vector, "expected_sequence")), scratch));
}

TEST(Vectors, FramesInOnePieceAndByteByByte) {
  const json::value file = read_json(STINT_SOURCE_DIR "/conformance/vectors/frames.json");
  std::size_t count = 0;
  std::set<std::string> reasons;
  for (const auto& item : file.at("vectors").as_array()) {
    const json::object& vector = item.as_object();
    for (const std::size_t piece : {std::size_t{1}, std::size_t{1} << 20}) {
      const Verdict verdict = receive(vector, piece);
      EXPECT_EQ(verdict.reason, text_of(vector, "expect")) << text_of(vector, "name");
      if (verdict.reason == "accept") {
        EXPECT_EQ(to_hex(verdict.buffer), text_of(vector, "buffer")) << text_of(vector, "name");
      }
    }
    reasons.insert(text_of(vector, "expect"));
    ++count;
  }
  EXPECT_GT(count, 80u);
  for (std::size_t i = 1; i < kFrameErrorCount; ++i) {
    EXPECT_EQ(reasons.count(to_string(static_cast<FrameError>(i))), 1u) << "no vector for " << to_string(static_cast<FrameError>(i));
  }
}

void check_agent_key(const json::object& vector) {
  const auto key = derive_agent_key(MasterKey{array_of<32>(vector, "master")}, AgentNumber{std::stoull(text_of(vector, "agent"))},
                                    vector.at("generation").to_number<std::uint32_t>());
  EXPECT_EQ(to_hex(key.view()), text_of(vector, "agent_key"));
}

void check_session_keys(const json::object& vector) {
  const AgentKey agent_key{array_of<32>(vector, "agent_key")};
  const DirectionKeys hello = derive_hello_keys(agent_key);
  EXPECT_EQ(to_hex(hello.a2s.view()), text_of(vector, "hello_a2s"));
  EXPECT_EQ(to_hex(hello.s2a.view()), text_of(vector, "hello_s2a"));
  const Digest transcript = handshake_transcript(bytes_of(vector, "hello_frame"), bytes_of(vector, "hello_ack_frame"));
  EXPECT_EQ(to_hex(transcript), text_of(vector, "transcript"));
  const DirectionKeys keys = derive_session_keys(agent_key, array_of<32>(vector, "nonce_c"), array_of<32>(vector, "nonce_s"), transcript);
  EXPECT_EQ(to_hex(keys.a2s.view()), text_of(vector, "k_a2s"));
  EXPECT_EQ(to_hex(keys.s2a.view()), text_of(vector, "k_s2a"));
}

AgentKeyAddress address_of(const json::object& vector) {
  return {AgentNumber{std::stoull(text_of(vector, "agent"))}, KeyEpoch{vector.at("key_epoch").to_number<std::uint16_t>()},
          vector.at("generation").to_number<std::uint32_t>()};
}

/// What is wrapped opens under this key and address and no other.
void check_wrapped(const json::object& vector, const AeadKey& wrap) {
  EXPECT_EQ(to_hex(wrap.view()), text_of(vector, "wrap_key"));
  const AgentKeyAddress address = address_of(vector);
  const auto wrapped = array_of<kWrappedKeySize>(vector, "wrapped_key");
  const auto key = unwrap_agent_key(wrap, address, wrapped);
  ASSERT_TRUE(key);
  EXPECT_EQ(to_hex(key->view()), text_of(vector, "agent_key"));
  EXPECT_EQ(wrap_agent_key(wrap, address, *key), wrapped);
  EXPECT_FALSE(unwrap_agent_key(wrap, {address.agent, address.epoch, address.generation + 1}, wrapped));
  EXPECT_FALSE(unwrap_agent_key(wrap, {AgentNumber{address.agent.value + 1}, address.epoch, address.generation}, wrapped));
}

void check_enrol_keys(const json::object& vector) {
  const std::uint64_t token = std::stoull(text_of(vector, "token"));
  const EnrolPrk prk = derive_enrol_prk(token, bytes_of(vector, "secret"));
  EXPECT_EQ(to_hex(prk.view()), text_of(vector, "enrol_prk"));
  const DirectionKeys keys = derive_enrol_keys(prk);
  EXPECT_EQ(to_hex(keys.a2s.view()), text_of(vector, "enrol_a2s"));
  EXPECT_EQ(to_hex(keys.s2a.view()), text_of(vector, "enrol_s2a"));
  const SigningKey signing{array_of<32>(vector, "signing_seed")};
  const PublicKey public_key = public_key_of(signing);
  EXPECT_EQ(to_hex(public_key), text_of(vector, "public_key"));
  const Bytes text = enrol_proof_text(token, array_of<32>(vector, "nonce_c"), public_key, array_of<32>(vector, "cell"));
  EXPECT_EQ(to_hex(text), text_of(vector, "proof_text"));
  const auto proof = array_of<64>(vector, "proof");
  EXPECT_EQ(sign(signing, text), proof);
  EXPECT_TRUE(is_signed_by(public_key, text, proof));
  check_wrapped(vector, derive_enrol_wrap_key(prk, array_of<32>(vector, "nonce_c"), array_of<32>(vector, "nonce_s"),
                                              sha256(bytes_of(vector, "enrol_frame"))));
}

void check_rekey_wrap(const json::object& vector) {
  check_wrapped(vector, derive_rekey_wrap_key(AgentKey{array_of<32>(vector, "session_agent_key")}, array_of<32>(vector, "nonce")));
}

TEST(Vectors, Keys) {
  const json::value file = read_json(STINT_SOURCE_DIR "/conformance/vectors/keys.json");
  std::size_t count = 0;
  for (const auto& item : file.at("vectors").as_array()) {
    const json::object& vector = item.as_object();
    SCOPED_TRACE(text_of(vector, "name"));
    ++count;
    const std::string derives = text_of(vector, "derives");
    if (derives == "agent_key") check_agent_key(vector);
    if (derives == "session_keys") check_session_keys(vector);
    if (derives == "enrol_keys") check_enrol_keys(vector);
    if (derives == "rekey_wrap") check_rekey_wrap(vector);
  }
  EXPECT_GE(count, 10u);
}

TEST(Vectors, Tokens) {
  const json::value file = read_json(STINT_SOURCE_DIR "/conformance/vectors/tokens.json");
  std::size_t accepted = 0;
  for (const auto& item : file.at("vectors").as_array()) {
    const json::object& vector = item.as_object();
    SCOPED_TRACE(text_of(vector, "name"));
    const auto token = protocol::parse_enrol_token(text_of(vector, "text"));
    ASSERT_EQ(token.has_value(), text_of(vector, "expect") == "accept");
    if (!token) continue;
    ++accepted;
    EXPECT_EQ(std::to_string(token->id), text_of(vector, "id"));
    EXPECT_EQ(to_hex(token->secret), text_of(vector, "secret"));
    EXPECT_EQ(to_hex(token->cell), text_of(vector, "cell"));
    EXPECT_EQ(to_text(*token), text_of(vector, "text"));
  }
  EXPECT_EQ(accepted, 3u);
}

}  // namespace
}  // namespace stint::wire
