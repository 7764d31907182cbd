#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "adapters/exec/state_dir.hpp"
#include "base/bytes.hpp"

namespace stint::exec {

/// Where the bytes of one stream of one attempt lie.
class SpooledStream {
 public:
  [[nodiscard]] std::uint64_t size() const { return size_; }

 private:
  friend class Spool;
  /// Bytes from `offset` of the stream to the next extent's offset (or the stream's size), in one piece of one segment.
  struct Extent {
    std::uint64_t offset;
    std::uint32_t segment;
    std::uint32_t position;
  };
  std::vector<Extent> extents_;
  std::uint64_t size_ = 0;
};

/// Output of all attempts, appended to shared segment files: ten thousand tiny tasks share one file, and a silent task has none.
///
/// The index is in memory only, as whose bytes they are: tasks die with their keeper, and so does what nobody took.
/// A segment holds bytes and nothing else. It is removed when all of it is released; before that, released pieces become holes,
/// so that one long task does not hold the disk space of the many short ones beside it.
///
/// A full disk takes nothing away: append() says how much it kept, and the keeper stops reading its tasks' pipes until there is room.
class Spool {
 public:
  /// Removes what an earlier keeper left there.
  static Result<Spool> open(const StateDir& state);

  /// Appends as much as the disk takes; returns how much that was.
  [[nodiscard]] std::size_t append(SpooledStream& stream, ByteView bytes);
  /// Fills `out` from `offset` on; returns the bytes read, fewer only at the end of the stream (or of a disk that fails).
  [[nodiscard]] std::size_t read(const SpooledStream& stream, std::uint64_t offset, std::span<std::uint8_t> out) const;
  /// Gives the stream's space back; it is empty then.
  void release(SpooledStream& stream);

  [[nodiscard]] std::size_t segments() const { return segments_.size(); }

 private:
  struct Segment {
    UniqueFd file;
    std::uint64_t end = 0;  ///< where the next byte goes
    std::uint64_t live = 0;  ///< bytes not released
  };

  explicit Spool(UniqueFd dir) : dir_(std::move(dir)) {}
  bool ensure_segment();
  void note_extent(SpooledStream& stream, std::uint64_t position) const;
  void remove(std::uint32_t number);

  UniqueFd dir_;
  std::map<std::uint32_t, Segment> segments_;  ///< the last one is written to
  std::uint32_t last_number_ = 0;
};

}  // namespace stint::exec
