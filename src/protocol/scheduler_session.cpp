#include <algorithm>
#include <memory>
#include <utility>

#include "base/assert.hpp"
#include "protocol/session_base.hpp"

// The scheduler's side: handshake → half-open → established.
//
//   handshake    nothing is known of the peer; one HELLO within 5 s, 4 KiB at most
//   half-open    HELLO_ACK is queued or sent; the first valid DATA frame proves that the peer is no recording
//   established  that frame was Resume; the daemon answers Reconcile, then work flows
namespace stint::protocol {
namespace {

constexpr std::int64_t kNsPerMs = 1'000'000;

std::uint32_t add_credit(std::uint32_t have, std::uint32_t more) {
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(std::uint64_t{have} + more, limits::kCreditMax));
}

class SchedulerSession final : public SessionBase {
 public:
  SchedulerSession(const KeyLookup& keys, SchedulerSessionOptions options, Now now)
      : SessionBase(options.counters, options.scratch, KeyEpoch{}, now),
        keys_(keys),
        options_(std::move(options)),
        log_credit_(std::min(options_.log_chunk_credit, limits::kCreditMax)),
        report_credit_(std::min(options_.report_credit, limits::kCreditMax)) {
    STINT_ASSERT(options_.session.value != 0);
  }

  [[nodiscard]] const HelloInfo* hello() const override { return hello_ ? &hello_->info : nullptr; }
  [[nodiscard]] std::uint32_t log_credit() const override { return log_credit_; }
  [[nodiscard]] std::uint32_t report_credit() const override { return report_credit_; }
  [[nodiscard]] std::optional<std::int64_t> session_time_offset_ms() const override { return options_.session_time_offset_ms; }

 protected:
  void on_handshake_frame(const wire::RawFrame& frame, Instant now) override;
  ByteView seal_handshake(Outbox::Item& item, Now now) override;
  void on_message(Message message, std::int64_t timestamp_ms, Instant now) override;
  void accept(Message message) override;
  [[nodiscard]] std::int64_t session_time_ms(Instant t) const override {
    return t.time_since_epoch().count() / kNsPerMs + options_.session_time_offset_ms;
  }

 private:
  void on_hello(const wire::RawFrame& frame, Instant now);
  void accept_hello(const wire::RawFrame& frame, Hello hello, Instant now);
  void reject(const char* code, std::string detail);
  void reject_unauthenticated(wire::FrameError error);
  void fail_hello(const Refused& refused);
  void on_resume(Resume message, Instant now);

  // What a message means once the session is established.
  void on(Resume&&, Instant) { fail(Refusal::out_of_order, "a second Resume"); }
  void on(AgentInfo&& m, Instant) { push_event(Received{std::move(m)}); }
  void on(UpdateList&& m, Instant);
  void on(LogChunk&& m, Instant);
  void on(Heartbeat&& m, Instant now);
  void on(HeartbeatAck&&, Instant) {}  // of our probe: that it came is all
  void on(ErrorMessage&& m, Instant) { on_error(std::move(m)); }
  void on(Close&& m, Instant) { end(m.reason, "closed_by_peer", std::move(m.detail)); }
  template <class Other>
  void on(Other&&, Instant) {
    refuse_message({Refusal::wrong_direction, "an agent may not send this message"});
  }
  /// False, and the session has ended, if work came before Reconcile left.
  bool may_work(const char* what);

