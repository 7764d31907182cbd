#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/blob_id.hpp"
#include "base/ids.hpp"
#include "base/result.hpp"
#include "base/time.hpp"

namespace stint::ports {

/// The scheduler's blobs as one attempt may use them. Calls block, and try again while the scheduler is out of reach.
///
/// Errors:  unavailable, outcome_unknown  told to stop, or nobody answered for as long as this client waits;
///          not_found   there is no such blob;
///          forbidden, unauthenticated  the attempt's token opens nothing (any more);
///          corrupt     the bytes have another digest than their name;
///          any other   a refusal, in the scheduler's words.
/// Thread:  one.
class BlobClient {
 public:
  virtual ~BlobClient() = default;
  /// Which of `blobs`, any number of them, the scheduler lacks.
  [[nodiscard]] virtual Result<std::vector<BlobId>> find_missing(const std::vector<BlobId>& blobs) = 0;
  /// Bytes of the blob from `offset` on, exactly `size` of them.
  using Read = std::function<Result<std::string>(std::uint64_t offset, std::size_t size)>;
  /// Succeeds when the scheduler has the whole; goes on where an earlier upload got to.
  [[nodiscard]] virtual Status upload(const BlobId& blob, std::uint64_t size, const Read& read) = 0;
  /// Takes bytes in order; an error ends the download with it.
  using Write = std::function<Status(std::string_view bytes)>;
  /// From byte `from` on, to the end. Who writes them checks the digest.
  [[nodiscard]] virtual Status download(const BlobId& blob, std::uint64_t from, const Write& write) = 0;
  /// This manifest is now what the attempt's checkpoint directory holds.
  [[nodiscard]] virtual Status tell_checkpoint(const AttemptRef& attempt, const BlobId& manifest) = 0;
  /// Waits; false if told to stop.
  [[nodiscard]] virtual bool pause(Duration duration) = 0;
};

}  // namespace stint::ports
