// An authenticated peer that says anything in any order: forged frames under the right keys, raw bytes, time that passes.
//
// Input: first byte: whom to attack (bit 0) and whether before or after Reconcile (bit 1); then records of op(1), length(2), payload.
//   op & 7  0-3  a DATA frame with payload as its body, timestamp put right    4  payload as raw bytes
//           5    time passes, `length` × 100 ms, and the timer runs            6  as 0, timestamp as it is
//           7    what the session has to say is taken
// Whatever comes: no assertion breaks, Ended is the last event and comes once, an ended session stays so, and output is bounded.

#include <flatbuffers/flatbuffers.h>

#include <algorithm>

#include "base/assert.hpp"
#include "protocol/limits.hpp"
#include "protocol/session_pipe.hpp"
#include "schema/envelope_generated.h"

using namespace stint;
using namespace stint::protocol;
using protocol::testing::agent_info;
using protocol::testing::Forger;
using protocol::testing::Pipe;

namespace {

/// Without this nearly every frame would end in the five-second rule.
void put_time_right(Bytes& body, std::int64_t session_time_ms) {
  flatbuffers::Verifier verifier(body.data(), body.size());
  if (!schema::VerifyMessageEnvelopeBuffer(verifier)) return;
  const auto* root = flatbuffers::GetRoot<flatbuffers::Table>(body.data());
  const auto* field = root->GetAddressOf(schema::MessageEnvelope::VT_TIMESTAMP);
  if (field != nullptr) store_le<std::uint64_t>(body.data() + (field - body.data()), static_cast<std::uint64_t>(session_time_ms));
}

class Attack {
 public:
  explicit Attack(std::uint8_t how) : is_on_scheduler_((how & 1) != 0) {
    pipe_.shake_hands();
    pipe_.agent->send(Resume{agent_info(), {}});
    sequence_ = 1;
    if ((how & 2) != 0) {
      pipe_.settle();
      pipe_.scheduler->send(Reconcile{});
      pipe_.settle();
      sequence_ = 2;
    }
    drain();
  }

  void forge(ByteView payload, bool is_timely) {
    Bytes body(payload.begin(), payload.end());
    if (body.empty()) return;
    if (is_timely) put_time_right(body, to_ms(pipe_.scheduler_now().wall));
    const Forger forger(pipe_);
    feed(forger.data(is_on_scheduler_ ? Forger::From::agent : Forger::From::scheduler, body, sequence_++));
  }
  void feed(ByteView bytes) {
    target().on_bytes(bytes, now(), now().mono);
    drain();
  }
  void pass(std::size_t tenths) {
    pipe_.time += std::chrono::milliseconds{100 * tenths};
    target().on_timer(now());
    drain();
  }
  void take() {
    Bytes out;
    target().take_output(now(), SIZE_MAX, out);
    STINT_ASSERT(out.size() <= limits::kOutputBytes + limits::kListBytes);
    STINT_ASSERT(!target().has_output());
  }

 private:
  Session& target() { return is_on_scheduler_ ? *pipe_.scheduler : *pipe_.agent; }
  [[nodiscard]] Now now() const { return is_on_scheduler_ ? pipe_.scheduler_now() : pipe_.agent_now(); }

  void drain() {
    SessionEvent event;
    while (target().next(event)) {
      STINT_ASSERT(!has_ended_);
      has_ended_ = std::holds_alternative<Ended>(event);
    }
    STINT_ASSERT(has_ended_ == target().ended());
    if (has_ended_) STINT_ASSERT(target().next_deadline() == Instant::max());
  }

  Pipe pipe_;
  bool is_on_scheduler_;
  std::uint64_t sequence_ = 1;
  bool has_ended_ = false;
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
      case 4: attack.feed(payload); break;
      case 5: attack.pass(payload.size()); break;
      case 7: attack.take(); break;
      default: attack.forge(payload, op != 6);
    }
  }
  attack.take();
  return 0;
}
