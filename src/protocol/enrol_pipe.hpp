#pragma once

#include <optional>
#include <vector>

#include "protocol/counters.hpp"
#include "protocol/enrol_session.hpp"
#include "wire/frame_writer.hpp"

/// For tests and fuzzing: the two sides of an enrolment, and frames that an honest agent would never send.
namespace stint::protocol::testing {

inline constexpr std::uint64_t kEnrolToken = 0x99;

class OneEnrolKey final : public EnrolKeyLookup {
 public:
  OneEnrolKey() : prk(wire::derive_enrol_prk(kEnrolToken, Bytes(16, 0x5E))) {}
  [[nodiscard]] std::optional<wire::EnrolPrk> find_enrol_prk(std::uint64_t token) const override {
    return token == kEnrolToken ? std::optional(prk) : std::nullopt;
  }
  wire::EnrolPrk prk;
};

[[nodiscard]] inline Now enrol_now(Duration time = Duration{0}) {
  return {Instant{std::chrono::hours{5} + time}, unix_millis(1'793'000'000'000 + to_ms(time))};
}

class EnrolPipe {
 public:
  struct Options {
    std::uint64_t token = kEnrolToken;
    std::uint8_t secret = 0x5E;         ///< each of its bytes
    std::uint8_t cell = 0xCE;           ///< likewise, as the token says it
    std::uint8_t key = 0x11;            ///< the agent's Ed25519 seed
    std::uint8_t scheduler_nonce = 0x51;
    std::uint8_t agent_nonce = 0xA1;
    VersionRange scheduler_speaks = kVersions;
    VersionRange agent_speaks = kVersions;
  };
  EnrolPipe() : EnrolPipe(Options{}) {}
  explicit EnrolPipe(const Options& options) : options_(options) {
    SchedulerEnrolOptions s;
    s.nonce.fill(options.scheduler_nonce);
    s.cells.resize(2);
    s.cells[1].fill(0xCE);  // the cell has shown itself under another key before, or will
    s.session_time_offset_ms = to_ms(enrol_now().wall) - to_ms(enrol_now().mono.time_since_epoch());
    s.counters = &scheduler_counters;
    s.versions = options.scheduler_speaks;
    scheduler.emplace(keys, std::move(s), enrol_now());
    AgentEnrolOptions a;
    a.token = options.token;
    a.prk = wire::derive_enrol_prk(options.token, Bytes(16, options.secret));
    a.cell.fill(options.cell);
    a.key.bytes.fill(options.key);
    a.nonce.fill(options.agent_nonce);
    a.name = "box7";
    a.host = "host7";
    a.counters = &agent_counters;
    a.versions = options.agent_speaks;
    agent.emplace(std::move(a), enrol_now());
  }

  static Bytes take(SessionBase& from) {
    Bytes out;
    from.take_output(enrol_now(), SIZE_MAX, out);
    return out;
  }
  static void deliver(SessionBase& to, ByteView bytes) { to.on_bytes(bytes, enrol_now(), enrol_now().mono); }
  void to_scheduler() { deliver(*scheduler, take(*agent)); }
  void to_agent() { deliver(*agent, take(*scheduler)); }
  /// How a side ended; empty code and detail if it has not.
  [[nodiscard]] static Ended end_of(SessionBase& side) {
    SessionEvent event;
    Ended found;
    while (side.next(event))
      if (auto* ended = std::get_if<Ended>(&event)) found = std::move(*ended);
    return found;
  }

  /// Any body under the token's key.
  [[nodiscard]] Bytes forge(ByteView body, const wire::FrameAddress& address = {wire::FrameKind::enrol, 0, kEnrolToken, 0}) const {
    wire::MacKey key(wire::derive_enrol_keys(keys.prk).a2s.view());
    wire::FrameWriter writer;
    const auto frame = writer.write(address, body, key);
    return {frame->begin(), frame->end()};
  }
  /// The same with a message, which the encoder makes.
  [[nodiscard]] Bytes forge(const Enrol& request) const {
    Encoder encoder;
    Unsealed made = encoder.encode(request);
    store_le<std::uint64_t>(made.space.data() + made.timestamp_at, 1);
    wire::MacKey key(wire::derive_enrol_keys(keys.prk).a2s.view());
    wire::FrameWriter writer;
    const auto frame = writer.write_in_place({wire::FrameKind::enrol, 0, kEnrolToken, 0}, made.space, key);
    return {frame->begin(), frame->end()};
  }
  /// A good request, to be spoiled.
  [[nodiscard]] Enrol request() const {
    Enrol request;
    request.token = options_.token;
    request.nonce.fill(options_.agent_nonce);
    wire::SigningKey key;
    key.bytes.fill(options_.key);
    request.public_key = wire::public_key_of(key);
    request.cell.fill(options_.cell);
    request.proof = wire::sign(key, wire::enrol_proof_text(request.token, request.nonce, request.public_key, request.cell));
    return request;
  }

  [[nodiscard]] static EnrolGrant grant() {
    EnrolGrant grant;
    grant.address = {AgentNumber{17}, KeyEpoch{3}, 2};
    grant.key.bytes.fill(0x77);
    grant.name = "box7";
    return grant;
  }

  OneEnrolKey keys;
  SessionCounters scheduler_counters;
  SessionCounters agent_counters;
  std::optional<SchedulerEnrol> scheduler;
  std::optional<AgentEnrol> agent;

 private:
  Options options_;
};

}  // namespace stint::protocol::testing
