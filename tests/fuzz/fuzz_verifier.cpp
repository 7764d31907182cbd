// Any buffer behind an authentic tag: the verifier and the check of meaning must read it without harm, and what they accept must travel
// again: encoded once more, it decodes to something.

#include <variant>
#include <vector>

#include "base/assert.hpp"
#include "protocol/codec.hpp"
#include "wire/aligned_buffer.hpp"

using namespace stint;
using namespace stint::protocol;

namespace {

void must_travel_again(const Message& message) {
  Encoder encoder;
  std::vector<Unsealed> frames;
  // What a peer may say is a little more than what we would say (a template's total size), so a refusal here is no bug.
  if (!encoder.encode(message, frames)) return;
  for (const Unsealed& frame : frames) {
    Bytes space = frame.space;
    store_le<std::uint64_t>(space.data() + frame.timestamp_at, 5);
    const auto envelope = open_envelope(ByteView{space}.subspan(wire::kHeaderSize));
    STINT_ASSERT(envelope);
    const auto again = decode_message(*envelope);
    STINT_ASSERT(again && again->index() == message.index());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::size_t whole = size / wire::kAlignment * wire::kAlignment;
  if (whole <= wire::kTagSize) return 0;
  wire::AlignedBuffer buffer;
  buffer.reserve(whole);
  std::copy_n(data, whole, buffer.data());

  const auto envelope = open_envelope({buffer.data(), whole});
  if (!envelope) return 0;
  STINT_ASSERT(envelope->timestamp_ms() > 0);
  (void)decode_hello(*envelope);
  (void)decode_hello_ack(*envelope);
  (void)decode_reject(*envelope);
  (void)decode_enrol(*envelope);
  (void)decode_enrol_ack(*envelope);
  if (const auto message = decode_message(*envelope)) must_travel_again(*message);
  return 0;
}
