#include <algorithm>

#include "protocol/decode.hpp"

// Keys on their way: schema/keys.fbs.
namespace stint::protocol::decoding {

bool decode(Checker& c, const schema::Enrol& from, Enrol& out) {
  out.token = from.token();
  out.version_min = from.version_min();
  out.version_max = from.version_max();
  if (out.token == 0) return c.refuse(Refusal::missing_field, "token is missing");
  if (out.version_min > out.version_max) return c.refuse(Refusal::bad_value, "version_min above version_max");
  return c.fixed(from.nonce(), "nonce", out.nonce) && c.fixed(from.public_key(), "public_key", out.public_key) &&
         c.fixed(from.proof(), "proof", out.proof) && c.fixed(from.cell(), "cell", out.cell) &&
         c.text(from.name(), "name", limits::kName, out.name) && c.text(from.host(), "host", limits::kName, out.host);
}

bool decode(Checker& c, const schema::EnrolAck& from, EnrolAck& out) {
  out.token = from.token();
  out.version = from.version();
  if (out.token == 0) return c.refuse(Refusal::missing_field, "token is missing");
  if (!c.fixed(from.nonce(), "nonce", out.nonce) || !c.fixed(from.nonce_echo(), "nonce_echo", out.nonce_echo) ||
      !c.text(from.code(), "code", limits::kName, out.code) || !c.text(from.detail(), "detail", limits::kName, out.detail))
    return false;
  if (!out.code.empty()) return true;
  out.agent = AgentNumber{from.agent()};
  out.key_epoch = KeyEpoch{from.key_epoch()};
  out.generation = from.generation();
  if (out.agent.value == 0) return c.refuse(Refusal::missing_field, "agent is missing");
  if (out.key_epoch.value == 0) return c.refuse(Refusal::missing_field, "key_epoch is missing");
  return c.fixed(from.wrapped_key(), "wrapped_key", out.wrapped_key) && c.text(from.name(), "name", limits::kName, out.name);
}

bool decode(Checker& c, const schema::Rekey& from, Rekey& out) {
  out.key_epoch = KeyEpoch{from.key_epoch()};
  out.generation = from.generation();
  if (out.key_epoch.value == 0) return c.refuse(Refusal::missing_field, "key_epoch is missing");
  return c.fixed(from.nonce(), "nonce", out.nonce) && c.fixed(from.wrapped_key(), "wrapped_key", out.wrapped_key);
}

bool decode(Checker& c, const schema::CellPins& from, CellPins& out) {
  constexpr std::size_t kPin = 32;
  if (from.pins() == nullptr || from.pins()->size() == 0) return c.refuse(Refusal::missing_field, "pins are missing");
  const std::size_t size = from.pins()->size();
  if (size % kPin != 0) return c.refuse(Refusal::bad_size, "pins of " + std::to_string(size) + " bytes, must be a multiple of 32");
  if (!c.list(size / kPin, "pins", limits::kCellPins)) return false;
  for (std::size_t at = 0; at < size; at += kPin) std::copy_n(from.pins()->data() + at, kPin, out.pins.emplace_back().begin());
  return true;
}

}  // namespace stint::protocol::decoding
