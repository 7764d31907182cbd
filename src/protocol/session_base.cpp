#include "protocol/session_base.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace stint::protocol {
namespace {

constexpr std::size_t kSmallRead = 1024;     // after one this small a large receive buffer is given back
constexpr std::size_t kKeptCapacity = 4096;  // unless it is no larger than this

/// Logs and updates hold no keys, tokens or secrets of ours; assignments may (env), and everything else is small.
wire::Compression compression_of(const Message& message) {
  const bool may = std::holds_alternative<LogChunk>(message) || std::holds_alternative<UpdateList>(message);
  return may ? wire::Compression::allowed : wire::Compression::never;
}

/// A peer hears the same of an unknown key and of a wrong MAC: nobody finds keys with our help.
const char* told_code(wire::FrameError error) {
  const bool is_about_keys = error == wire::FrameError::unknown_key || error == wire::FrameError::bad_mac;
  return is_about_keys ? "unauthenticated" : to_string(error);
}

void stamp(Unsealed& buffer, std::int64_t timestamp_ms) {
  store_le<std::uint64_t>(buffer.space.data() + buffer.timestamp_at, static_cast<std::uint64_t>(std::max<std::int64_t>(1, timestamp_ms)));
}

}  // namespace

std::shared_ptr<SessionScratch> make_session_scratch() { return std::make_shared<SessionScratch>(); }

ByteView seal_with(SessionScratch& scratch, Outbox::Item& item, const wire::FrameAddress& address, wire::MacKey& key,
                   std::int64_t timestamp_ms) {
  stamp(item.buffer, timestamp_ms);
  const auto frame = scratch.writer.write_in_place(address, item.buffer.space, key, item.compression);
  STINT_ASSERT(frame);  // enqueue looked at its size
  return *frame;
}

SessionBase::SessionBase(SessionCounters* counters, std::shared_ptr<SessionScratch> scratch, KeyEpoch epoch, Now now)
    : lease_(limits::kHandshake, now.mono),
      epoch_(epoch),
      counters_(counters),
      scratch_(scratch ? std::move(scratch) : make_session_scratch()) {}

// ---- in

void SessionBase::on_bytes(ByteView bytes, Now now, Instant empty_since) {
  if (ended_ || bytes.empty()) return;
  if (counters_ != nullptr) counters_->bytes_in += bytes.size();
  const Arrival arrival{std::min(empty_since, now.mono), now.mono};
  // Only the first frame can have begun in an earlier read.
  Arrival first = reader_.buffered() != 0 ? unfinished_ : arrival;
  reader_.feed(bytes);
  while (!ended_) {
    const auto frame = reader_.next();
    if (!frame) break;
    on_frame(*frame, first, now.mono);
    first = arrival;
  }
  if (ended_) return;
  if (reader_.error() != wire::FrameError::ok) return fail_frame(reader_.error());
  if (reader_.buffered() != 0) {
    unfinished_ = first;
    lease_.on_bytes_inside_frame();
  } else if (bytes.size() <= kSmallRead && reader_.capacity() > kKeptCapacity) {
    reader_.trim();
  }
}

void SessionBase::on_frame(const wire::RawFrame& frame, const Arrival& first_byte, Instant now) {
  if (frame.header.kind == wire::FrameKind::data) return on_data(frame, first_byte, now);
  on_handshake_frame(frame, now);
}

void SessionBase::on_data(const wire::RawFrame& frame, const Arrival& first_byte, Instant now) {
  // Key by principal and key epoch, then MAC, sequence, decompression (open_frame), verifier, meaning, authorisation: each before the next.
  if (!in_key_ || frame.header.principal != session_.value || frame.header.key_epoch != epoch_.value)
    return fail_frame(wire::FrameError::unknown_key);
  const auto buffer = wire::open_frame(frame, *in_key_, in_sequence_ + 1, scratch_->plain);
  if (!buffer) return fail_frame(buffer.error());
  ++in_sequence_;
  count(wire::FrameError::ok);
  last_heard_ = now;
  if (is_open_) lease_.renew(now);

  const auto envelope = open_envelope(*buffer);
  if (!envelope) {
    if (envelope.error().reason == Refusal::malformed) return fail(Refusal::malformed, envelope.error().detail);
    return refuse_message(envelope.error());
  }
  if (!check_time(envelope->timestamp_ms(), first_byte)) return;
  auto message = decode_message(*envelope);
  if (!message) {
    if (message.error().reason == Refusal::malformed) return fail(Refusal::malformed, message.error().detail);
    return refuse_message(message.error());
  }
  on_message(std::move(*message), envelope->timestamp_ms(), now);
}

bool SessionBase::check_time(std::int64_t timestamp_ms, const Arrival& first_byte) {
  const std::int64_t error = time_error_ms(timestamp_ms, session_time_ms(first_byte.empty_since), session_time_ms(first_byte.read));
  if (error <= tolerance_ms_ && error >= -tolerance_ms_) return true;
  count(Refusal::time);
  const std::string detail = "timestamp off by " + std::to_string(error) + " ms, limit " + std::to_string(tolerance_ms_) + " ms";
  end_with(ErrorMessage{to_string(Refusal::time), detail, error, tolerance_ms_}, CloseReason::time, to_string(Refusal::time), detail);
  return false;
}

void SessionBase::on_timer(Now now) {
  if (ended_) return;
  if (lease_.is_over(now.mono))
    return is_open_ ? fail(Refusal::lease, "nothing heard for three heartbeats")
                    : fail(Refusal::handshake_timeout, "no handshake within 5 s");
  on_tick(now);
}

void SessionBase::on_closed(Now /*now*/) {
  outbox_.clear();
  end(CloseReason::normal, "disconnected", "connection closed");
}

