#include "apps/stint-conform/cases/session_cases.hpp"

#include <atomic>
#include <iterator>

namespace stint::conform {

std::vector<SessionCase> session_cases() {
  std::vector<SessionCase> all;
  for (auto&& part : {header_cases(), mac_cases(), compression_cases(), stream_cases(), verifier_cases(), envelope_cases(), time_cases()})
    all.insert(all.end(), part.begin(), part.end());
  return all;
}

std::int64_t fresh_beat() {
  static std::atomic<std::int64_t> count{0};
  return now().time_since_epoch().count() / 1000 * 1000 + ++count % 1000;
}

Bytes heartbeat_body(const Session& session, std::int64_t beat) {
  return body_of(protocol::Message{protocol::Heartbeat{beat, 0}}, session.time_ms());
}

Check expect_beat(Session& session, std::int64_t beat) {
  const Instant deadline = now() + limits::kPatience;
  for (;;) {
    CONFORM_TRY(const auto ack, session.take<protocol::HeartbeatAck>("the HeartbeatAck of a heartbeat", deadline - now()));
    if (ack.clock_boot_ns == beat) return {};
  }
}

Check send_and_refuse(Session& session, const Bytes& frame, const char* code) {
  session.peer().send(frame);
  return session.expect_refused(code);
}

Check refuse_header(Session& session, std::size_t at, std::uint8_t value, const char* code) {
  const auto edit = [at, value](std::span<std::uint8_t> frame) { frame[at] = value; };
  return send_and_refuse(session, session.data(heartbeat_body(session, fresh_beat()), edit), code);
}

}  // namespace stint::conform
