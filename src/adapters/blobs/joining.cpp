#include "adapters/blobs/joining.hpp"

#include <fcntl.h>

#include <algorithm>
#include <utility>

namespace stint::blobs {
namespace {

constexpr std::size_t kReadSize = std::size_t{1} << 20;
constexpr std::size_t kSlice = std::size_t{16} << 20;
constexpr std::size_t kSlicePart = std::size_t{4} << 10;  ///< what a part costs at least, however small: opening it takes time too

}  // namespace

Joining::~Joining() {
  if (file_) static_cast<void>(folder_.remove(path_).has_value());
}

Result<std::optional<ports::BlobStore::Stored>> Joining::step() {
  if (!file_) STINT_TRY_VOID(start());
  for (std::size_t done = 0; done < kSlice && next_ < parts_.size();) {
    STINT_TRY(const auto taken, take_some());
    done += std::max(taken, kSlicePart);
  }
  if (next_ < parts_.size()) return std::optional<ports::BlobStore::Stored>();
  STINT_TRY(const auto stored, finish());
  return stored;
}

Status Joining::start() {
  STINT_TRY(file_, File::open(path_, O_WRONLY | O_CREAT | O_EXCL));
  return {};
}

/// Some bytes of the current part; moves on to the next at its end.
Result<std::size_t> Joining::take_some() {
  const auto& part = parts_[next_];
  if (const auto* bytes = std::get_if<std::string>(&part)) {
    STINT_TRY_VOID(append(*bytes));
    ++next_;
    return bytes->size();
  }
  const auto& blob = std::get<BlobId>(part);
  if (offset_ == 0 && !folder_.renew(blob)) return fail(Errc::not_found, "blob " + to_hex(blob) + ": not in this store");
  STINT_TRY(const auto file, File::open(folder_.blob_path(blob), O_RDONLY));
  STINT_TRY(const auto bytes, file.read(offset_, kReadSize));
  STINT_TRY_VOID(append(bytes));
  offset_ += bytes.size();
  if (bytes.size() < kReadSize) {
    ++next_;
    offset_ = 0;
  }
  return bytes.size();
}

Status Joining::append(std::string_view bytes) {
  STINT_TRY_VOID(folder_.check_room(bytes.size()));
  STINT_TRY_VOID(file_->write(size_, bytes));
  hash_.update(as_bytes(bytes));
  size_ += bytes.size();
  return {};
}

Result<ports::BlobStore::Stored> Joining::finish() {
  const ports::BlobStore::Stored stored{hash_.finish(), size_};
  if (folder_.renew(stored.blob)) return stored;  // there already: the new file goes with this object
  STINT_TRY_VOID(folder_.publish(*file_, path_, stored.blob));
  file_.reset();
  return stored;
}

}  // namespace stint::blobs
