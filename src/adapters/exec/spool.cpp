#include "adapters/exec/spool.hpp"

#include <dirent.h>
#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <string_view>

#include "adapters/exec/limits.hpp"
#include "adapters/exec/system.hpp"

namespace stint::exec {
namespace {

constexpr std::string_view kEnding = ".seg";

std::string segment_name(std::uint32_t number) { return std::to_string(number) + std::string{kEnding}; }

void remove_leftovers(int dir) {
  DIR* const listing = ::fdopendir(::fcntl(dir, F_DUPFD_CLOEXEC, 0));
  if (listing == nullptr) return;
  while (const dirent* entry = ::readdir(listing)) {
    if (std::string_view{entry->d_name}.ends_with(kEnding)) ::unlinkat(dir, entry->d_name, 0);
  }
  ::closedir(listing);
}

}  // namespace

Result<Spool> Spool::open(const StateDir& state) {
  STINT_TRY(UniqueFd dir, state.open_dir("spool"));
  remove_leftovers(dir.get());
  return Spool{std::move(dir)};
}

bool Spool::ensure_segment() {
  if (last_number_ != 0 && segments_.contains(last_number_) && segments_[last_number_].end < limits::kSegmentBytes) return true;
  const std::uint32_t number = last_number_ + 1;
  UniqueFd file{::openat(dir_.get(), segment_name(number).c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)};
  if (!file) return false;
  const std::uint32_t full = last_number_;
  last_number_ = number;
  segments_[number].file = std::move(file);
  if (const auto at = segments_.find(full); at != segments_.end() && at->second.live == 0) remove(full);
  return true;
}

std::size_t Spool::append(SpooledStream& stream, ByteView bytes) {
  std::size_t kept = 0;
  while (kept < bytes.size() && ensure_segment()) {
    Segment& segment = segments_[last_number_];
    const std::size_t wanted = std::min<std::size_t>(bytes.size() - kept, limits::kSegmentBytes - segment.end);
    const ssize_t n = ::pwrite(segment.file.get(), bytes.data() + kept, wanted, static_cast<off_t>(segment.end));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    note_extent(stream, segment.end);
    const auto written = static_cast<std::uint64_t>(n);
    stream.size_ += written, segment.end += written, segment.live += written;
    kept += static_cast<std::size_t>(n);
  }
  return kept;
}

/// Bytes that follow the stream's last ones in the same segment need no extent of their own.
void Spool::note_extent(SpooledStream& stream, std::uint64_t position) const {
  if (!stream.extents_.empty()) {
    const auto& last = stream.extents_.back();
    if (last.segment == last_number_ && last.position + (stream.size_ - last.offset) == position) return;
  }
  stream.extents_.push_back({stream.size_, last_number_, static_cast<std::uint32_t>(position)});
}

std::size_t Spool::read(const SpooledStream& stream, std::uint64_t offset, std::span<std::uint8_t> out) const {
  if (offset >= stream.size_) return 0;
  const auto& extents = stream.extents_;
  auto at =
      std::upper_bound(extents.begin(), extents.end(), offset, [](std::uint64_t o, const auto& extent) { return o < extent.offset; }) - 1;
  std::size_t filled = 0;
  for (; at != extents.end() && filled < out.size(); ++at) {
    const std::uint64_t end = at + 1 == extents.end() ? stream.size_ : (at + 1)->offset;
    const std::uint64_t from = offset + filled - at->offset;
    const std::size_t wanted = std::min<std::size_t>(out.size() - filled, end - at->offset - from);
    const ssize_t n = ::pread(segments_.at(at->segment).file.get(), out.data() + filled, wanted, static_cast<off_t>(at->position + from));
    if (n <= 0) break;
    filled += static_cast<std::size_t>(n);
    if (static_cast<std::size_t>(n) < wanted) break;
  }
  return filled;
}

void Spool::release(SpooledStream& stream) {
  for (std::size_t i = 0; i < stream.extents_.size(); ++i) {
    const auto& extent = stream.extents_[i];
    const std::uint64_t end = i + 1 == stream.extents_.size() ? stream.size_ : stream.extents_[i + 1].offset;
    const std::uint64_t length = end - extent.offset;
    Segment& segment = segments_.at(extent.segment);
    segment.live -= length;
    if (segment.live == 0 && (extent.segment != last_number_ || segment.end >= limits::kSegmentBytes)) {
      remove(extent.segment);
    } else if (segment.live == 0) {  // the one being written: begin it anew
      if (::ftruncate(segment.file.get(), 0) == 0) segment.end = 0;
    } else if (length >= limits::kPunchMin) {  // a file system that cannot keeps the space until the segment goes
      static_cast<void>(
          ::fallocate(segment.file.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, extent.position, static_cast<off_t>(length)));
    }
  }
  stream = {};
}

void Spool::remove(std::uint32_t number) {
  ::unlinkat(dir_.get(), segment_name(number).c_str(), 0);
  segments_.erase(number);
}

}  // namespace stint::exec