bool SessionBase::next(SessionEvent& event) {
  if (events_.empty()) return false;
  event = std::move(events_.front());
  events_.pop_front();
  return true;
}

Instant SessionBase::next_deadline() const { return ended_ ? Instant::max() : std::min(lease_.deadline(), next_tick()); }

// ---- out

void SessionBase::send(Message message) {
  if (!ended_) accept(std::move(message));
}

void SessionBase::probe() {
  if (!ended_ && is_open_) enqueue(Heartbeat{});
}

void SessionBase::close(CloseReason reason, std::string detail) {
  if (ended_) return;
  if (reason == CloseReason::displaced) count(Refusal::displaced);
  if (reason == CloseReason::identity_in_use) count(Refusal::identity_in_use);
  if (has_keys()) enqueue(Close{reason, detail});
  end(reason, "closed_by_us", std::move(detail));
}

void SessionBase::enqueue(const Message& message) {
  auto& parts = scratch_->parts;
  parts.clear();
  if (auto encoded = scratch_->encoder.encode(message, parts); !encoded) return fail(encoded.error().reason, encoded.error().detail);
  const wire::Compression compression = compression_of(message);
  for (Unsealed& part : parts) {
    const std::size_t body = part.space.size() - wire::kFrameOverhead;
    if (body > out_limit_)
      return fail(Refusal::unsendable, "message of " + std::to_string(body) + " bytes, limit " + std::to_string(out_limit_));
    outbox_.push({wire::FrameKind::data, compression, std::move(part)});
  }
  if (outbox_.bytes() <= limits::kOutputBytes || ended_) return;
  count(Refusal::overloaded);
  const std::string detail = "output queue above " + std::to_string(limits::kOutputBytes) + " bytes";
  end_with(Close{CloseReason::overloaded, detail}, CloseReason::overloaded, to_string(Refusal::overloaded), detail);
}

void SessionBase::enqueue_handshake(wire::FrameKind kind, Unsealed buffer) {
  outbox_.push({kind, wire::Compression::never, std::move(buffer)});
}

void SessionBase::take_output(Now now, std::size_t budget, Bytes& out) {
  if (budget == 0) return;
  const std::size_t start = out.size();
  while (!outbox_.empty()) {
    const std::size_t taken = out.size() - start;
    if (taken != 0 && taken + outbox_.front_size() > budget) return;
    Outbox::Item item = outbox_.take_front();
    const ByteView frame = seal(item, now);
    out.insert(out.end(), frame.begin(), frame.end());
    if (counters_ == nullptr) continue;
    ++counters_->frames_out;
    counters_->bytes_out += frame.size();
  }
}

ByteView SessionBase::seal(Outbox::Item& item, Now now) {
  scratch_->writer.set_limit(std::max(out_limit_, wire::limits::kBodyBeforeHandshake));
  switch (item.kind) {
    case wire::FrameKind::data: return seal_data(item, now);
    case wire::FrameKind::reject: {
      stamp(item.buffer, session_time_ms(now.mono));
      const ByteView space{item.buffer.space};
      const auto frame = scratch_->writer.write_reject(space.subspan(wire::kHeaderSize, space.size() - wire::kFrameOverhead));
      STINT_ASSERT(frame);
      return *frame;
    }
    default: return seal_handshake(item, now);
  }
}

ByteView SessionBase::seal_data(Outbox::Item& item, Now now) {
  if (item.buffer.clock_at != 0) {
    store_le<std::uint64_t>(item.buffer.space.data() + item.buffer.clock_at,
                            static_cast<std::uint64_t>(now.mono.time_since_epoch().count()));
  }
  const wire::FrameAddress address{wire::FrameKind::data, epoch_.value, session_.value, ++out_sequence_};
  return seal_with(*scratch_, item, address, *out_key_, session_time_ms(now.mono));
}

// ---- beginning and end

void SessionBase::start_data(SessionId session, wire::MacKey in, wire::MacKey out, std::uint32_t body_limit) {
  session_ = session;
  in_key_ = std::move(in);
  out_key_ = std::move(out);
  out_limit_ = body_limit;
  reader_.set_limit(body_limit);
}

void SessionBase::fail_frame(wire::FrameError error) {
  count(error);
  const Close last{CloseReason::protocol, std::string(told_code(error)) + ": frame refused"};
  end_with(last, CloseReason::protocol, to_string(error), "frame refused");
}

void SessionBase::fail(Refusal refusal, std::string detail) {
  count(refusal);
  const Close last{CloseReason::protocol, std::string(to_string(refusal)) + ": " + detail};
  end_with(last, CloseReason::protocol, to_string(refusal), std::move(detail));
}

void SessionBase::refuse_message(const Refused& refused) {
  count(refused.reason);
  enqueue(ErrorMessage{to_string(refused.reason), refused.detail, 0, 0});
}

void SessionBase::on_error(ErrorMessage&& error) {
  const bool is_time = error.code == to_string(Refusal::time);
  std::string detail = error.detail;
  push_event(Received{std::move(error)});
  if (!is_time) return;
  count(Refusal::time);
  end(CloseReason::time, to_string(Refusal::time), std::move(detail));
}

void SessionBase::end(CloseReason reason, std::string code, std::string detail) {
  if (ended_) return;
  ended_ = true;
  events_.emplace_back(Ended{reason, std::move(code), std::move(detail)});
}

void SessionBase::end_with(const Message& last, CloseReason reason, std::string code, std::string detail) {
  if (ended_) return;
  outbox_.clear();
  end(reason, std::move(code), std::move(detail));
  if (has_keys()) enqueue(last);
}

}  // namespace stint::protocol
