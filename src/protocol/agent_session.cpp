#include <algorithm>
#include <memory>
#include <utility>

#include "base/assert.hpp"
#include "protocol/agent_outbox.hpp"
#include "protocol/session_base.hpp"

// The agent's side: greeting → established → reconciled.
//
//   greeting     HELLO is queued or sent; HELLO_ACK or REJECT within 5 s
//   established  the daemon sends Resume; from then on heartbeats, errors and AgentInfo may flow, work waits
//   reconciled   Reconcile came: work flows
namespace stint::protocol {
namespace {

class AgentSession final : public SessionBase {
 public:
  AgentSession(AgentSessionOptions options, Now now);

  [[nodiscard]] std::uint32_t log_credit() const override { return work_.log_credit(); }
  [[nodiscard]] std::uint32_t report_credit() const override { return work_.report_credit(); }
  void set_running(std::uint32_t attempts) override { running_ = attempts; }
  [[nodiscard]] std::optional<std::int64_t> session_time_offset_ms() const override {
    return clock_.is_known() ? std::optional(clock_.offset_ns() / 1'000'000) : std::nullopt;
  }

 protected:
  void on_handshake_frame(const wire::RawFrame& frame, Instant now) override;
  ByteView seal_handshake(Outbox::Item& item, Now now) override;
  void on_message(Message message, std::int64_t timestamp_ms, Instant now) override;
  void accept(Message message) override;
  void on_tick(Now now) override;
  [[nodiscard]] Instant next_tick() const override { return next_heartbeat_; }
  [[nodiscard]] std::int64_t session_time_ms(Instant t) const override { return clock_.session_time_ms(t); }

 private:
  void on_hello_ack(const wire::RawFrame& frame, Instant now);
  void accept_hello_ack(const wire::RawFrame& frame, const HelloAck& ack, std::int64_t timestamp_ms, Instant now);
  void on_reject(const wire::RawFrame& frame);
  void fail_hello_ack(const Refused& refused);

  // What a message means to an agent.
  void on(Reconcile&& m);
  void on(AssignmentList&& m) { pass_work(std::move(m)); }
  void on(StatusAck&& m) { pass_work(std::move(m)); }
  void on(Cancel&& m) { pass_work(std::move(m)); }
  void on(Rekey&& m) { push_event(Received{m}); }
  void on(CellPins&& m) { push_event(Received{std::move(m)}); }
  void on(Credit&& m);
  void on(ErrorMessage&& m) { on_error(std::move(m)); }
  void on(Close&& m) { end(m.reason, "closed_by_peer", std::move(m.detail)); }
  template <class Other>
  void on(Other&&) {
    refuse_message({Refusal::wrong_direction, "a scheduler may not send this message"});
  }
  template <class Work>
  void pass_work(Work&& m) {
    if (!is_reconciled_) return fail(Refusal::out_of_order, "work before Reconcile");
    push_event(Received{std::forward<Work>(m)});
  }
  /// Queues what Reconcile and credit allow.
  void flush_work();

