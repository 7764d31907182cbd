#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/blob_id.hpp"
#include "base/result.hpp"
#include "base/time.hpp"

namespace stint::ports {

namespace limits {
inline constexpr std::uint64_t kBlobBytesMax = std::uint64_t{1} << 40;        ///< of one blob
inline constexpr std::size_t kBlobPieceMax = std::size_t{8} << 20;            ///< of one put_piece, one read and one PATCH
inline constexpr std::size_t kBlobQueryMax = 1000;                            ///< ids of one question, entries of one list
inline constexpr std::size_t kBlobUploadsMax = 4096;                          ///< unfinished uploads at once
inline constexpr std::size_t kBlobPutMax = std::size_t{64} << 20;  ///< of `put`, and of the bytes among the parts of `concatenate`
inline constexpr std::size_t kBlobPartsMax = 1'000'000;  ///< of `concatenate`
inline constexpr Duration kBlobUploadAge = std::chrono::hours{24};  ///< an unfinished upload that got nothing for so long may go
}  // namespace limits

/// Bytes named by their SHA-256. A blob is told of as present only when it is durable and its digest was verified.
///
/// Age: the time since a blob was last stored, found by find_missing or find_blob, or used by concatenate. Collecting garbage counts from
/// there.
///
/// Units:   offsets and sizes are bytes.
/// Errors:  not_found;  invalid_argument;  out_of_range (a limit above);  no_space (nothing was lost: what was taken is still there);  io.
/// Thread:  all calls on the owner's loop, all completions on it too, never before the call has returned. Long work is done in slices, so
///          calls may overtake each other: await the one on which the next depends.
class BlobStore {
 public:
  template <class T>
  using Done = std::function<void(Result<T>)>;

  virtual ~BlobStore() = default;

  struct Upload {
    std::uint64_t offset = 0;  ///< bytes there already: where the next piece starts
    bool is_complete = false;
    std::optional<std::uint64_t> size;            ///< that was announced, if anybody remembers
    bool operator==(const Upload&) const = default;
  };
  struct Piece {
    BlobId blob;
    std::uint64_t offset = 0;
    std::uint64_t size = 0;  ///< of the whole blob: the same in every piece
    std::string bytes;
  };
  /// Takes what is new of a piece; bytes that are there already are passed over, so two uploads of one blob help each other. A piece of a
  /// present blob is complete at once. The last byte verifies the digest.
  /// Errors:  conflict          the offset lies beyond what is there, or another size was announced: ask find_upload;
  ///          corrupt           the whole has another digest: the upload was dropped, start again at 0;
  ///          unavailable       kBlobUploadsMax uploads are open: try again later.
  virtual void put_piece(Piece piece, Done<Upload> done) = 0;
  /// How far an upload has come: 0 if there is none, the size of a present blob.
  virtual void find_upload(BlobId blob, Done<Upload> done) = 0;
  /// Which of `blobs` (at most kBlobQueryMax) are not present. Renews the age of the others.
  virtual void find_missing(std::vector<BlobId> blobs, Done<std::vector<BlobId>> done) = 0;
  /// The size of a present blob; renews its age. Errors: not_found.
  virtual void find_blob(BlobId blob, Done<std::uint64_t> done) = 0;
  /// At most `max_bytes` (up to kBlobPieceMax) from `offset` on; fewer only at the end, none beyond it. A stream is find_blob and reads in
  /// order: the age that find_blob renewed keeps the blob for as long as any reader may take.
  virtual void read(BlobId blob, std::uint64_t offset, std::size_t max_bytes, Done<std::string> done) = 0;

  struct Stored {
    BlobId blob;
    std::uint64_t size = 0;
    bool operator==(const Stored&) const = default;
  };
  /// Stores what the scheduler made itself.
  virtual void put(std::string bytes, Done<Stored> done) = 0;
  using Part = std::variant<BlobId, std::string>;
  /// One blob of the parts' bytes in order. Errors: not_found (the detail names the part's blob).
  virtual void concatenate(std::vector<Part> parts, Done<Stored> done) = 0;

  struct Entry {
    BlobId blob;
    std::uint64_t size = 0;
    UnixMillis renewed_at{};
  };
  /// Present blobs in order of their ids, after `after` (none: from the first), at most `limit` (up to kBlobQueryMax); fewer: all.
  virtual void list(std::optional<BlobId> after, std::size_t limit, Done<std::vector<Entry>> done) = 0;
  /// Removes a blob unless its age was renewed at or after `renewed_before`: it is then in use again. Tells whether it is gone.
  virtual void remove(BlobId blob, UnixMillis renewed_before, Done<bool> done) = 0;
  /// Drops unfinished uploads that got nothing since `before`, at most kBlobQueryMax; tells how many.
  virtual void drop_uploads(UnixMillis before, Done<std::size_t> done) = 0;
};

}  // namespace stint::ports
