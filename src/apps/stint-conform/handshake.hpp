#pragma once

#include "apps/stint-conform/session.hpp"
#include "protocol/codec.hpp"

/// The two frames before a session, for either side, and what follows from them.
namespace stint::conform {

/// One agent of the scheduler: what a key file holds.
struct Identity {
  std::uint64_t agent = 0;
  std::uint16_t key_epoch = 0;
  protocol::AgentKeyBytes key{};
  std::string name;
};

[[nodiscard]] wire::MacKey hello_key(const Identity& identity);      ///< of HELLO
[[nodiscard]] wire::MacKey hello_ack_key(const Identity& identity);  ///< of HELLO_ACK

[[nodiscard]] wire::Header hello_header(const Identity& identity);
[[nodiscard]] Bytes hello_frame(const Identity& identity, const protocol::Hello& hello, Edit edit = {});
/// A HELLO with any body.
[[nodiscard]] Bytes hello_frame_of(const Identity& identity, Bytes body);

/// Hello by hand, field by field.
[[nodiscard]] flatbuffers::Offset<void> build_hello(Builder& b, const protocol::Hello& hello);

struct Greeted {
  protocol::HelloAck ack;
  Frame frame;
  std::int64_t timestamp_ms = 0;
};
/// The scheduler's answer to HELLO, which must be a good HELLO_ACK.
[[nodiscard]] Checked<Greeted> read_hello_ack(Peer& peer, const Identity& identity, const protocol::Hello& hello);

struct Greeting {
  protocol::Hello hello;
  Frame frame;
  std::int64_t timestamp_ms = 0;
};
/// The agent's HELLO, which must be a good one.
[[nodiscard]] Checked<Greeting> read_hello(Peer& peer, const Identity& identity);

/// Keys of the session, for our side: the agent's or the scheduler's.
enum class OurSide { agent, scheduler };
[[nodiscard]] SessionSecrets derive_secrets(OurSide side, const Identity& identity, const protocol::Hello& hello, ByteView hello_frame,
                                            const protocol::HelloAck& ack, ByteView ack_frame);

}  // namespace stint::conform
