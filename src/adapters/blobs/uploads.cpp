#include "adapters/blobs/uploads.hpp"

#include <fcntl.h>

#include <algorithm>
#include <string>
#include <utility>

namespace stint::blobs {
namespace {

using Piece = ports::BlobStore::Piece;

constexpr std::uint64_t kHashSlice = std::uint64_t{16} << 20;   ///< of a file at once, so that others get their turn
constexpr std::uint64_t kReadSize = std::uint64_t{1} << 20;
constexpr std::uint64_t kSyncEvery = std::uint64_t{64} << 20;   ///< so that the last sync is not the whole blob's

}  // namespace

void Uploads::load() {
  for (const auto& entry : folder_.uploads()) {
    Upload upload;
    upload.have = upload.synced = entry.size;
    upload.used_at = entry.renewed_at;
    uploads_.emplace(entry.blob, std::move(upload));
  }
}

ports::BlobStore::Upload Uploads::find(const BlobId& blob) const {
  if (const auto there = folder_.find(blob)) return {there->size, true, there->size};
  const auto it = uploads_.find(blob);
  if (it == uploads_.end()) return {};
  return {it->second.have, false, it->second.size};
}

Result<std::optional<ports::BlobStore::Upload>> Uploads::put(const Piece& piece) {
  if (folder_.renew(piece.blob)) return find(piece.blob);
  STINT_TRY_VOID(check(piece));
  STINT_TRY(Upload * upload, begin(piece));
  STINT_TRY_VOID(agree_on_size(*upload, piece));
  upload->used_at = folder_.now();
  if (piece.offset > upload->have)
    return fail(Errc::conflict, "blob " + to_hex(piece.blob) + ": a piece at " + std::to_string(piece.offset) + ", but " +
                                    std::to_string(upload->have) + " bytes are there: go on from there");
  if (upload->hashed < upload->have) {
    STINT_TRY_VOID(hash_slice(*upload, piece.blob));
    return std::optional<ports::BlobStore::Upload>();
  }
  STINT_TRY_VOID(append(*upload, piece));
  if (upload->have < *upload->size) return ports::BlobStore::Upload{upload->have, false, upload->size};
  STINT_TRY_VOID(finish(*upload, piece.blob));
  return ports::BlobStore::Upload{piece.size, true, piece.size};
}

Status Uploads::check(const Piece& piece) const {
  const auto name = "blob " + to_hex(piece.blob);
  if (piece.size > blob_bytes_max_)
    return fail(Errc::out_of_range, name + " of " + std::to_string(piece.size) + " bytes, limit " + std::to_string(blob_bytes_max_));
  if (piece.bytes.size() > ports::limits::kBlobPieceMax)
    return fail(Errc::out_of_range, name + ": a piece of " + std::to_string(piece.bytes.size()) + " bytes, limit " +
                                        std::to_string(ports::limits::kBlobPieceMax));
  if (piece.offset > piece.size || piece.bytes.size() > piece.size - piece.offset)
    return fail(Errc::invalid_argument, name + ": " + std::to_string(piece.bytes.size()) + " bytes at " + std::to_string(piece.offset) +
                                            " go beyond its size of " + std::to_string(piece.size));
  return {};
}

Result<Uploads::Upload*> Uploads::begin(const Piece& piece) {
  if (auto it = uploads_.find(piece.blob); it != uploads_.end()) return &it->second;
  if (piece.offset > 0)
    return fail(Errc::conflict,
                "blob " + to_hex(piece.blob) + ": a piece at " + std::to_string(piece.offset) + ", but nothing of it is there: start at 0");
  if (uploads_.size() >= uploads_max_)
    return fail(Errc::unavailable, std::to_string(uploads_.size()) + " uploads are unfinished, which is the limit: try again later");
  STINT_TRY_VOID(folder_.check_room(piece.size));
  STINT_TRY([[maybe_unused]] const auto file, File::open(folder_.upload_path(piece.blob), O_WRONLY | O_CREAT | O_TRUNC));
  return &uploads_[piece.blob];
}

/// A blob has one size: if two are announced, one is wrong, and nobody knows which. Who starts over is believed.
Status Uploads::agree_on_size(Upload& upload, const Piece& piece) {
  const bool fits = upload.size ? *upload.size == piece.size : upload.have <= piece.size;
  if (!fits && piece.offset > 0)
    return fail(Errc::conflict, "blob " + to_hex(piece.blob) + ": its size was " +
                                    (upload.size ? std::to_string(*upload.size) : "at least " + std::to_string(upload.have)) +
                                    " bytes before, and is " + std::to_string(piece.size) + " now: start at 0");
  if (!fits) {
    STINT_TRY([[maybe_unused]] const auto file, File::open(folder_.upload_path(piece.blob), O_WRONLY | O_CREAT | O_TRUNC));
    upload = Upload();
  }
  upload.size = piece.size;
  return {};
}

Status Uploads::hash_slice(Upload& upload, const BlobId& blob) {
  STINT_TRY(const auto file, File::open(folder_.upload_path(blob), O_RDONLY));
  const auto end = std::min(upload.have, upload.hashed + kHashSlice);
  while (upload.hashed < end) {
    STINT_TRY(const auto bytes, file.read(upload.hashed, static_cast<std::size_t>(std::min(kReadSize, end - upload.hashed))));
    if (bytes.empty()) {
      upload.have = upload.hashed;  // somebody cut the file: go on from what is left
      return {};
    }
    upload.hash.update(as_bytes(bytes));
    upload.hashed += bytes.size();
  }
  return {};
}

/// What is new of the piece. The rest is there from another upload of the same blob, or from the try before.
Status Uploads::append(Upload& upload, const Piece& piece) {
  const auto passed = upload.have - piece.offset;
  if (passed >= piece.bytes.size()) return {};
  const auto bytes = std::string_view(piece.bytes).substr(static_cast<std::size_t>(passed));
  STINT_TRY_VOID(folder_.check_room(bytes.size()));
  STINT_TRY(auto file, File::open(folder_.upload_path(piece.blob), O_WRONLY));
  STINT_TRY_VOID(file.write(upload.have, bytes));
  upload.hash.update(as_bytes(bytes));
  upload.have += bytes.size();
  upload.hashed = upload.have;
  if (upload.have - upload.synced < kSyncEvery) return {};
  upload.synced = upload.have;
  return file.sync();
}

Status Uploads::finish(Upload& upload, const BlobId& blob) {
  const auto path = folder_.upload_path(blob);
  const BlobId found = upload.hash.finish();
  upload.hashed = 0;
  const auto size = upload.have;
  if (found != blob) {
    uploads_.erase(blob);
    STINT_TRY_VOID(folder_.remove(path));
    return fail(Errc::corrupt, "blob " + to_hex(blob) + ": the " + std::to_string(size) + " bytes that came have the digest " +
                                   to_hex(found) + "; they were dropped: send it again from 0");
  }
  STINT_TRY(auto file, File::open(path, O_WRONLY));
  STINT_TRY_VOID(folder_.publish(file, path, blob));
  uploads_.erase(blob);
  return {};
}

Result<std::size_t> Uploads::drop(UnixMillis before, std::size_t limit) {
  std::size_t dropped = 0;
  for (auto it = uploads_.begin(); it != uploads_.end() && dropped < limit;) {
    if (it->second.used_at >= before) {
      ++it;
      continue;
    }
    STINT_TRY_VOID(folder_.remove(folder_.upload_path(it->first)));
    it = uploads_.erase(it);
    ++dropped;
  }
  return dropped;
}

}  // namespace stint::blobs
