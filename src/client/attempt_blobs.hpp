#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "client/blob_transfer.hpp"
#include "ports/blob_client.hpp"
#include "ports/http_client.hpp"

namespace stint::client {

namespace limits {
/// Refusals of a token that are waited out: a scheduler that has just come back may not know the attempt yet.
inline constexpr int kForbiddenTries = 5;
inline constexpr Duration kForbiddenPause = std::chrono::seconds{1};
inline constexpr Duration kTroublePause = std::chrono::seconds{10};  ///< while the scheduler's disk is full or fails
}  // namespace limits

/// An agent's way to the blobs and checkpoints of one attempt; `http` carries the attempt's token. What a task has computed is not given up
/// because the scheduler's disk is full: that is waited out like its absence, for `patience`.
class AttemptBlobs final : public ports::BlobClient {
 public:
  AttemptBlobs(std::unique_ptr<ports::HttpClient> http, BlobTransfer::Options options)
      : http_(std::move(http)), patience_(options.patience), transfer_(*http_, std::move(options)) {}

  Result<std::vector<BlobId>> find_missing(const std::vector<BlobId>& blobs) override;
  Status upload(const BlobId& blob, std::uint64_t size, const Read& read) override;
  Status download(const BlobId& blob, std::uint64_t from, const Write& write) override;
  Status tell_checkpoint(const AttemptRef& attempt, const BlobId& manifest) override;
  bool pause(Duration duration) override { return http_->pause(duration); }

 private:
  /// Whether to try again after `error`, once `tries` tries have failed; waits before.
  bool waits_out(const Error& error, int tries);
  template <class Try>
  auto persist(Try attempt) -> decltype(attempt());

  std::unique_ptr<ports::HttpClient> http_;
  Duration patience_;
  BlobTransfer transfer_;
};

}  // namespace stint::client
