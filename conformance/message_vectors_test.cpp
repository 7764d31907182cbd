#include <gtest/gtest.h>

#include <set>
#include <string>

#include "protocol/clock_estimate.hpp"
#include "protocol/codec.hpp"
#include "read_json.hpp"

namespace stint::protocol {
namespace {

namespace json = boost::json;

/// Fields of a message, as its vector names them.
json::object to_fields(const Message& message) {
  json::object fields;
  if (const auto* pins = std::get_if<CellPins>(&message)) {
    json::array each;
    for (const auto& pin : pins->pins) each.emplace_back(to_hex(pin));
    fields["pins"] = std::move(each);
  } else if (const auto* rekey = std::get_if<Rekey>(&message)) {
    fields["key_epoch"] = rekey->key_epoch.value;
    fields["generation"] = rekey->generation;
    fields["nonce"] = to_hex(rekey->nonce);
    fields["wrapped_key"] = to_hex(rekey->wrapped_key);
  }
  return fields;
}
json::object to_fields(const Enrol& enrol) {
  return {{"token", std::to_string(enrol.token)},
          {"nonce", to_hex(enrol.nonce)},
          {"public_key", to_hex(enrol.public_key)},
          {"proof", to_hex(enrol.proof)},
          {"cell", to_hex(enrol.cell)}};
}
json::object to_fields(const EnrolAck& ack) {
  json::object fields{
      {"token", std::to_string(ack.token)}, {"nonce", to_hex(ack.nonce)}, {"nonce_echo", to_hex(ack.nonce_echo)}, {"code", ack.code}};
  if (!ack.code.empty()) return fields;
  fields["agent"] = std::to_string(ack.agent.value);
  fields["key_epoch"] = ack.key_epoch.value;
  fields["generation"] = ack.generation;
  fields["wrapped_key"] = to_hex(ack.wrapped_key);
  return fields;
}

struct Verdict {
  std::string reason;
  json::object fields;
};
template <class T>
Verdict verdict_of(const Decoded<T>& decoded) {
  if (!decoded) return {to_string(decoded.error().reason), {}};
  return {"accept", to_fields(*decoded)};
}
Verdict read(const std::string& message, ByteView buffer) {
  const auto envelope = open_envelope(buffer);
  if (!envelope) return {to_string(envelope.error().reason), {}};
  if (message == "Enrol") return verdict_of(decode_enrol(*envelope));
  if (message == "EnrolAck") return verdict_of(decode_enrol_ack(*envelope));
  return verdict_of(decode_message(*envelope));
}

TEST(Vectors, Messages) {
  const json::value file = read_json(STINT_SOURCE_DIR "/conformance/vectors/messages.json");
  std::set<std::string> messages;
  for (const auto& item : file.at("vectors").as_array()) {
    const json::object& vector = item.as_object();
    SCOPED_TRACE(text_of(vector, "name"));
    messages.insert(text_of(vector, "message"));
    const Verdict verdict = read(text_of(vector, "message"), bytes_of(vector, "buffer"));
    EXPECT_EQ(verdict.reason, text_of(vector, "expect"));
    for (const auto& [name, value] : verdict.fields) {
      ASSERT_TRUE(vector.contains(name)) << name;
      EXPECT_EQ(json::serialize(vector.at(name)), json::serialize(value)) << name;
    }
  }
  EXPECT_EQ(messages.size(), 4U);
}

std::int64_t number_of(const json::object& vector, std::string_view field) { return std::stoll(text_of(vector, field)); }

void check_estimate(const json::object& vector) {
  ClockEstimate estimate;
  for (const auto& item : vector.at("samples").as_array()) {
    const json::object& sample = item.as_object();
    estimate.add(Instant{Duration{number_of(sample, "t0_ns")}}, number_of(sample, "t1_ms"), number_of(sample, "t2_ms"),
                 Instant{Duration{number_of(sample, "t3_ns")}});
  }
  ASSERT_TRUE(estimate.is_known());
  EXPECT_EQ(estimate.offset_ns(), number_of(vector, "offset_ns"));
}

void check_judgement(const json::object& vector) {
  const auto error = time_error_ms(number_of(vector, "timestamp_ms"), number_of(vector, "earliest_ms"), number_of(vector, "latest_ms"));
  EXPECT_EQ(error, vector.at("error_ms").to_number<std::int64_t>());
  const auto tolerance = vector.at("tolerance_ms").to_number<std::int64_t>();
  EXPECT_EQ(error >= -tolerance && error <= tolerance, text_of(vector, "expect") == "accept");
}

TEST(Vectors, Time) {
  const json::value file = read_json(STINT_SOURCE_DIR "/conformance/vectors/time.json");
  std::size_t count = 0;
  for (const auto& item : file.at("vectors").as_array()) {
    const json::object& vector = item.as_object();
    SCOPED_TRACE(text_of(vector, "name"));
    ++count;
    text_of(vector, "tries") == "estimate" ? check_estimate(vector) : check_judgement(vector);
  }
  EXPECT_GE(count, 10U);
}

}  // namespace
}  // namespace stint::protocol
