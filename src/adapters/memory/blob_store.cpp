#include "adapters/memory/blob_store.hpp"

#include <algorithm>

#include "base/assert.hpp"
#include "hash/sha256.hpp"

namespace stint::memory {
namespace {

tl::unexpected<Error> not_here(const BlobId& blob) { return fail(Errc::not_found, "blob " + to_hex(blob) + ": not in this store"); }

}  // namespace

MemoryBlobStore::MemoryBlobStore(std::shared_ptr<BlobFiles> files, std::function<UnixMillis()> now, Limits limits)
    : files_(std::move(files)), now_(std::move(now)), limits_(limits) {}

void MemoryBlobStore::finish_one() {
  STINT_ASSERT(busy());
  const auto task = std::move(queue_.front());
  queue_.pop_front();
  task();
}

BlobFiles::Whole* MemoryBlobStore::renew(const BlobId& blob) {
  const auto it = files_->blobs.find(blob);
  if (it == files_->blobs.end()) return nullptr;
  it->second.renewed_at = now_();
  return &it->second;
}

void MemoryBlobStore::put_piece(Piece piece, Done<Upload> done) {
  add<Upload>(std::move(done), [this, piece = std::move(piece)] { return take(piece); });
}

Result<ports::BlobStore::Upload> MemoryBlobStore::take(const Piece& piece) {
  const auto name = "blob " + to_hex(piece.blob);
  if (const auto* whole = renew(piece.blob)) return Upload{whole->bytes.size(), true, whole->bytes.size()};
  if (piece.size > limits_.blob_bytes_max || piece.bytes.size() > ports::limits::kBlobPieceMax)
    return fail(Errc::out_of_range, name + ": over the limit");
  if (piece.offset > piece.size || piece.bytes.size() > piece.size - piece.offset)
    return fail(Errc::invalid_argument, name + ": the piece goes beyond its size");
  STINT_TRY(auto* upload, begin(piece));
  const auto have = upload->bytes.size();
  if (piece.offset > have) return fail(Errc::conflict, name + ": " + std::to_string(have) + " bytes are there: go on from there");
  const auto passed = have - piece.offset;
  const auto fresh = passed < piece.bytes.size() ? piece.bytes.substr(passed) : std::string();
  if (fresh.size() > files_->room) return fail(Errc::no_space, name + ": the disk is full");
  files_->room -= fresh.size();
  upload->bytes += fresh;
  if (upload->bytes.size() < piece.size) return Upload{upload->bytes.size(), false, upload->size};
  return finish(piece.blob);
}

Result<BlobFiles::Partial*> MemoryBlobStore::begin(const Piece& piece) {
  auto it = files_->uploads.find(piece.blob);
  const auto name = "blob " + to_hex(piece.blob);
  if (it == files_->uploads.end()) {
    if (piece.offset > 0) return fail(Errc::conflict, name + ": nothing of it is there: start at 0");
    if (files_->uploads.size() >= limits_.uploads_max) return fail(Errc::unavailable, "too many uploads are unfinished: try again later");
    if (piece.size > files_->room) return fail(Errc::no_space, name + ": the disk is full");
    it = files_->uploads.emplace(piece.blob, BlobFiles::Partial()).first;
  }
  auto& upload = it->second;
  if (upload.size.value_or(piece.size) != piece.size) {
    if (piece.offset > 0) return fail(Errc::conflict, name + ": another size was announced before: start at 0");
    files_->room += upload.bytes.size();
    upload = {};
  }
  upload.size = piece.size;
  upload.used_at = now_();
  return &upload;
}

Result<ports::BlobStore::Upload> MemoryBlobStore::finish(const BlobId& blob) {
  auto bytes = std::move(files_->uploads.at(blob).bytes);
  files_->uploads.erase(blob);
  const auto size = bytes.size();
  const auto found = blob_id_of(as_bytes(bytes));
  if (found != blob) {
    files_->room += size;
    return fail(Errc::corrupt, "blob " + to_hex(blob) + ": what came has the digest " + to_hex(found) + ": send it again from 0");
  }
  files_->blobs[blob] = {std::move(bytes), now_()};
  return Upload{size, true, size};
}

void MemoryBlobStore::find_upload(BlobId blob, Done<Upload> done) {
  add<Upload>(std::move(done), [this, blob]() -> Result<Upload> {
    if (const auto whole = files_->blobs.find(blob); whole != files_->blobs.end())
      return Upload{whole->second.bytes.size(), true, whole->second.bytes.size()};
    const auto it = files_->uploads.find(blob);
    if (it == files_->uploads.end()) return Upload{};
    return Upload{it->second.bytes.size(), false, it->second.size};
  });
}

void MemoryBlobStore::find_missing(std::vector<BlobId> blobs, Done<std::vector<BlobId>> done) {
  add<std::vector<BlobId>>(std::move(done), [this, blobs = std::move(blobs)]() -> Result<std::vector<BlobId>> {
    if (blobs.size() > ports::limits::kBlobQueryMax) return fail(Errc::out_of_range, "too many blobs in one question");
    std::vector<BlobId> missing;
    for (const auto& blob : blobs)
      if (renew(blob) == nullptr) missing.push_back(blob);
    return missing;
  });
}

void MemoryBlobStore::find_blob(BlobId blob, Done<std::uint64_t> done) {
  add<std::uint64_t>(std::move(done), [this, blob]() -> Result<std::uint64_t> {
    const auto* whole = renew(blob);
    if (whole == nullptr) return not_here(blob);
    return whole->bytes.size();
  });
}

void MemoryBlobStore::read(BlobId blob, std::uint64_t offset, std::size_t max_bytes, Done<std::string> done) {
  add<std::string>(std::move(done), [this, blob, offset, max_bytes]() -> Result<std::string> {
    const auto it = files_->blobs.find(blob);
    if (it == files_->blobs.end()) return not_here(blob);
    const auto& bytes = it->second.bytes;
    if (offset >= bytes.size()) return std::string();
    return bytes.substr(static_cast<std::size_t>(offset), std::min(max_bytes, ports::limits::kBlobPieceMax));
  });
}

void MemoryBlobStore::put(std::string bytes, Done<Stored> done) {
  std::vector<Part> parts;
  parts.emplace_back(std::move(bytes));
  concatenate(std::move(parts), std::move(done));
}

void MemoryBlobStore::concatenate(std::vector<Part> parts, Done<Stored> done) {
  add<Stored>(std::move(done), [this, parts = std::move(parts)]() -> Result<Stored> {
    STINT_TRY(auto bytes, join(parts));
    return keep(std::move(bytes));
  });
}

Result<std::string> MemoryBlobStore::join(const std::vector<Part>& parts) {
  if (parts.size() > ports::limits::kBlobPartsMax) return fail(Errc::out_of_range, "too many parts");
  std::string all;
  std::size_t given = 0;
  for (const auto& part : parts) {
    if (const auto* text = std::get_if<std::string>(&part)) {
      all += *text;
      given += text->size();
      continue;
    }
    const auto& blob = std::get<BlobId>(part);
    const auto* whole = renew(blob);
    if (whole == nullptr) return not_here(blob);
    all += whole->bytes;
  }
  if (given > ports::limits::kBlobPutMax) return fail(Errc::out_of_range, "too many bytes at once");
  return all;
}

Result<ports::BlobStore::Stored> MemoryBlobStore::keep(std::string bytes) {
  const Stored stored{blob_id_of(as_bytes(bytes)), bytes.size()};
  if (renew(stored.blob) != nullptr) return stored;
  if (bytes.size() > files_->room) return fail(Errc::no_space, "the disk is full");
  files_->room -= bytes.size();
  files_->blobs[stored.blob] = {std::move(bytes), now_()};
  return stored;
}

void MemoryBlobStore::list(std::optional<BlobId> after, std::size_t limit, Done<std::vector<Entry>> done) {
  add<std::vector<Entry>>(std::move(done), [this, after, limit]() -> Result<std::vector<Entry>> {
    std::vector<Entry> entries;
    auto it = after ? files_->blobs.upper_bound(*after) : files_->blobs.begin();
    for (; it != files_->blobs.end() && entries.size() < std::min(limit, ports::limits::kBlobQueryMax); ++it)
      entries.push_back({it->first, it->second.bytes.size(), it->second.renewed_at});
    return entries;
  });
}

void MemoryBlobStore::remove(BlobId blob, UnixMillis renewed_before, Done<bool> done) {
  add<bool>(std::move(done), [this, blob, renewed_before]() -> Result<bool> {
    const auto it = files_->blobs.find(blob);
    if (it == files_->blobs.end()) return true;
    if (it->second.renewed_at >= renewed_before) return false;
    files_->room += it->second.bytes.size();
    files_->blobs.erase(it);
    return true;
  });
}

void MemoryBlobStore::drop_uploads(UnixMillis before, Done<std::size_t> done) {
  add<std::size_t>(std::move(done), [this, before]() -> Result<std::size_t> {
    std::size_t dropped = 0;
    for (auto it = files_->uploads.begin(); it != files_->uploads.end() && dropped < ports::limits::kBlobQueryMax;) {
      if (it->second.used_at >= before) {
        ++it;
        continue;
      }
      files_->room += it->second.bytes.size();
      it = files_->uploads.erase(it);
      ++dropped;
    }
    return dropped;
  });
}

}  // namespace stint::memory
