#include "bench/wire/message_flow.hpp"

#include <array>
#include <cstring>

#include "base/assert.hpp"

namespace stint::bench {
namespace {

constexpr std::uint64_t kTimestamp = 1'700'000'000'000;
constexpr std::uint64_t kSequence = 1;
constexpr wire::FrameAddress kAddress{.kind = wire::FrameKind::data, .key_epoch = 1, .principal = 7, .sequence = kSequence};
constexpr wire::FrameLimits kLimits{wire::limits::kBodyDefault, wire::limits::kBodyDefault};

// PROTOCOL "Order of checks": the verifier's limits.
constexpr flatbuffers::uoffset_t kMaxDepth = 16;
constexpr std::size_t kMaxTablesBase = 64;
constexpr std::size_t kBytesPerTable = 8;

std::uint64_t read(const schema::LogChunk& chunk) {
  const auto* bytes = chunk.bytes();
  return bytes == nullptr || bytes->size() == 0 ? 0 : 1 + bytes->size() + bytes->Get(0) + bytes->Get(bytes->size() - 1);
}

std::uint64_t read(const schema::StatusUpdate& update) {
  std::uint64_t sum = 1;
  for (const auto* metric : *update.metrics()) sum += static_cast<std::uint64_t>(metric->value()) + metric->step() + metric->name()->size();
  return sum;
}

std::uint64_t read(const schema::MessageEnvelope& envelope) {
  if (envelope.version() != 1 || envelope.timestamp() == 0) return 0;
  if (const auto* chunk = envelope.message_as_LogChunk()) return read(*chunk);
  if (const auto* update = envelope.message_as_StatusUpdate(); update != nullptr && update->metrics() != nullptr) return read(*update);
  return 0;
}

}  // namespace

Sender::Signature Sender::begin() {
  builder_.Clear();
  std::uint8_t* bytes = nullptr;
  return builder_.CreateUninitializedVector(wire::kTagSize, sizeof(std::uint8_t), &bytes);  // the tag goes there
}

void Sender::finish(schema::SchedulerMessage type, flatbuffers::Offset<void> message, Signature signature) {
  builder_.Finish(schema::CreateMessageEnvelope(builder_, 1, kTimestamp, type, message, signature));
  builder_.PushFlatBuffer(wire::kHeadroom.data(), wire::kHeadroom.size());
}

ByteView Sender::sign() {
  const auto frame = writer_.write_in_place(kAddress, {builder_.GetBufferPointer(), builder_.GetSize()}, key_);
  STINT_ASSERT(frame.has_value());
  return *frame;
}

ByteView Sender::sign_filling(ByteView payload) {
  const std::span<std::uint8_t> space{builder_.GetBufferPointer(), builder_.GetSize()};
  const auto* vector = schema::GetMessageEnvelope(space.data() + wire::kHeaderSize)->message_as_LogChunk()->bytes();
  const auto offset = static_cast<std::size_t>(vector->data() - space.data());
  const auto frame = writer_.write_in_place(kAddress, space, key_, wire::LateBytes{offset, payload});
  STINT_ASSERT(frame.has_value());
  return *frame;
}

ByteView Sender::send_bytes(ByteView payload) {
  const bool fill_late = payload.size() >= wire::LateBytes::kPaysFrom;
  const auto signature = begin();
  std::uint8_t* place = nullptr;
  const auto bytes = builder_.CreateUninitializedVector(payload.size(), sizeof(std::uint8_t), &place);
  if (!fill_late) std::memcpy(place, payload.data(), payload.size());
  const schema::AttemptRef attempt(1, 0, 0, 1);
  const auto chunk = schema::CreateLogChunk(builder_, &attempt, schema::LogStream::Out, 0, bytes);
  finish(schema::SchedulerMessage::LogChunk, chunk.Union(), signature);
  return fill_late ? sign_filling(payload) : sign();
}

ByteView Sender::send_metrics(std::size_t count) {
  const auto signature = begin();
  std::array<flatbuffers::Offset<flatbuffers::String>, 10> names;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const std::array<char, 8> name{'m', 'e', 't', 'r', 'i', 'c', '_', static_cast<char>('0' + i)};
    names[i] = builder_.CreateString(name.data(), name.size());
  }
  metrics_.clear();
  for (std::size_t i = 0; i < count; ++i) {
    metrics_.push_back(schema::CreateMetric(builder_, names[i % names.size()], static_cast<double>(i), i));
  }
  const auto metrics = builder_.CreateVector(metrics_);
  schema::StatusUpdateBuilder update(builder_);
  update.add_metrics(metrics);
  update.add_status(schema::TaskStatus::Running);
  finish(schema::SchedulerMessage::StatusUpdate, update.Finish().Union(), signature);
  return sign();
}

std::uint64_t Receiver::receive(ByteView frame) {
  wire::RawFrame raw;
  if (wire::parse_frame(frame, kLimits, raw) != wire::FrameError::ok) return 0;
  const auto buffer = wire::open_frame(raw, key_, kSequence, scratch_);
  if (!buffer) return 0;
  const auto max_tables = static_cast<flatbuffers::uoffset_t>(kMaxTablesBase + buffer->size() / kBytesPerTable);
  flatbuffers::Verifier verifier(buffer->data(), buffer->size(), kMaxDepth, max_tables);
  if (!schema::VerifyMessageEnvelopeBuffer(verifier)) return 0;
  return read(*schema::GetMessageEnvelope(buffer->data()));
}

}  // namespace stint::bench
