#include "apps/stint-conform/handshake.hpp"

#include "wire/frame_reader.hpp"
#include "wire/keys.hpp"

namespace stint::conform {
namespace {

wire::AgentKey agent_key(const Identity& identity) { return wire::AgentKey(identity.key); }

std::string end_of(const Peer& peer) { return peer.closed() ? "the connection closed" : "nothing"; }

/// A frame of the handshake: kind, header and MAC are right, and its envelope opens.
Checked<protocol::Envelope> open_handshake(const Frame& frame, wire::FrameKind kind, const Identity& identity, wire::MacKey key) {
  const auto& header = frame.header;
  if (header.kind != kind || header.key_epoch != identity.key_epoch || header.sequence != 0)
    return differ(std::string(kind == wire::FrameKind::hello ? "HELLO" : "HELLO_ACK") + ", key epoch " +
                      std::to_string(identity.key_epoch) + ", sequence 0",
                  describe(header));
  wire::AlignedBuffer plain;
  const auto buffer = wire::open_frame(frame.raw(), key, 0, plain);
  if (!buffer) return differ("the MAC of the agent's key", to_string(buffer.error()));
  auto envelope = protocol::open_envelope(*buffer);
  if (!envelope) return differ("a good envelope", envelope.error().detail);
  return *envelope;
}

}  // namespace

wire::MacKey hello_key(const Identity& identity) { return wire::MacKey(wire::derive_hello_keys(agent_key(identity)).a2s.view()); }
wire::MacKey hello_ack_key(const Identity& identity) { return wire::MacKey(wire::derive_hello_keys(agent_key(identity)).s2a.view()); }

wire::Header hello_header(const Identity& identity) { return {wire::FrameKind::hello, 0, identity.key_epoch, 0, 0, identity.agent, 0}; }

Bytes hello_frame(const Identity& identity, const protocol::Hello& hello, Edit edit) {
  auto key = hello_key(identity);
  return seal({hello_header(identity), handshake_body(hello, hello.info.wall_ms), std::move(edit)}, key);
}

Bytes hello_frame_of(const Identity& identity, Bytes body) {
  auto key = hello_key(identity);
  return seal({hello_header(identity), std::move(body), {}}, key);
}

flatbuffers::Offset<void> build_hello(Builder& b, const protocol::Hello& hello) {
  const auto nonce = b.CreateVector(hello.nonce.data(), hello.nonce.size());
  const auto instance = b.CreateVector(hello.info.instance.data(), hello.info.instance.size());
  const auto boot = b.CreateVector(hello.info.boot.data(), hello.info.boot.size());
  return schema::CreateHello(b, hello.info.agent.value, nonce, static_cast<std::uint64_t>(hello.clock_boot_ns), hello.version_min,
                             hello.version_max, hello.features, instance, boot, hello.info.connect)
      .Union();
}

Checked<Greeted> read_hello_ack(Peer& peer, const Identity& identity, const protocol::Hello& hello) {
  CONFORM_TRY(auto frame, peer.next_frame(now() + limits::kPatience));
  if (!frame) return differ("HELLO_ACK", end_of(peer));
  CONFORM_TRY(const auto envelope, open_handshake(*frame, wire::FrameKind::hello_ack, identity, hello_ack_key(identity)));
  const auto ack = protocol::decode_hello_ack(envelope);
  if (!ack) return differ("a good HelloAck", ack.error().detail);
  if (ack->session.value != frame->header.principal)
    return differ("the session of the header in HelloAck", std::to_string(ack->session.value));
  if (ack->nonce_echo != hello.nonce) return differ("the nonce of HELLO in HelloAck", to_hex(ack->nonce_echo));
  return Greeted{*ack, *std::move(frame), envelope.timestamp_ms()};
}

Checked<Greeting> read_hello(Peer& peer, const Identity& identity) {
  CONFORM_TRY(auto frame, peer.next_frame(now() + limits::kPatience));
  if (!frame) return differ("HELLO", end_of(peer));
  CONFORM_TRY(const auto envelope, open_handshake(*frame, wire::FrameKind::hello, identity, hello_key(identity)));
  const auto hello = protocol::decode_hello(envelope);
  if (!hello) return differ("a good Hello", hello.error().detail);
  if (hello->info.agent.value != identity.agent || frame->header.principal != identity.agent)
    return differ("agent " + std::to_string(identity.agent) + " in header and Hello", describe(frame->header));
  return Greeting{*hello, *std::move(frame), envelope.timestamp_ms()};
}

SessionSecrets derive_secrets(OurSide side, const Identity& identity, const protocol::Hello& hello, ByteView hello_frame,
                              const protocol::HelloAck& ack, ByteView ack_frame) {
  auto keys = wire::derive_session_keys(agent_key(identity), hello.nonce, ack.nonce, wire::handshake_transcript(hello_frame, ack_frame));
  SessionSecrets secrets;
  secrets.session = ack.session.value;
  secrets.key_epoch = identity.key_epoch;
  secrets.out = side == OurSide::agent ? keys.a2s : keys.s2a;
  secrets.in = side == OurSide::agent ? keys.s2a : keys.a2s;
  return secrets;
}

}  // namespace stint::conform
