// Anything on the connection of an enrolment, on either side: raw bytes, forged frames under the token's key, time that passes.
//
// Input: first byte: whom to attack (bit 0: the scheduler); then records of op(1), length(2), payload.
//   op & 7  0, 1  ENROL or ENROL_ACK with payload as its body, MAC put right    2  as 0, but the payload spoils a good request
//           3     the daemon grants (odd length) or refuses what was asked      4  payload as raw bytes
//           5     time passes, `length` × 100 ms, and the timer runs            6  as 4, in pieces of one byte       7  output is taken
// Whatever comes: no assertion breaks, Ended is the last event and comes once, nothing is answered before the daemon has decided but a
// refusal, what was asked has a good proof, and an agent believes no key but the one that was wrapped for it.

#include <algorithm>

#include "base/assert.hpp"
#include "protocol/enrol_pipe.hpp"

using namespace stint;
using namespace stint::protocol;
using protocol::testing::enrol_now;
using protocol::testing::EnrolPipe;
using protocol::testing::kEnrolToken;

namespace {

class Attack {
 public:
  explicit Attack(std::uint8_t how) : is_on_scheduler_((how & 1) != 0) {
    if (!is_on_scheduler_) EnrolPipe::take(*pipe_.agent);
  }

  void forge(ByteView payload, wire::FrameKind kind) {
    if (payload.empty() || payload.size() > wire::limits::kBodyBeforeHandshake) return;
    const auto keys = wire::derive_enrol_keys(pipe_.keys.prk);
    wire::MacKey key((is_on_scheduler_ ? keys.a2s : keys.s2a).view());
    wire::FrameWriter writer;
    const auto frame = writer.write({kind, 0, kEnrolToken, 0}, payload, key);
    STINT_ASSERT(frame);
    feed(*frame);
  }
  void spoil(ByteView payload) {
    Enrol request = pipe_.request();
    std::size_t at = 0;
    for (auto* part : {request.nonce.data(), request.public_key.data(), request.proof.data(), request.cell.data()})
      if (at < payload.size()) {
        part[payload[at] % 32] ^= payload[at];
        ++at;
      }
    if (at < payload.size()) request.token = payload[at];
    request.name.assign(payload.begin(), payload.end());
    request.name.resize(std::min<std::size_t>(request.name.size(), 300));
    if (is_on_scheduler_ && request.token != 0) feed(pipe_.forge(request));
  }
  void decide(bool is_granted) {
    if (pipe_.scheduler->asked() == nullptr) return;
    if (is_granted)
      pipe_.scheduler->grant(EnrolPipe::grant());
    else
      pipe_.scheduler->refuse({"token_used", "another agent has used the token"});
    has_decided_ = true;
    drain();
  }
  void feed(ByteView bytes) {
    target().on_bytes(bytes, now(), now().mono);
    drain();
  }
  void pass(std::size_t tenths) {
    time_ += std::chrono::milliseconds{100 * tenths};
    target().on_timer(now());
    drain();
  }
  void take() {
    Bytes out;
    target().take_output(now(), SIZE_MAX, out);
    STINT_ASSERT(!target().has_output());
    STINT_ASSERT(out.size() <= wire::limits::kBodyBeforeHandshake + wire::kFrameOverhead);
    if (!is_on_scheduler_ || out.empty()) return;
    STINT_ASSERT(has_ended_);
    answers_ += 1;
    STINT_ASSERT(answers_ == 1);
  }

 private:
  SessionBase& target() { return is_on_scheduler_ ? static_cast<SessionBase&>(*pipe_.scheduler) : *pipe_.agent; }
  [[nodiscard]] Now now() const { return enrol_now(time_); }

  void drain() {
    SessionEvent event;
    while (target().next(event)) {
      STINT_ASSERT(!has_ended_ && std::holds_alternative<Ended>(event));
      has_ended_ = true;
    }
    STINT_ASSERT(has_ended_ == target().ended());
    if (has_ended_) STINT_ASSERT(target().next_deadline() == Instant::max());
    if (const Enrol* asked = pipe_.scheduler->asked(); asked != nullptr) {
      STINT_ASSERT(!has_decided_ && !pipe_.scheduler->has_output());
      STINT_ASSERT(wire::is_signed_by(asked->public_key, wire::enrol_proof_text(asked->token, asked->nonce, asked->public_key, asked->cell),
                                      asked->proof));
    }
    STINT_ASSERT(pipe_.agent->granted() == nullptr);  // nobody here has wrapped a key for it
  }

  EnrolPipe pipe_;
  bool is_on_scheduler_;
  Duration time_{0};
  bool has_ended_ = false;
  bool has_decided_ = false;
  int answers_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  Attack attack(data[0]);
  ByteView rest{data + 1, size - 1};
  while (rest.size() >= 3) {
    const unsigned op = rest[0] & 7U;
    const std::size_t length = load_le<std::uint16_t>(&rest[1]);
    const ByteView payload = rest.subspan(3, std::min(length, rest.size() - 3));
    rest = rest.subspan(3 + payload.size());
    switch (op) {
      case 0: attack.forge(payload, wire::FrameKind::enrol); break;
      case 1: attack.forge(payload, wire::FrameKind::enrol_ack); break;
      case 2: attack.spoil(payload); break;
      case 3: attack.decide(payload.size() % 2 == 1); break;
      case 4: attack.feed(payload); break;
      case 5: attack.pass(payload.size()); break;
      case 6:
        for (const std::uint8_t& byte : payload) attack.feed({&byte, 1});
        break;
      default: attack.take();
    }
  }
  attack.take();
  return 0;
}
