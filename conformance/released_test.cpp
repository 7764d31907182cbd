#include <gtest/gtest.h>

#include <filesystem>
#include <set>
#include <string>

#include "meaning.hpp"
#include "read_json.hpp"
#include "wire/frame_reader.hpp"
#include "wire/keys.hpp"

/// What released versions wrote is read by this one, and means what it meant.
namespace stint::protocol {
namespace {

constexpr const char* kFolder = STINT_SOURCE_DIR "/conformance/released";

template <class Handshake>
json::value told(const char* type, const Decoded<Handshake>& decoded) {
  if (!decoded) return json::value(to_string(decoded.error().reason));
  return with_type(type, *decoded);
}

/// Reads the frames of one connection in their order, deriving its keys from what goes by.
class Reader {
 public:
  explicit Reader(const json::object& session) {
    if (session.contains("agent_key")) {
      const auto key = array_of<32>(session, "agent_key");
      agent_key_ = wire::AgentKey(key);
      handshake_ = wire::derive_hello_keys(agent_key_);
    } else {
      handshake_ = wire::derive_enrol_keys(wire::derive_enrol_prk(std::stoull(text_of(session, "token")), bytes_of(session, "secret")));
    }
  }

  /// The message, or the code of what refuses it.
  json::value read(const json::object& item) {
    const Bytes bytes = bytes_of(item, "frame");
    wire::FrameReader reader(wire::FrameLimits{wire::limits::kBodyDefault, wire::limits::kBodyDefault});
    reader.feed(bytes);
    const auto frame = reader.next();
    if (!frame) return json::value(to_string(reader.error()));
    return read(*frame, text_of(item, "from") == "agent");
  }

 private:
  json::value read(const wire::RawFrame& frame, bool is_agents) {
    const bool is_data = frame.header.kind == wire::FrameKind::data;
    auto& keys = is_data ? session_ : handshake_;
    wire::MacKey key((is_agents ? keys.a2s : keys.s2a).view());
    const std::uint64_t sequence = is_data ? ++sequences_[is_agents ? 0 : 1] : 0;
    const auto buffer =
        frame.header.kind == wire::FrameKind::reject ? wire::open_reject(frame) : open_frame(frame, key, sequence, scratch_);
    if (!buffer) return json::value(to_string(buffer.error()));
    const auto envelope = open_envelope(*buffer);
    if (!envelope) return json::value(to_string(envelope.error().reason));
    switch (frame.header.kind) {
      case wire::FrameKind::hello: return on_hello(frame, decode_hello(*envelope));
      case wire::FrameKind::hello_ack: return on_hello_ack(frame, decode_hello_ack(*envelope));
      case wire::FrameKind::reject: return told("Reject", decode_reject(*envelope));
      case wire::FrameKind::enrol: return told("Enrol", decode_enrol(*envelope));
      case wire::FrameKind::enrol_ack: return told("EnrolAck", decode_enrol_ack(*envelope));
      case wire::FrameKind::data: break;
    }
    const auto message = decode_message(*envelope);
    return message ? meaning(*message) : json::value(to_string(message.error().reason));
  }
  json::value on_hello(const wire::RawFrame& frame, const Decoded<Hello>& hello) {
    hello_frame_.assign(frame.bytes.begin(), frame.bytes.end());
    if (hello) nonce_ = hello->nonce;
    return told("Hello", hello);
  }
  json::value on_hello_ack(const wire::RawFrame& frame, const Decoded<HelloAck>& ack) {
    if (ack) session_ = wire::derive_session_keys(agent_key_, nonce_, ack->nonce, wire::handshake_transcript(hello_frame_, frame.bytes));
    return told("HelloAck", ack);
  }

  wire::AgentKey agent_key_;
  wire::DirectionKeys handshake_, session_;
  wire::AlignedBuffer scratch_;
  Bytes hello_frame_;
  Nonce nonce_{};
  std::array<std::uint64_t, 2> sequences_{};
};

TEST(Released, FramesMeanWhatTheyMeant) {
  std::size_t releases = 0;
  for (const auto& folder : std::filesystem::directory_iterator(kFolder)) {
    if (!folder.is_directory()) continue;
    ++releases;
    const json::value file = read_json(folder.path() / "sessions.json");
    std::set<std::string> types;
    for (const char* part : {"sessions", "enrolments"})
      for (const auto& connection : file.at(part).as_array()) {
        Reader reader(connection.as_object());
        for (const auto& item : connection.at("frames").as_array()) {
          const auto& frame = item.as_object();
          EXPECT_EQ(reader.read(frame), frame.at("message"))
              << folder.path() << " by " << connection.at("writer") << ": " << text_of(frame, "name");
          types.insert(std::string(frame.at("message").at("type").as_string()));
        }
      }
    EXPECT_GE(types.size(), 20U);
  }
  EXPECT_GE(releases, 1U);
}

}  // namespace
}  // namespace stint::protocol
