#include <algorithm>
#include <cstring>

#include "apps/stint-conform/cases/session_cases.hpp"

namespace stint::conform {
namespace {

using schema::SchedulerMessage;

constexpr const char* kVerifierRule = "| 7 | FlatBuffers verifier: depth at most 16, tables at most 64 + length / 8 | under \"Session\" |";
constexpr const char* kGoesOnRule = "A failure in steps 8 and 9 is answered with `Error`, and the session goes on.";
constexpr const char* kUnknownRule = "| `unknown_message`, `null_message` | union type unknown; known but without a value | Error |";
constexpr const char* kIgnoreRule = "A receiver ignores fields that it does not know, in every table.";
constexpr const char* kKindsRule = "The frame kinds HELLO, HELLO_ACK and REJECT carry the member of their name and no other.";
constexpr const char* kSignatureRule = "If its `signature` is present, it must be 32 bytes and equal the tag.";

Build heartbeat(std::int64_t beat) {
  return [beat](Builder& b) { return schema::CreateHeartbeat(b, static_cast<std::uint64_t>(beat), 0).Union(); };
}

Check malformed(Session& session, Bytes body) { return send_and_refuse(session, session.data(std::move(body)), "malformed"); }

Check error(Session& session, const EnvelopeSpec& spec, const char* code) {
  session.send_body(make_envelope(spec));
  return session.expect_error(code);
}

Check error_of(Session& session, SchedulerMessage type, Build build, const char* code) {
  session.send_envelope(type, std::move(build));
  return session.expect_error(code);
}

/// A Close whose detail says that it is longer than the buffer.
Check text_past_the_end(Session& session) {
  static constexpr char kText[] = "AAAAAAAAAAAAAAAA";
  Bytes body = session.envelope(SchedulerMessage::Error, [](Builder& b) { return schema::CreateErrorDirect(b, "code", kText).Union(); });
  const auto at = std::search(body.begin(), body.end(), std::begin(kText), std::end(kText) - 1);
  store_le<std::uint32_t>(&*at - 4, 0x00FFFFFF);
  return malformed(session, std::move(body));
}

/// One label, pointed to from many places: few bytes, many tables.
Check too_many_tables(Session& session) {
  constexpr std::size_t kLabels = 2000;
  Bytes body = session.envelope(SchedulerMessage::AgentInfo, [](Builder& b) {
    const auto label = schema::CreateNamedTextDirect(b, "k", "v");
    const std::vector<flatbuffers::Offset<schema::NamedText>> labels(kLabels, label);
    const auto name = b.CreateString("a");
    const auto all = b.CreateVector(labels);
    schema::AgentInfoBuilder info(b);
    info.add_name(name);
    info.add_labels(all);
    return info.Finish().Union();
  });
  return malformed(session, std::move(body));
}

/// A vector of structs whose length is where a verifier wants it, and whose structs are not.
Bytes misaligned_acks(const Session& session, std::uint32_t shift) {
  return session.envelope(SchedulerMessage::StatusAck, [shift](Builder& b) {
    constexpr std::size_t kWords = sizeof(schema::UpdateKey) / sizeof(std::uint32_t);
    for (std::uint32_t i = 0; i < shift; ++i) b.PushElement<std::uint32_t>(0);
    const std::vector<std::uint32_t> words(kWords, 1);
    b.StartVector(kWords, sizeof(std::uint32_t));
    for (const auto word : words) b.PushElement(word);
    const auto acks = b.EndVector(1);
    const auto start = b.StartTable();
    b.AddOffset(schema::StatusAck::VT_ITEMS, flatbuffers::Offset<void>(acks));
    return flatbuffers::Offset<void>(b.EndTable(start));
  });
}

bool is_misaligned(const Bytes& body) {
  const auto* root = flatbuffers::GetRoot<schema::MessageEnvelope>(body.data());
  const auto* items = root->message_as_StatusAck()->items();
  return (reinterpret_cast<const std::uint8_t*>(items->Data()) - body.data()) % 8 != 0;
}

Check structs_not_aligned(Session& session) {
  for (std::uint32_t shift = 0; shift < 4; ++shift) {
    Bytes body = misaligned_acks(session, shift);
    if (is_misaligned(body)) return malformed(session, std::move(body));
  }
  return differ("a misaligned vector", "none could be made");
}

Check size_prefixed(Session& session) {
  Bytes body = session.envelope(SchedulerMessage::Heartbeat, heartbeat(fresh_beat()));
  Bytes prefixed(4);
  store_le<std::uint32_t>(prefixed.data(), static_cast<std::uint32_t>(body.size()));
  prefixed.insert(prefixed.end(), body.begin(), body.end());
  prefixed.resize((prefixed.size() + 7) / 8 * 8);
  return malformed(session, std::move(prefixed));
}

Check wrong_signature(Session& session, std::size_t size) {
  return error(session,
               {.type = SchedulerMessage::Heartbeat,
                .build = heartbeat(fresh_beat()),
                .timestamp_ms = session.time_ms(),
                .version = 1,
                .signature = Bytes(size, 7)},
               "bad_signature");
}

/// A table with one field more than the schema knows.
flatbuffers::Offset<void> heartbeat_of_tomorrow(Builder& b, std::int64_t beat) {
  constexpr flatbuffers::voffset_t kFieldOfTomorrow = 40;
  const auto text = b.CreateString("tomorrow");
  const auto start = b.StartTable();
  b.AddElement<std::uint64_t>(schema::Heartbeat::VT_CLOCK_BOOT_NS, static_cast<std::uint64_t>(beat), 0);
  b.AddOffset(kFieldOfTomorrow, text);
  return flatbuffers::Offset<void>(b.EndTable(start));
}

Check unknown_field_in_a_message(Session& session) {
  const auto beat = fresh_beat();
  session.send_envelope(SchedulerMessage::Heartbeat, [beat](Builder& b) { return heartbeat_of_tomorrow(b, beat); });
  return expect_beat(session, beat);
}

Check unknown_field_in_the_envelope(Session& session) {
  constexpr flatbuffers::voffset_t kFieldOfTomorrow = 60;
  const auto beat = fresh_beat();
  Builder b;
  const auto value = heartbeat(beat)(b);
  const auto text = b.CreateString("tomorrow");
  const auto start = b.StartTable();
  b.AddElement<std::uint64_t>(schema::MessageEnvelope::VT_TIMESTAMP, static_cast<std::uint64_t>(session.time_ms()), 0);
  b.AddElement<std::uint8_t>(schema::MessageEnvelope::VT_MESSAGE_TYPE, static_cast<std::uint8_t>(SchedulerMessage::Heartbeat), 0);
  b.AddOffset(schema::MessageEnvelope::VT_MESSAGE, value);
  b.AddOffset(kFieldOfTomorrow, text);
  b.Finish(flatbuffers::Offset<schema::MessageEnvelope>(b.EndTable(start)));
  Bytes body{b.GetBufferPointer(), b.GetBufferPointer() + b.GetSize()};
  body.resize((body.size() + 7) / 8 * 8);
  session.send_body(std::move(body));
  return expect_beat(session, beat);
}

Check error_is_not_answered(Session& session) {
  session.send(protocol::ErrorMessage{"bad_value", "a test of the runner", 0, 0});
  return session.expect_no_error();
}

Check sequence_goes_on(Session& session) {
  for (int i = 0; i < 10; ++i) {
    session.send_envelope(static_cast<SchedulerMessage>(200), heartbeat(fresh_beat()));
    CONFORM_CHECK(session.expect_error("unknown_message"));
  }
  return {};
}

flatbuffers::Offset<void> nothing(Builder& /*b*/) { return {}; }

}  // namespace

std::vector<SessionCase> verifier_cases() {
  return {
      {"6.01", "bytes that are no FlatBuffer", kVerifierRule, [](Session& s) { return malformed(s, Bytes(64, 0xFF)); }},
      {"6.02", "zero bytes", kVerifierRule, [](Session& s) { return malformed(s, Bytes(64, 0)); }},
      {"6.03", "a root beyond the end", kVerifierRule,
       [](Session& s) {
         Bytes body = heartbeat_body(s, fresh_beat());
         store_le<std::uint32_t>(body.data(), 1U << 20);
         return malformed(s, std::move(body));
       }},
      {"6.04", "a text longer than the buffer", kVerifierRule, text_past_the_end},
      {"6.05", "more tables than 64 + length / 8", kVerifierRule, too_many_tables},
      {"6.06", "a vector of structs that is not aligned", "the verifier says no, or a vector of structs is not aligned to its widest field",
       structs_not_aligned},
      {"6.07", "a size prefix",
       "There is no algorithm field, no truncated tag, no size prefix, and no MAC over anything but bytes as they were received",
       size_prefixed},
  };
}

std::vector<SessionCase> envelope_cases() {
  return {
      {"7.01", "schema version 2", "| `bad_envelope` | schema version other than 1 | Error |",
       [](Session& s) {
         return error(
             s, {.type = SchedulerMessage::Heartbeat, .build = heartbeat(1), .timestamp_ms = s.time_ms(), .version = 2, .signature = {}},
             "bad_envelope");
       }},
      {"7.02", "schema version 0", "| `bad_envelope` | schema version other than 1 | Error |",
       [](Session& s) {
         return error(
             s, {.type = SchedulerMessage::Heartbeat, .build = heartbeat(1), .timestamp_ms = s.time_ms(), .version = 0, .signature = {}},
             "bad_envelope");
       }},
      {"7.03", "no timestamp", "| `bad_timestamp` | 0, or beyond 63 bits | Error |",
       [](Session& s) {
         return error(s, {.type = SchedulerMessage::Heartbeat, .build = heartbeat(1), .timestamp_ms = 0, .version = 1, .signature = {}},
                      "bad_timestamp");
       }},
      {"7.04", "a timestamp beyond 63 bits", "| `bad_timestamp` | 0, or beyond 63 bits | Error |",
       [](Session& s) {
         return error(s, {.type = SchedulerMessage::Heartbeat, .build = heartbeat(1), .timestamp_ms = -1, .version = 1, .signature = {}},
                      "bad_timestamp");
       }},
      {"7.05", "a signature that is not the tag", kSignatureRule, [](Session& s) { return wrong_signature(s, wire::kTagSize); }},
      {"7.06", "a signature of 31 bytes", kSignatureRule, [](Session& s) { return wrong_signature(s, wire::kTagSize - 1); }},
      {"7.07", "a message type of tomorrow", kUnknownRule,
       [](Session& s) { return error_of(s, static_cast<SchedulerMessage>(200), heartbeat(1), "unknown_message"); }},
      {"7.08", "the last message type there is", kUnknownRule,
       [](Session& s) { return error_of(s, static_cast<SchedulerMessage>(255), heartbeat(1), "unknown_message"); }},
      {"7.09", "no message", kUnknownRule, [](Session& s) { return error_of(s, SchedulerMessage::NONE, nothing, "unknown_message"); }},
      {"7.10", "a Heartbeat without a value", kUnknownRule,
       [](Session& s) { return error_of(s, SchedulerMessage::Heartbeat, nothing, "null_message"); }},
      {"7.11", "a Close without a value", kUnknownRule,
       [](Session& s) { return error_of(s, SchedulerMessage::Close, nothing, "null_message"); }},
      {"7.12", "a clock beyond 63 bits", "| `bad_enum`, `bad_progress`, `bad_value`, `bad_size`, `bad_resources` | out of range | Error |",
       [](Session& s) { return error_of(s, SchedulerMessage::Heartbeat, heartbeat(-1), "bad_value"); }},
      {"7.13", "Hello in DATA", kKindsRule,
       [](Session& s) {
         return error_of(s, SchedulerMessage::Hello, [](Builder& b) { return schema::CreateHello(b).Union(); }, "wrong_direction");
       }},
      {"7.14", "HelloAck in DATA", kKindsRule,
       [](Session& s) {
         return error_of(s, SchedulerMessage::HelloAck, [](Builder& b) { return schema::CreateHelloAck(b).Union(); }, "wrong_direction");
       }},
      {"7.15", "Reject in DATA", kKindsRule,
       [](Session& s) {
         return error_of(
             s, SchedulerMessage::Reject, [](Builder& b) { return schema::CreateRejectDirect(b, "unauthenticated", "").Union(); },
             "wrong_direction");
       }},
      {"7.16", "Enrol in DATA", "Anything else is `wrong_direction`: answered with Error, the session goes on.",
       [](Session& s) {
         return error_of(s, SchedulerMessage::Enrol, [](Builder& b) { return schema::CreateEnrol(b, 1).Union(); }, "wrong_direction");
       }},
      {"7.17", "a field of tomorrow in a message", kIgnoreRule, unknown_field_in_a_message},
      {"7.18", "a field of tomorrow in the envelope", kIgnoreRule, unknown_field_in_the_envelope},
      {"7.19", "an Error is never answered", "An Error is never answered.", error_is_not_answered},
      {"7.20", "ten messages refused, and the session goes on", kGoesOnRule, sequence_goes_on},
      {"7.21", "Heartbeat is answered with HeartbeatAck and its clock",
       "| 3 | Heartbeat | agent, every interval; scheduler, as a probe | HeartbeatAck, at once |",
       [](Session& s) {
         const auto beat = fresh_beat();
         s.send(protocol::Heartbeat{beat, 3});
         return expect_beat(s, beat);
       }},
      {"7.22", "a HeartbeatAck that nobody asked for", "| 13 | HeartbeatAck | either | |",
       [](Session& s) {
         s.send(protocol::HeartbeatAck{now().time_since_epoch().count(), s.time_ms()});
         return s.expect_no_error();
       }},
  };
}

}  // namespace stint::conform