  const KeyLookup& keys_;
  SchedulerSessionOptions options_;
  std::optional<Hello> hello_;
  Bytes hello_frame_;            // until HELLO_ACK is sealed: half of the transcript
  wire::AgentKey agent_key_;     // likewise
  bool reconciled_ = false;      // Reconcile is queued
  std::uint32_t log_credit_;     // left to the agent
  std::uint32_t report_credit_;
};

// ---- handshake

void SchedulerSession::on_handshake_frame(const wire::RawFrame& frame, Instant now) {
  if (frame.header.kind != wire::FrameKind::hello || hello_) return fail_frame(wire::FrameError::bad_kind);
  on_hello(frame, now);
}

void SchedulerSession::on_hello(const wire::RawFrame& frame, Instant now) {
  epoch_ = KeyEpoch{frame.header.key_epoch};
  const auto key = keys_.find_agent_key(AgentNumber{frame.header.principal}, epoch_);
  if (!key) return reject_unauthenticated(wire::FrameError::unknown_key);
  agent_key_ = wire::AgentKey(*key);
  wire::MacKey mac(wire::derive_hello_keys(agent_key_).a2s.view());
  const auto buffer = wire::open_frame(frame, mac, 0, scratch().plain);
  if (!buffer) return buffer.error() == wire::FrameError::bad_mac ? reject_unauthenticated(buffer.error()) : fail_frame(buffer.error());
  count(wire::FrameError::ok);

  const auto envelope = open_envelope(*buffer);
  if (!envelope) return fail_hello(envelope.error());
  auto hello = decode_hello(*envelope);
  if (!hello) return fail_hello(hello.error());
  hello->info.wall_ms = envelope->timestamp_ms();
  accept_hello(frame, *hello, now);
}

void SchedulerSession::accept_hello(const wire::RawFrame& frame, Hello hello, Instant now) {
  if (hello.info.agent.value == 0 || hello.info.agent.value != frame.header.principal) {
    return fail(Refusal::bad_hello, "the agent of HELLO is not its header's");
  }
  const VersionRange offered{hello.version_min, hello.version_max};
  const auto version = choose_version(offered, options_.versions);
  if (!version) {
    count(Refusal::unsupported_version);
    return reject(to_string(Refusal::unsupported_version), name_both(offered, options_.versions));
  }
  hello.info.key_epoch = epoch_;
  HelloAck ack;
  ack.session = options_.session;
  ack.nonce = options_.nonce;
  ack.nonce_echo = hello.nonce;
  ack.received_ms = session_time_ms(now);
  ack.version = *version;
  ack.body_limit = wire::limits::kBodyDefault;
  ack.heartbeat_ms = static_cast<std::uint32_t>(
      std::clamp<std::int64_t>(to_ms(options_.heartbeat_interval), limits::kHeartbeatMsMin, limits::kHeartbeatMsMax));
  ack.tolerance_ms = static_cast<std::uint32_t>(tolerance_ms_);
  ack.log_credit = log_credit_;
  ack.report_credit = report_credit_;
  options_.heartbeat_interval = from_ms(ack.heartbeat_ms);

  hello_ = hello;
  hello_frame_.assign(frame.bytes.begin(), frame.bytes.end());
  enqueue_handshake(wire::FrameKind::hello_ack, scratch().encoder.encode(ack));
}

ByteView SchedulerSession::seal_handshake(Outbox::Item& item, Now now) {
  wire::MacKey mac(wire::derive_hello_keys(agent_key_).s2a.view());
  const wire::FrameAddress address{wire::FrameKind::hello_ack, epoch_.value, options_.session.value, 0};
  const ByteView frame = seal_with(scratch(), item, address, mac, session_time_ms(now.mono));
  const auto keys = wire::derive_session_keys(agent_key_, hello_->nonce, options_.nonce, wire::handshake_transcript(hello_frame_, frame));
  start_data(options_.session, wire::MacKey(keys.a2s.view()), wire::MacKey(keys.s2a.view()), wire::limits::kBodyDefault);
  hello_frame_ = {};
  agent_key_ = {};
  return frame;
}

void SchedulerSession::reject(const char* code, std::string detail) {
  enqueue_handshake(wire::FrameKind::reject, scratch().encoder.encode(Reject{code, detail}));
  end(CloseReason::protocol, code, std::move(detail));
}

void SchedulerSession::reject_unauthenticated(wire::FrameError error) {
  count(error);
  // One answer for an unknown agent, a revoked one, a wrong key and a wrong MAC: nobody learns which agents exist.
  enqueue_handshake(wire::FrameKind::reject, scratch().encoder.encode(Reject{"unauthenticated", "no such agent, or not its key"}));
  end(CloseReason::protocol, to_string(error), "agent key refused");
}

void SchedulerSession::fail_hello(const Refused& refused) {
  count(refused.reason);
  fail(Refusal::bad_hello, refused.detail);
}

// ---- messages in

void SchedulerSession::on_message(Message message, std::int64_t /*timestamp_ms*/, Instant now) {
  if (is_open_) return std::visit([&](auto&& m) { on(std::forward<decltype(m)>(m), now); }, std::move(message));
  if (auto* resume = std::get_if<Resume>(&message)) return on_resume(std::move(*resume), now);
  if (auto* closing = std::get_if<Close>(&message)) return on(std::move(*closing), now);
  fail(Refusal::out_of_order, "the first message is not Resume");
}

void SchedulerSession::on_resume(Resume message, Instant now) {
  is_open_ = true;
  lease_.renew(limits::kLeaseHeartbeats * options_.heartbeat_interval, now);
  count_established();
  push_event(Established{hello_->info, options_.session, options_.heartbeat_interval});
  push_event(Received{std::move(message)});
}

bool SchedulerSession::may_work(const char* what) {
  if (reconciled_) return true;
  fail(Refusal::out_of_order, std::string(what) + " before Reconcile");
  return false;
}

void SchedulerSession::on(UpdateList&& m, Instant) {
  if (!may_work("UpdateList")) return;
  const auto reports =
      static_cast<std::uint32_t>(std::count_if(m.items.begin(), m.items.end(), [](const auto& u) { return u.number == 0; }));
  if (reports > report_credit_) {
    return refuse_message({Refusal::over_credit, std::to_string(reports) + " reports, credit " + std::to_string(report_credit_)});
  }
  report_credit_ -= reports;
  push_event(Received{std::move(m)});
}

void SchedulerSession::on(LogChunk&& m, Instant) {
  if (!may_work("LogChunk")) return;
  if (log_credit_ == 0) return refuse_message({Refusal::over_credit, "a log chunk without credit"});
  --log_credit_;
  push_event(Received{std::move(m)});
}

void SchedulerSession::on(Heartbeat&& m, Instant now) {
  enqueue(HeartbeatAck{m.clock_boot_ns, session_time_ms(now)});
  push_event(Received{m});
}

// ---- messages out

void SchedulerSession::accept(Message message) {
  STINT_ASSERT(is_open_);
  const bool is_work = std::holds_alternative<AssignmentList>(message) || std::holds_alternative<StatusAck>(message) ||
                       std::holds_alternative<Cancel>(message);
  const bool is_reconcile = std::holds_alternative<Reconcile>(message);
  const bool is_other = std::holds_alternative<Credit>(message) || std::holds_alternative<ErrorMessage>(message) ||
                        std::holds_alternative<Rekey>(message) || std::holds_alternative<CellPins>(message);
  STINT_ASSERT(is_work || is_reconcile || is_other);  // Close goes through close()
  STINT_ASSERT(is_other || is_reconcile != reconciled_);  // exactly one Reconcile, before all work
  reconciled_ = reconciled_ || is_reconcile;
  if (const auto* credit = std::get_if<Credit>(&message)) {
    log_credit_ = add_credit(log_credit_, credit->log_chunks);
    report_credit_ = add_credit(report_credit_, credit->reports);
  }
  enqueue(message);
}

}  // namespace

std::unique_ptr<Session> make_scheduler_session(const KeyLookup& keys, SchedulerSessionOptions options, Now now) {
  return std::make_unique<SchedulerSession>(keys, std::move(options), now);
}

}  // namespace stint::protocol
