#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "protocol/codec.hpp"
#include "protocol/session_base.hpp"
#include "wire/keys.hpp"

/// One enrolment on a connection of its own: ENROL, ENROL_ACK, close.
///
///   agent                            scheduler
///   asking     ── ENROL ──▶          waiting     one ENROL within 5 s, 4 KiB at most
///                                    asked       authentic, and the key's owner asks: the daemon decides and writes
///   done       ◀─ ENROL_ACK ─        answered    once what was decided is durable
///
/// Both are driven as sessions are (session.hpp), but for send() and probe(): nothing else may be said here.
/// Source:  docs/protocol.md "Enrolment".
namespace stint::protocol {

/// What the scheduler keeps of a token's secret; nullopt if there is no such token, or it is forgotten.
class EnrolKeyLookup {
 public:
  virtual ~EnrolKeyLookup() = default;
  [[nodiscard]] virtual std::optional<wire::EnrolPrk> find_enrol_prk(std::uint64_t token) const = 0;
};

struct EnrolGrant {
  wire::AgentKeyAddress address;
  wire::AgentKey key;
  std::string name;
};

/// The codes: schema/keys.fbs.
struct EnrolRefusal {
  std::string code;
  std::string detail;
};

struct SchedulerEnrolOptions {
  Nonce nonce{};       ///< fresh random bytes
  std::vector<wire::Digest> cells;  ///< SHA-256 of each public key that this cell has; none: 32 zero bytes stand for that
  std::int64_t session_time_offset_ms = 0;
  SessionCounters* counters = nullptr;
  std::shared_ptr<SessionScratch> scratch;
  VersionRange versions = kVersions;
};

/// The scheduler's side. Refuses by itself what needs no state of the token: versions, cell, proof of possession.
class SchedulerEnrol final : public SessionBase {
 public:
  SchedulerEnrol(const EnrolKeyLookup& keys, SchedulerEnrolOptions options, Now now);

  /// The good request that waits for its answer; nullptr: none.
  [[nodiscard]] const Enrol* asked() const { return is_asked_ && !ended() ? &request_ : nullptr; }
  /// Answers it, once all that the answer speaks of is durable. Nothing happens if the connection has ended meanwhile.
  void grant(const EnrolGrant& grant);
  void refuse(EnrolRefusal refusal);

 protected:
  void on_handshake_frame(const wire::RawFrame& frame, Instant now) override;
  ByteView seal_handshake(Outbox::Item& item, Now now) override;
  void on_message(Message /*message*/, std::int64_t /*timestamp_ms*/, Instant /*now*/) override {}  // there is no key for DATA
  void accept(Message message) override;
  [[nodiscard]] std::int64_t session_time_ms(Instant t) const override;

 private:
  void check(Instant now);
  void reject(wire::FrameError error);
  void answer(EnrolAck ack);

  const EnrolKeyLookup& keys_;
  SchedulerEnrolOptions options_;
  wire::EnrolPrk prk_;
  wire::Digest frame_digest_{};  ///< of the ENROL frame
  Enrol request_;
  std::uint16_t version_ = kVersions.min;  ///< of the answer
  bool is_asked_ = false;
};

struct AgentEnrolOptions {
  std::uint64_t token = 0;
  wire::EnrolPrk prk;        ///< of the token's secret
  wire::Digest cell{};       ///< as the token says it
  wire::SigningKey key;      ///< persisted: the same one may ask again
  Nonce nonce{};             ///< fresh random bytes, for each try
  std::string name;          ///< wanted; empty: the token's, or any
  std::string host;
  SessionCounters* counters = nullptr;
  std::shared_ptr<SessionScratch> scratch;
  VersionRange versions = kVersions;
};

/// The agent's side; begins with a queued ENROL.
class AgentEnrol final : public SessionBase {
 public:
  AgentEnrol(AgentEnrolOptions options, Now now);

  /// Set when the scheduler has granted it; nullptr until then.
  [[nodiscard]] const EnrolGrant* granted() const { return granted_ ? &*granted_ : nullptr; }
  /// Set when a scheduler that knows the token has refused it: asking again in the same way is useless.
  [[nodiscard]] const EnrolRefusal* refused() const { return refused_ ? &*refused_ : nullptr; }
  /// A REJECT came. Nobody signs one, so it ends this try and is no reason to give the token up.
  [[nodiscard]] bool was_rejected() const { return was_rejected_; }

 protected:
  void on_handshake_frame(const wire::RawFrame& frame, Instant now) override;
  ByteView seal_handshake(Outbox::Item& item, Now now) override;
  void on_message(Message /*message*/, std::int64_t /*timestamp_ms*/, Instant /*now*/) override {}
  void accept(Message message) override;
  [[nodiscard]] std::int64_t session_time_ms(Instant /*t*/) const override { return 0; }

 private:
  void on_answer(const wire::RawFrame& frame);
  void accept_answer(EnrolAck ack);
  void on_reject(const wire::RawFrame& frame);
  void fail_answer(const Refused& refused);

  AgentEnrolOptions options_;
  std::optional<wire::Digest> frame_digest_;  ///< of the ENROL frame, once it has left
  std::optional<EnrolGrant> granted_;
  std::optional<EnrolRefusal> refused_;
  bool was_rejected_ = false;
};

}  // namespace stint::protocol
