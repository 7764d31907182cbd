#include "scheduler/log_book.hpp"

#include <string>
#include <utility>

#include "scheduler/limits.hpp"

namespace stint::scheduler {

Result<ports::StoreReader::LogEnds*> LogBook::entry(const AttemptRef& ref) {
  if (auto it = ends_.find(ref); it != ends_.end()) return &it->second;
  STINT_TRY(const auto durable, reader_.log_ends(ref));
  return &ends_.emplace(ref, durable).first->second;
}

Result<ports::StoreReader::LogEnds> LogBook::ends(const AttemptRef& ref) {
  STINT_TRY(const auto* found, entry(ref));
  return *found;
}

Result<LogBook::Taken> LogBook::take(const protocol::LogChunk& chunk) {
  STINT_TRY(auto* ends, entry(chunk.ref));
  std::uint64_t& end = chunk.stream == protocol::LogStream::out ? ends->out : ends->err;
  if (chunk.offset > end)
    return fail(Errc::out_of_range,
                "log chunk at byte " + std::to_string(chunk.offset) + ", but only " + std::to_string(end) + " bytes came before it");
  const std::uint64_t chunk_end = chunk.offset + chunk.bytes.size();
  if (chunk_end <= end) return Taken{std::nullopt, end};
  core::LogRow row;
  row.ref = chunk.ref;
  row.stream = static_cast<std::uint8_t>(chunk.stream);
  row.offset = end;
  row.bytes.assign(chunk.bytes.begin() + static_cast<std::ptrdiff_t>(end - chunk.offset), chunk.bytes.end());
  end = chunk_end;
  return Taken{std::move(row), end};
}

void LogBook::trim_when_idle() {
  if (ends_.size() > limits::kLogEndsMax) ends_.clear();
}

}  // namespace stint::scheduler