  AgentSessionOptions options_;
  wire::AgentKey key_;        // until HELLO_ACK
  Bytes hello_frame_;         // likewise: half of the transcript
  Instant hello_sent_{};
  ClockEstimate clock_;
  AgentOutbox work_;
  Duration heartbeat_interval_{};
  Instant next_heartbeat_ = Instant::max();  // from Resume on
  std::uint32_t running_ = 0;
  bool has_resumed_ = false;
  bool is_reconciled_ = false;
};

AgentSession::AgentSession(AgentSessionOptions options, Now now)
    : SessionBase(options.counters, options.scratch, options.key_epoch, now), options_(std::move(options)), key_(options_.key) {
  wire::wipe(options_.key);
  Hello hello;
  hello.info = {options_.agent, options_.key_epoch, options_.instance, options_.boot, options_.connect};
  hello.nonce = options_.nonce;
  hello.version_min = options_.versions.min;
  hello.version_max = options_.versions.max;
  hello.clock_boot_ns = std::max<std::int64_t>(0, now.mono.time_since_epoch().count());
  enqueue_handshake(wire::FrameKind::hello, scratch().encoder.encode(hello));
}

// ---- handshake

ByteView AgentSession::seal_handshake(Outbox::Item& item, Now now) {
  wire::MacKey mac(wire::derive_hello_keys(key_).a2s.view());
  const wire::FrameAddress address{wire::FrameKind::hello, epoch_.value, options_.agent.value, 0};
  const ByteView frame = seal_with(scratch(), item, address, mac, to_ms(now.wall));
  hello_frame_.assign(frame.begin(), frame.end());
  hello_sent_ = now.mono;
  return frame;
}

void AgentSession::on_handshake_frame(const wire::RawFrame& frame, Instant now) {
  const bool is_waiting = !hello_frame_.empty();
  if (is_waiting && frame.header.kind == wire::FrameKind::hello_ack) return on_hello_ack(frame, now);
  if (is_waiting && frame.header.kind == wire::FrameKind::reject) return on_reject(frame);
  fail_frame(wire::FrameError::bad_kind);
}

void AgentSession::on_hello_ack(const wire::RawFrame& frame, Instant now) {
  if (frame.header.key_epoch != epoch_.value) return fail_frame(wire::FrameError::unknown_key);
  wire::MacKey mac(wire::derive_hello_keys(key_).s2a.view());
  const auto buffer = wire::open_frame(frame, mac, 0, scratch().plain);
  if (!buffer) return fail_frame(buffer.error());
  count(wire::FrameError::ok);

  const auto envelope = open_envelope(*buffer);
  if (!envelope) return fail_hello_ack(envelope.error());
  const auto ack = decode_hello_ack(*envelope);
  if (!ack) return fail_hello_ack(ack.error());
  if (ack->session.value != frame.header.principal) return fail(Refusal::bad_hello, "the session of HELLO_ACK is not its header's");
  if (ack->nonce_echo != options_.nonce) return fail(Refusal::bad_hello, "HELLO_ACK answers another HELLO");
  if (!options_.versions.holds(ack->version))
    return fail(Refusal::unsupported_version, "HELLO_ACK " + name_chosen(ack->version, options_.versions));
  accept_hello_ack(frame, *ack, envelope->timestamp_ms(), now);
}

void AgentSession::accept_hello_ack(const wire::RawFrame& frame, const HelloAck& ack, std::int64_t timestamp_ms, Instant now) {
  clock_.add(hello_sent_, ack.received_ms, timestamp_ms, now);
  if (!clock_.is_known()) return fail(Refusal::bad_hello, "HELLO_ACK with times that cannot be");
  const auto keys = wire::derive_session_keys(key_, options_.nonce, ack.nonce, wire::handshake_transcript(hello_frame_, frame.bytes));
  start_data(ack.session, wire::MacKey(keys.s2a.view()), wire::MacKey(keys.a2s.view()), ack.body_limit);
  hello_frame_ = {};
  key_ = {};
  tolerance_ms_ = ack.tolerance_ms;
  heartbeat_interval_ = from_ms(ack.heartbeat_ms);
  work_.grant(ack.log_credit, ack.report_credit);
  is_open_ = true;
  lease_.renew(limits::kLeaseHeartbeats * heartbeat_interval_, now);
  count_established();
  push_event(Established{{options_.agent, epoch_, options_.instance, options_.boot, options_.connect}, ack.session, heartbeat_interval_});
}

void AgentSession::on_reject(const wire::RawFrame& frame) {
  const auto buffer = wire::open_reject(frame);
  if (!buffer) return fail_frame(buffer.error());
  const auto envelope = open_envelope(*buffer);
  if (!envelope) return fail_hello_ack(envelope.error());
  const auto reject = decode_reject(*envelope);
  if (!reject) return fail_hello_ack(reject.error());
  count(Refusal::rejected);
  end(CloseReason::normal, to_string(Refusal::rejected), reject->code + ": " + reject->detail);
}

void AgentSession::fail_hello_ack(const Refused& refused) {
  count(refused.reason);
  fail(Refusal::bad_hello, refused.detail);
}

// ---- messages in

void AgentSession::on_message(Message message, std::int64_t timestamp_ms, Instant now) {
  if (const auto* ack = std::get_if<HeartbeatAck>(&message)) {
    return clock_.add(Instant{Duration{ack->clock_boot_ns}}, ack->session_time_ms, timestamp_ms, now);
  }
  if (const auto* probe = std::get_if<Heartbeat>(&message)) {
    // Before Resume nothing else may be sent: the Resume that follows is answer enough.
    if (has_resumed_) enqueue(HeartbeatAck{probe->clock_boot_ns, session_time_ms(now)});
    return;
  }
  std::visit([this](auto&& m) { on(std::forward<decltype(m)>(m)); }, std::move(message));
}

void AgentSession::on(Reconcile&& m) {
  if (!has_resumed_ || is_reconciled_)
    return fail(Refusal::out_of_order, is_reconciled_ ? "a second Reconcile" : "Reconcile before Resume");
  is_reconciled_ = true;
  push_event(Received{std::move(m)});
  work_.open();
  flush_work();
}

void AgentSession::on(Credit&& m) {
  work_.grant(m.log_chunks, m.reports);
  push_event(Received{std::move(m)});
  flush_work();
}

// ---- messages out

void AgentSession::accept(Message message) {
  STINT_ASSERT(is_open_);
  const bool is_resume = std::holds_alternative<Resume>(message);
  STINT_ASSERT(is_resume != has_resumed_);  // the first message, and only the first
  if (is_resume) {
    has_resumed_ = true;
    next_heartbeat_ = last_heard() == Instant::min() ? hello_sent_ + heartbeat_interval_ : last_heard() + heartbeat_interval_;
    return enqueue(message);
  }
  if (auto* updates = std::get_if<UpdateList>(&message)) {
    work_.add(std::move(*updates));
    return flush_work();
  }
  if (auto* chunk = std::get_if<LogChunk>(&message)) {
    work_.add(std::move(*chunk));
    return flush_work();
  }
  STINT_ASSERT(std::holds_alternative<AgentInfo>(message) || std::holds_alternative<ErrorMessage>(message));  // Close goes through close()
  enqueue(message);
}

void AgentSession::flush_work() {
  if (const auto updates = work_.take_updates()) enqueue(*updates);
  while (!ended()) {
    auto chunk = work_.take_chunk();
    if (!chunk) break;
    enqueue(Message{std::move(*chunk)});
  }
  for (std::uint64_t dropped = work_.take_dropped(); dropped > 0; --dropped) count(Refusal::reports_dropped);
  if (ended() || outbox().bytes() + work_.waiting_log_bytes() <= limits::kOutputBytes) return;
  const std::string detail = "log chunks waiting for credit above " + std::to_string(limits::kOutputBytes) + " bytes";
  count(Refusal::overloaded);
  end_with(Close{CloseReason::overloaded, detail}, CloseReason::overloaded, to_string(Refusal::overloaded), detail);
}

void AgentSession::on_tick(Now now) {
  if (now.mono < next_heartbeat_) return;
  next_heartbeat_ = now.mono + heartbeat_interval_;
  enqueue(Heartbeat{1, running_});
}

}  // namespace

std::unique_ptr<Session> make_agent_session(AgentSessionOptions options, Now now) {
  return std::make_unique<AgentSession>(std::move(options), now);
}

}  // namespace stint::protocol
