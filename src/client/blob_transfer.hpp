#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/blob_id.hpp"
#include "base/random.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "ports/http_client.hpp"

namespace stint::client {

namespace limits {
inline constexpr std::size_t kBlobPiece = std::size_t{4} << 20;             ///< of an upload, when all goes well
inline constexpr std::size_t kBlobPieceAfterTrouble = std::size_t{256} << 10;  ///< doubles with each piece that gets through
inline constexpr std::size_t kBlobsPerQuestion = 1000;
inline constexpr int kBlobRestarts = 3;                                     ///< of an upload that was lost, or had another digest
}  // namespace limits

/// Moves blobs to and from the scheduler over a network that breaks and a scheduler that restarts.
///
/// An upload goes on at the byte that the scheduler says it has, a download behind the last byte that came. A connection takes with it
/// what was on its way. Pauses grow, with a random part, so that many clients do not come back at once.
/// Errors:  corrupt                       the bytes do not have that digest: the file changed, or the answer was damaged;
///          unavailable, outcome_unknown  no byte got through for `patience`, or the user leaves;
///          those of the scheduler's problem documents.
class BlobTransfer {
 public:
  struct Options {
    Duration patience = std::chrono::minutes{2};
    std::uint64_t seed = 0;  ///< of the pauses
    /// Bytes of this blob that are through, as they get through; it may fall back when an upload starts over.
    std::function<void(std::uint64_t bytes)> on_progress = [](std::uint64_t) {};
  };
  BlobTransfer(ports::HttpClient& http, Options options) : http_(http), options_(std::move(options)), prng_(options_.seed) {}

  /// Those of `blobs` that the scheduler does not have, in order; asks in several questions if there are many.
  [[nodiscard]] Result<std::vector<BlobId>> find_missing(const std::vector<BlobId>& blobs);
  /// Bytes of the blob from `offset` on, exactly `size` of them.
  using Read = std::function<Result<std::string>(std::uint64_t offset, std::size_t size)>;
  [[nodiscard]] Status upload(const BlobId& blob, std::uint64_t size, const Read& read);
  /// Takes bytes in order; an error ends the download with it.
  using Write = std::function<Status(std::string_view bytes)>;
  /// From byte `from` on, to the end. Who writes them checks the digest.
  [[nodiscard]] Status download(const BlobId& blob, std::uint64_t from, const Write& write);
  /// The body of a good answer to a call that may be repeated.
  [[nodiscard]] Result<std::string> ask(const ports::HttpCall& call);

 private:
  struct Taken {
    std::uint64_t offset = 0;
    bool is_complete = false;
  };
  class Patience;
  Result<Taken> find_upload(const BlobId& blob);
  Result<Taken> send_piece(const BlobId& blob, std::uint64_t size, std::uint64_t offset, std::string bytes);
  bool wait_again(Patience& patience, const Error& error);

  ports::HttpClient& http_;
  Options options_;
  Prng prng_;
};

}  // namespace stint::client
