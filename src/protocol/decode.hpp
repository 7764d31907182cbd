#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "base/resources.hpp"
#include "protocol/codec.hpp"
#include "protocol/limits.hpp"
#include "schema/envelope_generated.h"

/// Private to the decoder: the check of meaning, field by field. Every function returns false after it has noted the first thing wrong.
namespace stint::protocol::decoding {

using TextVector = flatbuffers::Vector<flatbuffers::Offset<flatbuffers::String>>;
using NamedTextVector = flatbuffers::Vector<flatbuffers::Offset<schema::NamedText>>;
using ByteVector = flatbuffers::Vector<std::uint8_t>;

enum class Presence : std::uint8_t { optional, required };

/// What one message's check has found and spent.
class Checker {
 public:
  /// Notes why the message is refused; false, for `return checker.refuse(…)`.
  bool refuse(Refusal reason, std::string detail);
  [[nodiscard]] Refused take_refused() { return std::move(*refused_); }

  bool text(const flatbuffers::String* from, const char* name, std::size_t limit, std::string& out, Presence presence = Presence::optional);
  bool texts(const TextVector* from, const char* name, std::size_t most, std::size_t limit, std::vector<std::string>& out);
  bool named_texts(const NamedTextVector* from, const char* name, std::size_t most, std::size_t name_limit, std::size_t value_limit,
                   std::vector<std::pair<std::string, std::string>>& out);
  bool bytes(const ByteVector* from, const char* name, std::size_t least, std::size_t most, Bytes& out);
  /// Exactly as many bytes as `out` has.
  bool fixed(const ByteVector* from, const char* name, std::span<std::uint8_t> out);
  bool list(std::size_t size, const char* name, std::size_t most);
  /// The verifier looks at the alignment of a vector's length, not of its structs, which are wider: reading those would be undefined.
  template <class Struct>
  bool structs(const flatbuffers::Vector<const Struct*>* from, const char* name, std::size_t most) {
    if (from == nullptr || from->size() == 0) return true;
    if (reinterpret_cast<std::uintptr_t>(from->Data()) % alignof(Struct) != 0)
      return refuse(Refusal::malformed, std::string(name) + " not aligned");
    return list(from->size(), name, most);
  }
  /// Absent: none; else exactly 32 bytes.
  bool blob(const ByteVector* from, const char* name, BlobId& out) { return from == nullptr || fixed(from, name, out.bytes); }
  bool files(const flatbuffers::Vector<flatbuffers::Offset<schema::FileRef>>* from, const char* name, std::vector<FileRef>& out);
  /// Milliseconds or a position: must fit 63 bits.
  bool number(std::uint64_t from, const char* name, std::int64_t& out);
  bool duration(std::uint64_t ms, const char* name, Duration& out);
  bool ref(const schema::AttemptRef& from, AttemptRef& out);
  bool ref(const schema::AttemptRef* from, AttemptRef& out);
  bool resources(const schema::ResourceSpec* from, Resources& out);
  bool progress(float from, float& out);

  /// Enums whose numbers are the wire's, without a gap.
  template <class To, class From>
  bool word(From from, const char* name, From low, From high, To& out) {
    if (from < low || from > high) return refuse(Refusal::bad_enum, std::string(name) + " " + std::to_string(static_cast<int>(from)));
    out = static_cast<To>(from);
    return true;
  }
  bool status(schema::TaskStatus from, TaskStatus& out) {
    return word(from, "status", schema::TaskStatus::MIN, schema::TaskStatus::MAX, out);
  }
  bool reason(schema::EndReason from, EndReason& out) { return word(from, "reason", schema::EndReason::MIN, schema::EndReason::MAX, out); }
  bool stream(schema::LogStream from, LogStream& out) { return word(from, "stream", schema::LogStream::Out, schema::LogStream::Err, out); }

 private:
  bool spend(std::size_t size);

  std::optional<Refused> refused_;
  std::size_t budget_ = limits::kDecodedBytes;
};

bool decode(Checker& c, const schema::TaskAssignment& from, AssignmentList& out);
bool decode(Checker& c, const schema::AssignmentList& from, AssignmentList& out);
bool decode(Checker& c, const schema::StatusUpdate& from, UpdateList& out);
bool decode(Checker& c, const schema::UpdateList& from, UpdateList& out);
bool decode(Checker& c, const schema::StatusAck& from, StatusAck& out);
bool decode(Checker& c, const schema::Cancel& from, Cancel& out);
bool decode(Checker& c, const schema::LogChunk& from, LogChunk& out);
bool decode(Checker& c, const schema::Credit& from, Credit& out);
bool decode(Checker& c, const schema::AgentInfo& from, AgentInfo& out);
bool decode(Checker& c, const schema::Resume& from, Resume& out);
bool decode(Checker& c, const schema::Reconcile& from, Reconcile& out);
bool decode(Checker& c, const schema::Heartbeat& from, Heartbeat& out);
bool decode(Checker& c, const schema::HeartbeatAck& from, HeartbeatAck& out);
bool decode(Checker& c, const schema::Error& from, ErrorMessage& out);
bool decode(Checker& c, const schema::Close& from, Close& out);
bool decode(Checker& c, const schema::Hello& from, Hello& out);
bool decode(Checker& c, const schema::HelloAck& from, HelloAck& out);
bool decode(Checker& c, const schema::Reject& from, Reject& out);
bool decode(Checker& c, const schema::Enrol& from, Enrol& out);
bool decode(Checker& c, const schema::EnrolAck& from, EnrolAck& out);
bool decode(Checker& c, const schema::Rekey& from, Rekey& out);
bool decode(Checker& c, const schema::CellPins& from, CellPins& out);

}  // namespace stint::protocol::decoding
