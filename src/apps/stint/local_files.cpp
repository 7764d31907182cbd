#include "apps/stint/local_files.hpp"

#include "adapters/files/blob_file.hpp"
#include "adapters/files/tree.hpp"
#include "apps/stint/files.hpp"
#include "apps/stint/interrupts.hpp"
#include "apps/stint/upload.hpp"
#include "hash/sha256.hpp"

namespace stint::cli {

Result<core::Manifest> DiskFiles::find_files(const std::string& directory, const std::vector<std::string>& patterns) {
  STINT_TRY(const auto found, adapters::find_files(directory, patterns));
  std::uint64_t bytes = 0;
  for (const auto& file : found) bytes += file.size;
  TransferDisplay display("reading", found.size(), bytes);
  core::Manifest manifest;
  for (const auto& file : found) {
    const std::string path = directory + "/" + file.path;
    auto known = hashed_.find(path);
    if (known == hashed_.end()) {
      STINT_TRY(const auto hashed, adapters::hash_file(path, [&](std::uint64_t done) {
                  display.show(done);
                  return !wants_to_leave();
                }));
      known = hashed_.emplace(path, hashed.blob).first;
      sources_.emplace(hashed.blob, Source{path, {}, hashed.size});
    }
    display.end_file(file.size);
    manifest.push_back({known->second, sources_.at(known->second).size, file.is_executable, file.path});
  }
  return manifest;
}

Result<std::vector<std::string>> DiskFiles::find_names(const std::string& directory, const std::string& pattern) {
  STINT_TRY(auto found, adapters::find_files(directory, {pattern}));
  std::vector<std::string> names;
  for (auto& file : found) names.push_back(std::move(file.path));
  return names;
}

Result<std::string> DiskFiles::read_text(const std::string& path) { return read_file(path); }

Result<BlobId> DiskFiles::keep_text(std::string text) {
  const BlobId blob = blob_id_of(as_bytes(text));
  const std::uint64_t size = text.size();
  sources_.emplace(blob, Source{{}, std::move(text), size});
  return blob;
}

Result<std::vector<BlobId>> DiskFiles::find_missing() {
  std::vector<BlobId> blobs;
  for (const auto& [blob, source] : sources_) blobs.push_back(blob);
  if (blobs.empty()) return blobs;
  return client::BlobTransfer(connection_.http(), {}).find_missing(blobs);
}

Result<client::LocalFiles::Uploads> DiskFiles::count_uploads() {
  Uploads uploads;
  for (const auto& [path, blob] : hashed_) {
    ++uploads.files;
    uploads.bytes += sources_.at(blob).size;
  }
  STINT_TRY(const auto missing, find_missing());
  for (const BlobId& blob : missing) {
    const auto found = sources_.find(blob);
    if (found == sources_.end() || found->second.path.empty()) continue;  // not asked for, or no file
    ++uploads.missing_files;
    uploads.missing_bytes += found->second.size;
  }
  return uploads;
}

Status DiskFiles::send() {
  STINT_TRY(const auto missing, find_missing());
  std::uint64_t bytes = 0;
  for (const BlobId& blob : missing)
    if (const auto found = sources_.find(blob); found != sources_.end()) bytes += found->second.size;
  TransferDisplay display("uploading", missing.size(), bytes);
  client::BlobTransfer transfer(connection_.http(), transfer_options(display));
  for (const BlobId& blob : missing) {
    const auto found = sources_.find(blob);
    if (found == sources_.end()) continue;
    const Source& source = found->second;
    adapters::SourceFile file;
    if (!source.path.empty()) STINT_TRY_VOID(file.open(source.path));
    STINT_TRY_VOID(transfer.upload(blob, source.size, [&](std::uint64_t offset, std::size_t size) -> Result<std::string> {
      if (source.path.empty()) return source.text.substr(static_cast<std::size_t>(offset), size);
      return file.read(offset, size);
    }));
    display.end_file(source.size);
  }
  return {};
}

}  // namespace stint::cli
