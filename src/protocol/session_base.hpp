#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "protocol/clock_estimate.hpp"
#include "protocol/counters.hpp"
#include "protocol/lease.hpp"
#include "protocol/outbox.hpp"
#include "protocol/session.hpp"
#include "protocol/session_scratch.hpp"
#include "wire/frame_reader.hpp"
#include "wire/keys.hpp"
#include "wire/mac.hpp"

namespace stint::protocol {

/// What both sides share: cutting and opening frames, the order of checks, time rule, lease, sealing, and how a session ends.
/// The sides differ in the handshake and in what each message means to them.
class SessionBase : public Session {
 public:
  void on_bytes(ByteView bytes, Now now, Instant empty_since) final;
  void on_timer(Now now) final;
  void on_closed(Now now) final;
  [[nodiscard]] bool next(SessionEvent& event) final;
  void send(Message message) final;
  void close(CloseReason reason, std::string detail) final;
  void take_output(Now now, std::size_t budget, Bytes& out) final;
  [[nodiscard]] bool has_output() const final { return !outbox_.empty(); }
  [[nodiscard]] bool ended() const final { return ended_; }
  [[nodiscard]] Instant next_deadline() const final;
  [[nodiscard]] Instant last_heard() const final { return last_heard_; }
  void probe() final;

 protected:
  SessionBase(SessionCounters* counters, std::shared_ptr<SessionScratch> scratch, KeyEpoch epoch, Now now);

  /// A frame that is not DATA. `frame` lives during the call; `now` is when its last byte was read.
  virtual void on_handshake_frame(const wire::RawFrame& frame, Instant now) = 0;
  /// A good message at a good time.
  virtual void on_message(Message message, std::int64_t timestamp_ms, Instant now) = 0;
  /// Our HELLO or HELLO_ACK leaves now. Seals it; both sides take notes for their keys.
  virtual ByteView seal_handshake(Outbox::Item& item, Now now) = 0;
  /// The daemon's message, in a session that has not ended.
  virtual void accept(Message message) = 0;
  virtual void on_tick(Now /*now*/) {}
  [[nodiscard]] virtual Instant next_tick() const { return Instant::max(); }
  [[nodiscard]] virtual std::int64_t session_time_ms(Instant t) const = 0;

  /// Encodes and queues; ends the session if the message is over a limit or the queue is full.
  void enqueue(const Message& message);
  void enqueue_handshake(wire::FrameKind kind, Unsealed buffer);
  void push_event(SessionEvent event) { events_.push_back(std::move(event)); }

  /// Both sides have the transcript: DATA can flow.
  void start_data(SessionId session, wire::MacKey in, wire::MacKey out, std::uint32_t body_limit);
  [[nodiscard]] bool has_keys() const { return out_key_.has_value(); }

  /// A frame was refused: counted, told where there is a key to tell it with, and the end.
  void fail_frame(wire::FrameError error);
  void fail(Refusal refusal, std::string detail);
  /// A message was refused without harm: counted and answered with Error.
  void refuse_message(const Refused& refused);
  /// The peer refused something of ours; after code `time` both sides end.
  void on_error(ErrorMessage&& error);
  void end(CloseReason reason, std::string code, std::string detail);
  /// Throws away what is queued, sends `last` if there is a key for it, and ends.
  void end_with(const Message& last, CloseReason reason, std::string code, std::string detail);

  void count(Refusal refusal) {
    if (counters_ != nullptr) counters_->add(refusal);
  }
  void count(wire::FrameError error) {
    if (counters_ != nullptr) counters_->frames.add(error);
  }
  void count_established() {
    if (counters_ != nullptr) ++counters_->established;
  }

  [[nodiscard]] SessionScratch& scratch() { return *scratch_; }
  [[nodiscard]] SessionId session() const { return session_; }
  [[nodiscard]] Outbox& outbox() { return outbox_; }
  Lease lease_;
  wire::FrameReader reader_;
  KeyEpoch epoch_;
  std::int64_t tolerance_ms_ = limits::kToleranceMs;
  bool is_open_ = false;  ///< established: the lease counts heartbeats, not the handshake

 private:
  void on_frame(const wire::RawFrame& frame, const Arrival& first_byte, Instant now);
  void on_data(const wire::RawFrame& frame, const Arrival& first_byte, Instant now);
  [[nodiscard]] bool check_time(std::int64_t timestamp_ms, const Arrival& first_byte);
  ByteView seal(Outbox::Item& item, Now now);
  ByteView seal_data(Outbox::Item& item, Now now);

  SessionCounters* counters_;
  std::shared_ptr<SessionScratch> scratch_;
  Outbox outbox_;
  std::deque<SessionEvent> events_;
  std::optional<wire::MacKey> in_key_;
  std::optional<wire::MacKey> out_key_;
  SessionId session_;
  std::uint32_t out_limit_ = wire::limits::kBodyBeforeHandshake;
  std::uint64_t in_sequence_ = 0;   // last accepted
  std::uint64_t out_sequence_ = 0;  // last sealed
  Arrival unfinished_{};            // of the frame that has begun and is not complete
  Instant last_heard_ = Instant::min();
  bool ended_ = false;
};

/// Bytes of a handshake frame sealed under `key`; the body is known to fit.
[[nodiscard]] ByteView seal_with(SessionScratch& scratch, Outbox::Item& item, const wire::FrameAddress& address, wire::MacKey& key,
                                 std::int64_t timestamp_ms);

}  // namespace stint::protocol
