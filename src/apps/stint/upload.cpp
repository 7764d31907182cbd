#include "apps/stint/upload.hpp"

#include <algorithm>
#include <chrono>
#include <map>

#include "adapters/files/blob_file.hpp"
#include "apps/stint/files.hpp"
#include "apps/stint/follow.hpp"
#include "apps/stint/interrupts.hpp"

namespace stint::cli {
namespace {

constexpr Duration kRedraw = std::chrono::milliseconds{100};

/// A command that counts Ctrl-C asks here: what was sent stays, and the next try goes on with it.
bool is_stopped() { return wants_to_leave() || interrupts_seen() > 0; }

Result<std::string> read_unless_stopped(const adapters::SourceFile& file, std::uint64_t offset, std::size_t size) {
  if (is_stopped()) return fail(Errc::unavailable, "the upload was stopped; the next one goes on from there");
  return file.read(offset, size);
}

Result<std::uint64_t> size_of_all(const std::vector<std::string>& paths) {
  std::uint64_t bytes = 0;
  for (const auto& path : paths) {
    STINT_TRY(const auto size, adapters::size_of_file(path));
    bytes += size;
  }
  return bytes;
}

Result<std::vector<LocalBlob>> hash_files(const std::vector<std::string>& paths) {
  STINT_TRY(const auto bytes, size_of_all(paths));
  TransferDisplay display("reading", paths.size(), bytes);
  std::vector<LocalBlob> blobs;
  for (const auto& path : paths) {
    STINT_TRY(const auto hashed, adapters::hash_file(path, [&](std::uint64_t done) {
                display.show(done);
                return !is_stopped();
              }));
    display.end_file(hashed.size);
    blobs.push_back({path, hashed.blob, hashed.size, false});
  }
  return blobs;
}

Status send_missing(Connection& connection, std::vector<LocalBlob>& blobs) {
  std::map<BlobId, LocalBlob*> by_id;
  for (auto& blob : blobs) by_id.emplace(blob.blob, &blob);
  std::vector<BlobId> ids;
  for (const auto& [id, blob] : by_id) ids.push_back(id);
  client::BlobTransfer asking(connection.http(), {});
  STINT_TRY(const auto missing, asking.find_missing(ids));
  std::uint64_t bytes = 0;
  for (const auto& id : missing)
    if (by_id.count(id) > 0) bytes += by_id.at(id)->size;
  TransferDisplay display("uploading", missing.size(), bytes);
  client::BlobTransfer transfer(connection.http(), transfer_options(display));
  for (const auto& id : missing) {
    const auto found = by_id.find(id);
    if (found == by_id.end()) continue;  // not asked for
    LocalBlob& blob = *found->second;
    adapters::SourceFile file;
    STINT_TRY_VOID(file.open(blob.path));
    STINT_TRY_VOID(transfer.upload(id, blob.size,
                                   [&file](std::uint64_t offset, std::size_t size) { return read_unless_stopped(file, offset, size); }));
    blob.was_missing = true;
    display.end_file(blob.size);
  }
  return {};
}

}  // namespace

void TransferDisplay::show(std::uint64_t bytes) {
  if (!is_terminal_) return;
  const Instant at = now();
  meter_.add(bytes, at);
  if (drawn_at_ && at - *drawn_at_ < kRedraw) return;
  drawn_at_ = at;
  lines_.draw({meter_.show(terminal_width(STDERR_FILENO) - 1)});
}

client::BlobTransfer::Options transfer_options(TransferDisplay& display) {
  client::BlobTransfer::Options options;
  options.seed = std::stoull(random_hex(8), nullptr, 16);
  options.on_progress = [&display](std::uint64_t bytes) { display.show(bytes); };
  return options;
}

Result<std::vector<LocalBlob>> upload_files(Connection& connection, const std::vector<std::string>& paths) {
  STINT_TRY(auto blobs, hash_files(paths));
  STINT_TRY_VOID(send_missing(connection, blobs));
  return blobs;
}

}  // namespace stint::cli
