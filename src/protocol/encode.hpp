#pragma once

#include <string_view>
#include <utility>
#include <vector>

#include "base/ids.hpp"
#include "base/resources.hpp"
#include "protocol/messages.hpp"
#include "schema/envelope_generated.h"

/// Private to the encoder: pieces that several messages share. Every function appends to the builder and gives the offset.
namespace stint::protocol::encoding {

using flatbuffers::FlatBufferBuilder;
using flatbuffers::Offset;
using Text = Offset<flatbuffers::String>;
using TextList = Offset<flatbuffers::Vector<Text>>;
using NamedTextList = Offset<flatbuffers::Vector<Offset<schema::NamedText>>>;

/// What is asked for is rounded up to the wire's MB and GB, what is offered is rounded down: rounding never over-commits.
enum class Rounding : std::uint8_t { up, down };

/// Absent if empty: absent and empty mean the same.
[[nodiscard]] Text text(FlatBufferBuilder& b, std::string_view value);
/// Of at most `limit` bytes, cut at the border of a UTF-8 character.
[[nodiscard]] Text cut_text(FlatBufferBuilder& b, std::string_view value, std::size_t limit);
[[nodiscard]] TextList texts(FlatBufferBuilder& b, const std::vector<std::string>& values);
[[nodiscard]] NamedTextList named_texts(FlatBufferBuilder& b, const std::vector<std::pair<std::string, std::string>>& values);
[[nodiscard]] Offset<schema::ResourceSpec> resources(FlatBufferBuilder& b, const Resources& value, Rounding rounding);
[[nodiscard]] schema::AttemptRef attempt(const AttemptRef& ref);
/// Milliseconds, rounded up so that a limit that exists never becomes "none"; negative ones become 0.
[[nodiscard]] std::uint64_t millis(Duration d);
[[nodiscard]] inline std::uint64_t unsigned_of(std::int64_t value) { return value < 0 ? 0 : static_cast<std::uint64_t>(value); }

/// A vector of structs filled in place: `fill(i)` gives the i-th.
template <class Struct, class Fill>
[[nodiscard]] Offset<flatbuffers::Vector<const Struct*>> structs(FlatBufferBuilder& b, std::size_t count, Fill fill) {
  Struct* out = nullptr;
  const auto offset = b.CreateUninitializedVectorOfStructs<Struct>(count, &out);
  for (std::size_t i = 0; i < count; ++i) out[i] = fill(i);
  return offset;
}

/// The messages with lists that matter for speed, and their parts. `first` and `count` choose the items.
[[nodiscard]] Offset<schema::TaskAssignment> task_template(FlatBufferBuilder& b, const TaskTemplate& task);
/// `index`: of the item in the list it is sent in.
[[nodiscard]] Offset<schema::AssignedExtra> assigned_extra(FlatBufferBuilder& b, const AssignedExtra& extra, std::uint32_t index);
[[nodiscard]] Offset<schema::UpdateList> update_list(FlatBufferBuilder& b, const UpdateList& list, std::size_t first, std::size_t count);
[[nodiscard]] Offset<schema::AgentInfo> agent_info(FlatBufferBuilder& b, const AgentInfo& info);

/// Bytes that one takes in a frame, not less than it really does.
[[nodiscard]] std::size_t files_bound(const std::vector<FileRef>& files);
[[nodiscard]] std::size_t size_bound(const TaskTemplate& task);
[[nodiscard]] std::size_t size_bound(const AssignedExtra& extra);
[[nodiscard]] std::size_t size_bound(const StatusUpdate& update);

}  // namespace stint::protocol::encoding
