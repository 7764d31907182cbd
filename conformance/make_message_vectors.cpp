#include "make_message_vectors.hpp"

#include <functional>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "schema/envelope_generated.h"
#include "wire/frame.hpp"

namespace stint::conformance {
namespace {

namespace json = boost::json;
using Builder = flatbuffers::FlatBufferBuilder;
using Build = std::function<flatbuffers::Offset<void>(Builder&)>;
using schema::SchedulerMessage;

constexpr std::uint64_t kTimestampMs = 1'793'000'000'000;
constexpr std::uint64_t kToken = 0x1122334455667788;

Bytes counting(std::size_t size, std::uint8_t first) {
  Bytes bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::uint8_t>(first + i);
  return bytes;
}

/// body ‖ tag in form B; the tag is zero, since nothing here looks at it.
std::string make_buffer(SchedulerMessage type, const Build& build) {
  Builder b;
  const auto value = build(b);
  b.Finish(schema::CreateMessageEnvelope(b, 1, kTimestampMs, type, value));
  Bytes buffer(b.GetBufferPointer(), b.GetBufferPointer() + b.GetSize());
  buffer.resize((buffer.size() + wire::kAlignment - 1) / wire::kAlignment * wire::kAlignment + wire::kTagSize);
  return to_hex(buffer);
}

json::object make_vector(std::string_view name, std::string_view message, std::string buffer, std::string_view expect) {
  return {{"name", name}, {"message", message}, {"buffer", std::move(buffer)}, {"expect", expect}};
}

json::object pins(std::string_view name, std::size_t size, std::string_view expect) {
  const Bytes bytes = counting(size, 0x10);
  auto vector =
      make_vector(name, "CellPins",
                  make_buffer(SchedulerMessage::CellPins,
                              [&](Builder& b) { return schema::CreateCellPins(b, size == 0 ? 0 : b.CreateVector(bytes)).Union(); }),
                  expect);
  json::array each;
  for (std::size_t at = 0; expect == "accept" && at < size; at += 32) each.emplace_back(to_hex(ByteView(bytes).subspan(at, 32)));
  if (expect == "accept") vector["pins"] = std::move(each);
  return vector;
}

struct RekeyFields {
  std::uint16_t epoch = 4;
  std::size_t nonce = 32, wrapped = 48;
};
json::object rekey(std::string_view name, const RekeyFields& fields, std::string_view expect) {
  const Bytes nonce = counting(fields.nonce, 0x20), wrapped = counting(fields.wrapped, 0x40);
  auto vector = make_vector(name, "Rekey",
                            make_buffer(SchedulerMessage::Rekey,
                                        [&](Builder& b) {
                                          const auto nonce_at = b.CreateVector(nonce);
                                          const auto wrapped_at = b.CreateVector(wrapped);
                                          return schema::CreateRekey(b, fields.epoch, 7, nonce_at, wrapped_at).Union();
                                        }),
                            expect);
  if (expect != "accept") return vector;
  vector["key_epoch"] = fields.epoch;
  vector["generation"] = 7;
  vector["nonce"] = to_hex(nonce);
  vector["wrapped_key"] = to_hex(wrapped);
  return vector;
}

struct EnrolFields {
  std::uint64_t token = kToken;
  std::size_t nonce = 32, public_key = 32, proof = 64, cell = 32, name = 4;
  std::uint16_t version_min = 1, version_max = 1;
};
json::object enrol(std::string_view name, const EnrolFields& fields, std::string_view expect) {
  const Bytes nonce = counting(fields.nonce, 1), key = counting(fields.public_key, 2), proof = counting(fields.proof, 3);
  const Bytes cell = counting(fields.cell, 4);
  auto vector = make_vector(name, "Enrol",
                            make_buffer(SchedulerMessage::Enrol,
                                        [&](Builder& b) {
                                          const auto nonce_at = b.CreateVector(nonce);
                                          const auto key_at = b.CreateVector(key);
                                          const auto proof_at = b.CreateVector(proof);
                                          const auto cell_at = b.CreateVector(cell);
                                          const auto name_at = b.CreateString(std::string(fields.name, 'n'));
                                          return schema::CreateEnrol(b, fields.token, nonce_at, key_at, proof_at, cell_at,
                                                                     fields.version_min, fields.version_max, name_at)
                                              .Union();
                                        }),
                            expect);
  if (expect != "accept") return vector;
  vector["token"] = std::to_string(fields.token);
  vector["nonce"] = to_hex(nonce);
  vector["public_key"] = to_hex(key);
  vector["proof"] = to_hex(proof);
  vector["cell"] = to_hex(cell);
  return vector;
}

struct AckFields {
  std::uint64_t token = kToken;
  std::size_t nonce = 32, echo = 32, wrapped = 48;
  std::string code = {};
  std::uint64_t agent = 17;
  std::uint16_t epoch = 3;
};
json::object enrol_ack(std::string_view name, const AckFields& fields, std::string_view expect) {
  const Bytes nonce = counting(fields.nonce, 5), echo = counting(fields.echo, 1), wrapped = counting(fields.wrapped, 6);
  auto vector = make_vector(name, "EnrolAck",
                            make_buffer(SchedulerMessage::EnrolAck,
                                        [&](Builder& b) {
                                          const auto nonce_at = b.CreateVector(nonce);
                                          const auto echo_at = b.CreateVector(echo);
                                          const auto code_at = fields.code.empty() ? 0 : b.CreateString(fields.code);
                                          const auto wrapped_at = fields.wrapped == 0 ? 0 : b.CreateVector(wrapped);
                                          return schema::CreateEnrolAck(b, fields.token, nonce_at, echo_at, 1, code_at, 0, fields.agent,
                                                                        fields.epoch, 2, wrapped_at)
                                              .Union();
                                        }),
                            expect);
  if (expect != "accept") return vector;
  vector["token"] = std::to_string(fields.token);
  vector["nonce"] = to_hex(nonce);
  vector["nonce_echo"] = to_hex(echo);
  vector["code"] = fields.code;
  if (!fields.code.empty()) return vector;
  vector["agent"] = std::to_string(fields.agent);
  vector["key_epoch"] = fields.epoch;
  vector["generation"] = 2;
  vector["wrapped_key"] = to_hex(wrapped);
  return vector;
}

// ---- time

/// One round trip, in nanoseconds of the agent's clock and milliseconds of session time.
json::object sample(std::int64_t t0_ns, std::int64_t t1_ms, std::int64_t t2_ms, std::int64_t t3_ns) {
  return {{"t0_ns", std::to_string(t0_ns)},
          {"t1_ms", std::to_string(t1_ms)},
          {"t2_ms", std::to_string(t2_ms)},
          {"t3_ns", std::to_string(t3_ns)}};
}
json::object estimate(std::string_view name, std::string_view comment, json::array samples, std::int64_t offset_ns) {
  return {{"name", name},
          {"comment", comment},
          {"tries", "estimate"},
          {"samples", std::move(samples)},
          {"offset_ns", std::to_string(offset_ns)}};
}
/// How far a timestamp lies outside of [earliest, latest]: above 0 late.
json::object judge(std::string_view name, std::int64_t timestamp, std::int64_t earliest, std::int64_t latest, std::int64_t error,
                   std::string_view expect) {
  return {{"name", name},
          {"tries", "judge"},
          {"timestamp_ms", std::to_string(timestamp)},
          {"earliest_ms", std::to_string(earliest)},
          {"latest_ms", std::to_string(latest)},
          {"tolerance_ms", 5000},
          {"error_ms", error},
          {"expect", expect}};
}

constexpr std::int64_t kMs = 1'000'000, kSecond = 1000 * kMs;

}  // namespace

std::vector<json::object> message_vectors() {
  return {pins("one_pin", 32, "accept"),
          pins("four_pins", 128, "accept"),
          pins("no_pins", 0, "missing_field"),
          pins("a_pin_of_31_bytes", 31, "bad_size"),
          pins("two_pins_and_a_byte", 65, "bad_size"),
          pins("five_pins", 160, "list_too_long"),
          rekey("rekey", {}, "accept"),
          rekey("rekey_of_the_last_epoch", {.epoch = 65'535}, "accept"),
          rekey("rekey_without_an_epoch", {.epoch = 0}, "missing_field"),
          rekey("rekey_nonce_of_31_bytes", {.nonce = 31}, "bad_size"),
          rekey("rekey_key_of_47_bytes", {.wrapped = 47}, "bad_size"),
          enrol("enrol", {}, "accept"),
          enrol("enrol_versions_0_to_9", {.version_min = 0, .version_max = 9}, "accept"),
          enrol("enrol_without_a_token", {.token = 0}, "missing_field"),
          enrol("enrol_lowest_version_above_the_highest", {.version_min = 2}, "bad_value"),
          enrol("enrol_nonce_of_33_bytes", {.nonce = 33}, "bad_size"),
          enrol("enrol_public_key_of_31_bytes", {.public_key = 31}, "bad_size"),
          enrol("enrol_proof_of_63_bytes", {.proof = 63}, "bad_size"),
          enrol("enrol_cell_of_0_bytes", {.cell = 0}, "bad_size"),
          enrol("enrol_name_of_257_bytes", {.name = 257}, "text_too_long"),
          enrol_ack("enrol_ack", {}, "accept"),
          enrol_ack("enrol_ack_with_a_code", {.wrapped = 0, .code = "token_used", .agent = 0, .epoch = 0}, "accept"),
          enrol_ack("enrol_ack_without_a_token", {.token = 0}, "missing_field"),
          enrol_ack("enrol_ack_echo_of_31_bytes", {.echo = 31}, "bad_size"),
          enrol_ack("enrol_ack_without_an_agent", {.agent = 0}, "missing_field"),
          enrol_ack("enrol_ack_without_an_epoch", {.epoch = 0}, "missing_field"),
          enrol_ack("enrol_ack_key_of_47_bytes", {.wrapped = 47}, "bad_size")};
}

std::vector<json::object> time_vectors() {
  // There and back in 10 ms each, 2 ms in between: the scheduler's clock reads 1,000,000 ms when ours reads 5 s.
  const auto even = sample(5 * kSecond, 1'000'010, 1'000'012, 5 * kSecond + 22 * kMs);
  // The same difference, but the way there took 90 ms and the way back 10: wrong by half of what they differ.
  const auto uneven = sample(200 * kSecond, 1'195'090, 1'195'090, 200 * kSecond + 100 * kMs);
  const auto short_one = sample(120 * kSecond, 1'115'001, 1'115'001, 120 * kSecond + 2 * kMs);
  const auto late_one = sample(700 * kSecond, 1'695'090, 1'695'090, 700 * kSecond + 100 * kMs);
  const std::int64_t offset = 1'000'000 * kMs - 5 * kSecond;
  return {
      estimate("an_even_round_trip", "", {even}, offset),
      estimate("an_uneven_round_trip", "wrong by half of the difference, and by at most half the round trip", {uneven}, offset + 40 * kMs),
      estimate("the_shortest_of_three", "not the newest", {even, short_one, uneven}, offset),
      estimate("the_shortest_is_too_old", "more than ten minutes before the newest", {even, late_one}, offset + 40 * kMs),
      estimate("back_before_it_was_sent", "such a sample is passed over",
               {even, sample(9 * kSecond, 1'004'000, 1'004'000, 9 * kSecond - 1)}, offset),
      judge("within", 1'000'500, 1'000'000, 1'001'000, 0, "accept"),
      judge("late_by_the_tolerance", 995'000, 1'000'000, 1'001'000, 5000, "accept"),
      judge("late_by_a_millisecond_more", 994'999, 1'000'000, 1'001'000, 5001, "time"),
      judge("early_by_the_tolerance", 1'006'000, 1'000'000, 1'001'000, -5000, "accept"),
      judge("early_by_a_millisecond_more", 1'006'001, 1'000'000, 1'001'000, -5001, "time"),
      judge("a_receiver_that_slept_an_hour", 1'000'000, 999'000, 4'600'000, 0, "accept"),
      judge("a_day_late", 1'000'000, 87'400'000, 87'400'010, 86'400'000, "time"),
  };
}

}  // namespace stint::conformance
