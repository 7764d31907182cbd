#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>

#include "base/ids.hpp"
#include "base/result.hpp"
#include "core/model/rows.hpp"
#include "ports/store.hpp"
#include "protocol/messages.hpp"

namespace stint::scheduler {

/// Where each attempt's output ends, staged rows included: every byte is taken once, in order, however often and in whatever pieces it
/// comes.
class LogBook {
 public:
  explicit LogBook(ports::StoreReader& reader) : reader_(reader) {}

  struct Taken {
    std::optional<core::LogRow> row;  ///< what is new of the chunk; none for a repetition
    std::uint64_t end = 0;  ///< of the stream with it
  };
  /// Errors:  out_of_range  bytes before it are missing: the agent must send from the end it was told;  io  the store could not be read.
  [[nodiscard]] Result<Taken> take(const protocol::LogChunk& chunk);
  [[nodiscard]] Result<ports::StoreReader::LogEnds> ends(const AttemptRef& ref);
  /// Forgets what can be looked up again. Only while nothing is staged: the store must know all of it.
  void trim_when_idle();
  void clear() { ends_.clear(); }

 private:
  Result<ports::StoreReader::LogEnds*> entry(const AttemptRef& ref);

  ports::StoreReader& reader_;
  std::unordered_map<AttemptRef, ports::StoreReader::LogEnds> ends_;
};

}  // namespace stint::scheduler
