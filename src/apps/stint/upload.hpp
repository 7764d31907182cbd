#pragma once

#include <unistd.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "apps/stint/connection.hpp"
#include "apps/stint/terminal.hpp"
#include "base/blob_id.hpp"
#include "base/result.hpp"
#include "client/blob_transfer.hpp"
#include "client/transfer_meter.hpp"

/// Files of this machine become blobs of the scheduler: hashed, asked for, and only what is missing is sent.
namespace stint::cli {

/// Bytes, rate and time left of a transfer: a line that is drawn over on a terminal, nothing on a pipe.
class TransferDisplay {
 public:
  TransferDisplay(std::string verb, std::size_t files, std::uint64_t bytes) : meter_(std::move(verb), files, bytes) {}
  void show(std::uint64_t bytes);
  void end_file(std::uint64_t bytes) { meter_.end_file(bytes); }

 private:
  bool is_terminal_ = can_redraw(STDERR_FILENO);
  client::TransferMeter meter_;
  LiveLines lines_{STDERR_FILENO};
  std::optional<Instant> drawn_at_;
};

struct LocalBlob {
  std::string path;                                ///< of the file that holds it
  BlobId blob;
  std::uint64_t size = 0;
  bool was_missing = false;                        ///< the scheduler did not have it: it was sent
};
/// Hashes the files and sends what the scheduler does not have; each content once, however many files hold it.
/// Errors:  not_found, io (a file);  corrupt (it changed meanwhile);  unavailable (the user leaves);  those of client::BlobTransfer.
[[nodiscard]] Result<std::vector<LocalBlob>> upload_files(Connection& connection, const std::vector<std::string>& paths);

/// Pauses of their own for every run, and bytes told to the display, which outlives them.
[[nodiscard]] client::BlobTransfer::Options transfer_options(TransferDisplay& display);

}  // namespace stint::cli
