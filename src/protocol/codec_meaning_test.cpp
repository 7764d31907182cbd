#include <gtest/gtest.h>

#include <limits>

#include "protocol/codec_buffer.hpp"
#include "protocol/limits.hpp"
#include "protocol/session_pipe.hpp"

/// What the check of meaning refuses, each with its reason, and buffers that mean harm.

namespace stint::protocol {
namespace {

using namespace protocol::testing;

TEST(CodecMeaning, Envelope) {
  const auto envelope = [](std::uint16_t version, std::uint64_t timestamp) {
    return [=](FlatBufferBuilder& b) {
      const auto value = schema::CreateHeartbeat(b, 1, 0);
      schema::FinishMessageEnvelopeBuffer(b,
                                          schema::CreateMessageEnvelope(b, version, timestamp, SchedulerMessage::Heartbeat, value.Union()));
    };
  };
  EXPECT_EQ(refusal(envelope(1, 5)), "accepted");
  EXPECT_EQ(refusal(envelope(2, 5)), "bad_envelope");
  EXPECT_EQ(refusal(envelope(0, 5)), "bad_envelope");
  EXPECT_EQ(refusal(envelope(1, 0)), "bad_timestamp");
  EXPECT_EQ(refusal(envelope(1, std::uint64_t{1} << 63)), "bad_timestamp");
}

TEST(CodecMeaning, SignatureMustBeTheTag) {
  for (const std::size_t size : {0U, 31U, 32U, 33U}) {
    FlatBufferBuilder b;
    const Bytes other(size, 0x77);  // the appended tag is zero here
    const auto signature = b.CreateVector(other);
    const auto value = schema::CreateHeartbeat(b, 1, 0);
    schema::FinishMessageEnvelopeBuffer(b, schema::CreateMessageEnvelope(b, 1, 5, SchedulerMessage::Heartbeat, value.Union(), signature));
    const auto decoded = decode(Buffer(b));
    ASSERT_FALSE(decoded);
    EXPECT_EQ(decoded.error().reason, Refusal::bad_signature) << size;
  }
}

TEST(CodecMeaning, UnknownAndNullMessages) {
  const auto envelope = [](std::uint8_t type, bool has_value) {
    return [=](FlatBufferBuilder& b) {
      const flatbuffers::Offset<void> value = has_value ? schema::CreateHeartbeat(b, 1, 0).Union() : flatbuffers::Offset<void>{};
      schema::FinishMessageEnvelopeBuffer(b, schema::CreateMessageEnvelope(b, 1, 5, static_cast<SchedulerMessage>(type), value));
    };
  };
  EXPECT_EQ(refusal(envelope(0, false)), "unknown_message");
  EXPECT_EQ(refusal(envelope(23, true)), "unknown_message");
  EXPECT_EQ(refusal(envelope(255, true)), "unknown_message");
  for (int type = 1; type <= 22; ++type) {
    const bool is_handshake = (type >= 4 && type <= 6) || type == 19 || type == 20;
    EXPECT_EQ(refusal(envelope(static_cast<std::uint8_t>(type), false)), is_handshake ? "wrong_direction" : "null_message") << type;
  }
}

TEST(CodecMeaning, Updates) {
  const auto update = [](float progress, int status, int reason, schema::AttemptRef ref) {
    return [=](FlatBufferBuilder& b) {
      const schema::UpdateRecord record(ref, 0, 0, 1, 0, progress, static_cast<schema::TaskStatus>(status),
                                        static_cast<schema::EndReason>(reason), 0);
      const auto records = b.CreateVectorOfStructs(&record, 1);
      finish(b, SchedulerMessage::UpdateList, schema::CreateUpdateList(b, records));
    };
  };
  EXPECT_EQ(refusal(update(0.0F, 1, 0, kRef)), "accepted");
  EXPECT_EQ(refusal(update(1.0F, 4, 18, kRef)), "accepted");
  EXPECT_EQ(refusal(update(1.001F, 1, 0, kRef)), "bad_progress");
  EXPECT_EQ(refusal(update(-0.001F, 1, 0, kRef)), "bad_progress");
  EXPECT_EQ(refusal(update(std::numeric_limits<float>::quiet_NaN(), 1, 0, kRef)), "bad_progress");
  EXPECT_EQ(refusal(update(std::numeric_limits<float>::infinity(), 1, 0, kRef)), "bad_progress");
  EXPECT_EQ(refusal(update(0.0F, 5, 0, kRef)), "bad_enum");
  EXPECT_EQ(refusal(update(0.0F, -1, 0, kRef)), "bad_enum");
  EXPECT_EQ(refusal(update(0.0F, 1, 19, kRef)), "bad_enum");
  EXPECT_EQ(refusal(update(0.0F, 1, 0, {0, 0, 0, 1})), "missing_field");
  EXPECT_EQ(refusal(update(0.0F, 1, 0, {12, 0, 0, 0})), "missing_field");
  EXPECT_EQ(refusal(update(0.0F, 1, 0, {std::uint64_t{1} << 63, 0, 0, 1})), "bad_value");
}

TEST(CodecMeaning, ExtrasNameTheirUpdatesInOrder) {
  const auto list = [](std::vector<std::uint32_t> indexes) {
    return [indexes = std::move(indexes)](FlatBufferBuilder& b) {
      std::vector<flatbuffers::Offset<schema::UpdateExtra>> extras;
      for (const std::uint32_t index : indexes) extras.push_back(schema::CreateUpdateExtra(b, index));
      const auto extras_at = b.CreateVector(extras);
      const std::vector<schema::UpdateRecord> records(3, {kRef, 0, 0, 1, 0, 0.0F, schema::TaskStatus::Running, schema::EndReason::None, 0});
      const auto records_at = b.CreateVectorOfStructs(records);
      finish(b, SchedulerMessage::UpdateList, schema::CreateUpdateList(b, records_at, extras_at));
    };
  };
  EXPECT_EQ(refusal(list({0, 2})), "accepted");
  EXPECT_EQ(refusal(list({0, 0})), "bad_value");
  EXPECT_EQ(refusal(list({2, 1})), "bad_value");
  EXPECT_EQ(refusal(list({3})), "bad_value");
  EXPECT_EQ(refusal(list({UINT32_MAX})), "bad_value");
}

TEST(CodecMeaning, ExtrasNameTheirAssignmentsInOrder) {
  const auto list = [](std::vector<std::uint32_t> indexes) {
    return [indexes = std::move(indexes)](FlatBufferBuilder& b) {
      std::vector<flatbuffers::Offset<schema::AssignedExtra>> extras;
      for (const std::uint32_t index : indexes) extras.push_back(schema::CreateAssignedExtra(b, index));
      const auto extras_at = b.CreateVector(extras);
      const auto driver = b.CreateString("exec");
      schema::TaskAssignmentBuilder task(b);
      task.add_driver(driver);
      const auto templates = b.CreateVector(std::vector{task.Finish()});
      const auto items = b.CreateVectorOfStructs(std::vector<schema::AssignedAttempt>(3, {kRef, 0}));
      finish(b, SchedulerMessage::AssignmentList, schema::CreateAssignmentList(b, templates, items, extras_at));
    };
  };
  EXPECT_EQ(refusal(list({0, 2})), "accepted");
  EXPECT_EQ(refusal(list({1, 1})), "bad_value");
  EXPECT_EQ(refusal(list({2, 0})), "bad_value");
  EXPECT_EQ(refusal(list({3})), "bad_value");
  EXPECT_EQ(refusal(list({0, 1, 2, 3})), "list_too_long");
}

TEST(CodecMeaning, WhatIsConfirmedIsAListOfAttempts) {
  const auto list = [](std::size_t count, const schema::AttemptRef& ref) {
    return [=](FlatBufferBuilder& b) {
      const auto confirmed = b.CreateVectorOfStructs(std::vector(count, ref));
      finish(b, SchedulerMessage::AssignmentList, schema::CreateAssignmentList(b, 0, 0, 0, false, confirmed));
    };
  };
  EXPECT_EQ(refusal(list(limits::kListItems, kRef)), "accepted");
  EXPECT_EQ(refusal(list(limits::kListItems + 1, kRef)), "list_too_long");
  EXPECT_EQ(refusal(list(1, {0, 0, 0, 1})), "missing_field");
  EXPECT_EQ(refusal(list(1, {1, 0, 0, 0})), "missing_field");
}

TEST(CodecMeaning, WhatBelongsToOneAssignment) {
  struct Case {
    std::size_t token = 10;
    std::size_t item = 10;
    std::size_t values = 1;
    std::size_t value_name = 5;
    std::size_t files = 1;
    std::size_t path = 5;
    std::size_t blob = 32;
    std::size_t checkpoint = 32;
  };
  const auto result = [](const Case& c) {
    return refusal([&](FlatBufferBuilder& b) {
      const auto text = [&](std::size_t size) { return b.CreateString(std::string(size, 'x')); };
      const auto value = schema::CreateNamedText(b, text(c.value_name), text(3));
      const auto values = b.CreateVector(std::vector(c.values, value));
      const auto path = text(c.path);
      const auto blob = b.CreateVector(Bytes(c.blob, 7));
      std::vector<flatbuffers::Offset<schema::FileRef>> files;
      for (std::size_t i = 0; i < c.files; ++i) files.push_back(schema::CreateFileRef(b, path, blob, 1));
      const auto files_at = b.CreateVector(files);
      const auto checkpoint = b.CreateVector(Bytes(c.checkpoint, 7));
      const auto token = text(c.token);
      const auto extra = schema::CreateAssignedExtra(b, 0, token, text(c.item), false, values, files_at, checkpoint);
      const auto extras = b.CreateVector(std::vector{extra});
      const auto driver = b.CreateString("exec");
      schema::TaskAssignmentBuilder task(b);
      task.add_driver(driver);
      const auto templates = b.CreateVector(std::vector{task.Finish()});
      const schema::AssignedAttempt item(kRef, 0);
      const auto items = b.CreateVectorOfStructs(&item, 1);
      finish(b, SchedulerMessage::AssignmentList, schema::CreateAssignmentList(b, templates, items, extras));
    });
  };
  EXPECT_EQ(result({}), "accepted");
  EXPECT_EQ(result({.token = limits::kToken, .item = limits::kItem, .files = limits::kFiles}), "accepted");
  EXPECT_EQ(result({.token = limits::kToken + 1}), "text_too_long");
  EXPECT_EQ(result({.item = limits::kItem + 1}), "text_too_long");
  EXPECT_EQ(result({.value_name = 0}), "missing_field");
  EXPECT_EQ(result({.value_name = limits::kName + 1}), "text_too_long");
  EXPECT_EQ(result({.files = limits::kFiles + 1}), "list_too_long");
  EXPECT_EQ(result({.path = 0}), "missing_field");
  EXPECT_EQ(result({.path = limits::kText + 1}), "text_too_long");
  EXPECT_EQ(result({.blob = 31}), "bad_size");
  EXPECT_EQ(result({.blob = 0}), "bad_size");
  EXPECT_EQ(result({.checkpoint = 33}), "bad_size");
  EXPECT_EQ(result({.checkpoint = 0}), "bad_size") << "none is absent";
}

TEST(CodecMeaning, WhatATaskLeft) {
  const auto left = [](std::size_t files, std::size_t blob_size, std::size_t result_size) {
    return [=](FlatBufferBuilder& b) {
      const auto path = b.CreateString("model.npz");
      const auto blob = b.CreateVector(Bytes(blob_size, 7));
      std::vector<flatbuffers::Offset<schema::FileRef>> outputs;
      for (std::size_t i = 0; i < files; ++i) outputs.push_back(schema::CreateFileRef(b, path, blob, 1));
      const auto outputs_at = b.CreateVector(outputs);
      const auto result = b.CreateString(std::string(result_size, 'r'));
      const auto extras = b.CreateVector(std::vector{schema::CreateUpdateExtra(b, 0, 0, 0, 0, outputs_at, result)});
      const schema::UpdateRecord record(kRef, 0, 0, 1, 0, 0.0F, schema::TaskStatus::Completed, schema::EndReason::Exit, 0);
      const auto records = b.CreateVectorOfStructs(&record, 1);
      finish(b, SchedulerMessage::UpdateList, schema::CreateUpdateList(b, records, extras));
    };
  };
  EXPECT_EQ(refusal(left(limits::kFiles, 32, limits::kResult)), "accepted");
  EXPECT_EQ(refusal(left(limits::kFiles + 1, 32, 0)), "list_too_long");
  EXPECT_EQ(refusal(left(1, 16, 0)), "bad_size");
  EXPECT_EQ(refusal(left(0, 32, limits::kResult + 1)), "text_too_long");
}

TEST(CodecMeaning, ListLimits) {
  const auto updates = [](std::size_t count) {
    return [=](FlatBufferBuilder& b) {
      const std::vector<schema::UpdateRecord> records(count,
                                                      {kRef, 0, 0, 1, 0, 0.0F, schema::TaskStatus::Running, schema::EndReason::None, 0});
      const auto records_at = b.CreateVectorOfStructs(records);
      finish(b, SchedulerMessage::UpdateList, schema::CreateUpdateList(b, records_at));
    };
  };
  EXPECT_EQ(refusal(updates(limits::kListItems)), "accepted");
  EXPECT_EQ(refusal(updates(limits::kListItems + 1)), "list_too_long");
}

TEST(CodecMeaning, Assignments) {
  struct Case {
    const char* driver = "noop";
    int type = 0;
    std::uint64_t timeout = 2;
    std::uint64_t timeout_ms = 1500;
    std::uint32_t cpu = 1000;
    std::uint32_t step = 1;
    std::uint32_t index = 0;
    schema::StorageType storage = schema::StorageType::Local;
  };
  const auto result = [](const Case& c) {
    return refusal([&](FlatBufferBuilder& b) {
      const auto driver = b.CreateString(c.driver);
      const auto resources = schema::CreateResourceSpec(b, c.cpu);
      schema::TaskAssignmentBuilder task(b);
      task.add_driver(driver);
      task.add_resources(resources);
      task.add_agent_type(static_cast<schema::AgentType>(c.type));
      task.add_timeout(c.timeout);
      task.add_timeout_ms(c.timeout_ms);
      task.add_array_step(c.step);
      task.add_storage_backend(c.storage);
      const auto templates = b.CreateVector(std::vector{task.Finish()});
      const schema::AssignedAttempt item(kRef, c.index);
      const auto items = b.CreateVectorOfStructs(&item, 1);
      finish(b, SchedulerMessage::AssignmentList, schema::CreateAssignmentList(b, templates, items));
    });
  };
  EXPECT_EQ(result({}), "accepted");
  EXPECT_EQ(result({.timeout_ms = 0}), "accepted") << "the seed's field alone";
  EXPECT_EQ(result({.driver = ""}), "missing_field");
  EXPECT_EQ(result({.type = 5}), "bad_enum");
  EXPECT_EQ(result({.timeout = 3}), "bad_value");
  EXPECT_EQ(result({.timeout = UINT64_MAX, .timeout_ms = 0}), "bad_value");
  EXPECT_EQ(result({.cpu = limits::kCpuMillis + 1}), "bad_resources");
  EXPECT_EQ(result({.step = 0}), "bad_value");
  EXPECT_EQ(result({.index = 1}), "bad_value");
  EXPECT_EQ(result({.storage = schema::StorageType::S3}), "bad_enum");
}

TEST(CodecMeaning, LogChunks) {
  const auto chunk = [](std::size_t size, int stream, const schema::AttemptRef* ref) {
    return [=](FlatBufferBuilder& b) {
      const auto bytes = b.CreateVector(Bytes(size, 'x'));
      finish(b, SchedulerMessage::LogChunk, schema::CreateLogChunk(b, ref, static_cast<schema::LogStream>(stream), 0, bytes));
    };
  };
  EXPECT_EQ(refusal(chunk(limits::kLogChunk, 1, &kRef)), "accepted");
  EXPECT_EQ(refusal(chunk(limits::kLogChunk + 1, 1, &kRef)), "bad_size");
  EXPECT_EQ(refusal(chunk(0, 1, &kRef)), "bad_size");
  EXPECT_EQ(refusal(chunk(1, 0, &kRef)), "bad_enum");
  EXPECT_EQ(refusal(chunk(1, 3, &kRef)), "bad_enum");
  EXPECT_EQ(refusal(chunk(1, 1, nullptr)), "missing_field");
}

TEST(CodecMeaning, AgentInfo) {
  const auto info = [](const std::string& name, std::size_t notes, std::size_t note_size) {
    return [=](FlatBufferBuilder& b) {
      const auto name_at = b.CreateString(name);
      const auto note = b.CreateString(std::string(note_size, 'n'));
      const auto notes_at = b.CreateVector(std::vector(notes, note));
      schema::AgentInfoBuilder out(b);
      out.add_name(name_at);
      out.add_notes(notes_at);
      finish(b, SchedulerMessage::AgentInfo, out.Finish());
    };
  };
  EXPECT_EQ(refusal(info("a1", 3, 10)), "accepted");
  EXPECT_EQ(refusal(info("", 0, 0)), "missing_field");
  EXPECT_EQ(refusal(info(std::string(257, 'a'), 0, 0)), "text_too_long");
  EXPECT_EQ(refusal(info("a1", 257, 1)), "list_too_long");
  EXPECT_EQ(refusal(info("a1", 1, limits::kText + 1)), "text_too_long");
}

// ---- buffers that mean harm

TEST(CodecHarm, OneLongStringPointedToOftenIsNotCopiedOften) {
  FlatBufferBuilder b;
  const auto argument = b.CreateString(std::string(1024 * 1024, 'x'));
  const auto command = b.CreateVector(std::vector(limits::kArguments, argument));  // 16 GiB if copied
  const auto driver = b.CreateString("noop");
  schema::TaskAssignmentBuilder task(b);
  task.add_attempt(&kRef);
  task.add_driver(driver);
  task.add_command(command);
  finish(b, SchedulerMessage::TaskAssignment, task.Finish());
  const auto decoded = decode(Buffer(b));
  ASSERT_FALSE(decoded);
  EXPECT_EQ(decoded.error().reason, Refusal::text_too_long);
}

/// A directed acyclic graph whose paths multiply: the list's tables are the same ones again and again. The verifier gives up after so many
/// tables as the buffer could hold, whatever it is asked to walk.
TEST(CodecHarm, TablesCountedOftenerThanTheBufferCanHoldAreMalformed) {
  const auto metrics = [](std::size_t references) {
    FlatBufferBuilder b;
    const auto name = b.CreateString("m");
    const auto metric = schema::CreateMetric(b, name, 1.0, 0);
    const auto list = b.CreateVector(std::vector(references, metric));
    const auto extra = schema::CreateUpdateExtra(b, 0, list);
    const auto extras = b.CreateVector(std::vector(references, extra));
    finish(b, SchedulerMessage::UpdateList, schema::CreateUpdateList(b, 0, extras));
    return Buffer(b);
  };
  for (const std::size_t references : {20U, 200U, 2000U}) {
    const Buffer buffer = metrics(references);
    ASSERT_GT(references * references, limits::kTables + buffer.view().size() / limits::kBytesPerTable) << "the test asks for too little";
    const auto opened = open_envelope(buffer.view());
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().reason, Refusal::malformed);
  }
  const auto honest = open_envelope(metrics(4).view());
  EXPECT_TRUE(honest);
}

/// The verifier accepts a vector of structs at any multiple of 4; reading 64-bit fields there is undefined.
TEST(CodecHarm, MisalignedStructsAreMalformed) {
  FlatBufferBuilder b;
  const schema::UpdateKey key(kRef, 1);
  const auto items = b.CreateVectorOfStructs(&key, 1);
  finish(b, SchedulerMessage::StatusAck, schema::CreateStatusAck(b, items));
  const Buffer honest(b);
  ASSERT_TRUE(decode(honest));

  // The vector begins 4 bytes before its structs; the offset to it lies in the table.
  // Moved 4 bytes on, its length is the low half of the job's number: 1 fits as well as any.
  const auto* root = schema::GetMessageEnvelope(honest.view().data());
  const auto* vector = reinterpret_cast<const std::uint8_t*>(root->message_as_StatusAck()->items());
  const auto* table = reinterpret_cast<const flatbuffers::Table*>(root->message_as_StatusAck());
  const auto* offset = table->GetAddressOf(schema::StatusAck::VT_ITEMS);
  Buffer moved = honest;
  std::uint8_t* const field = moved.bytes().data() + wire::kHeaderSize + (offset - honest.view().data());
  store_le<std::uint32_t>(field, load_le<std::uint32_t>(field) + 4);
  std::uint8_t* const length = moved.bytes().data() + wire::kHeaderSize + (vector + 4 - honest.view().data());
  store_le<std::uint32_t>(length, 1);
  const auto decoded = decode(moved);
  ASSERT_FALSE(decoded);
  EXPECT_EQ(decoded.error().reason, Refusal::malformed);
  EXPECT_EQ(decoded.error().detail, "acknowledgements not aligned");
}

TEST(CodecHarm, EveryTruncationAndEveryBitFlipIsRefusedOrReadable) {
  UpdateList list{{update(1, 1), update(2, 0), update(3, 2, TaskStatus::completed)}};
  list.items[1].metrics = {{"loss", 0.25, 3}, {"accuracy", 0.75, 3}};
  list.items[2].detail = "done";
  const auto frames = encode(list);
  const Buffer good(frames[0]);
  for (std::size_t size = wire::kTagSize; size < good.view().size(); size += 8) {
    Buffer cut = good;
    cut.bytes().resize(wire::kHeaderSize + size);
    EXPECT_FALSE(decode(cut)) << size;  // the signature is no longer the tag, if nothing else
  }
  std::size_t refused = 0;
  for (std::size_t bit = 0; bit < good.view().size() * 8; ++bit) {
    Buffer flipped = good;
    flipped.bytes()[wire::kHeaderSize + bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
    if (!decode(flipped)) ++refused;  // reading it must do no harm; sanitizers watch
  }
  EXPECT_GT(refused, 0U);
}

}  // namespace
}  // namespace stint::protocol
