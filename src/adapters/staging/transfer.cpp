#include "adapters/staging/transfer.hpp"

#include <unistd.h>

#include <algorithm>
#include <unordered_set>

#include "adapters/staging/files.hpp"
#include "adapters/staging/limits.hpp"
#include "core/model/manifest.hpp"

namespace stint::staging {
namespace {

constexpr mode_t kPlain = 0644;
constexpr mode_t kExecutable = 0755;

Result<FileRef> describe(const TakenFile& taken) {
  STINT_TRY(const auto file, open_regular(taken.source));
  if (fdatasync(file.get()) != 0) return fail_errno(taken.source);
  STINT_TRY(const auto hashed, hash_file(file, taken.source));
  FileRef ref;
  ref.blob = hashed.blob;
  ref.size = hashed.size;
  ref.is_executable = taken.is_executable;
  ref.path = taken.path;
  return ref;
}

Status push_file(const TakenFile& taken, const FileRef& ref, ports::BlobClient& client) {
  STINT_TRY(const auto file, open_regular(taken.source));
  return client.upload(ref.blob, ref.size, [&](std::uint64_t offset, std::size_t size) -> Result<std::string> {
    STINT_TRY(auto bytes, read_at(file, offset, size, taken.source));
    if (bytes.size() < size) return fail(Errc::corrupt, "it became shorter while it was read");
    return bytes;
  });
}

/// One blob under the name of one of its files.
Status push_one(const TakenFile& taken, FileRef& ref, ports::BlobClient& client) {
  for (int tries = 1;; ++tries) {
    auto pushed = push_file(taken, ref, client);
    if (pushed) return {};
    if (pushed.error().code != Errc::corrupt || tries == limits::kDigestTries)
      return fail(pushed.error().code, "'" + taken.path + "': " + pushed.error().detail);
    STINT_TRY(ref, describe(taken));  // it has changed since it was hashed
  }
}

std::vector<BlobId> blobs_of(const std::vector<FileRef>& refs) {
  std::vector<BlobId> blobs;
  for (const auto& ref : refs) blobs.push_back(ref.blob);
  std::sort(blobs.begin(), blobs.end());
  blobs.erase(std::unique(blobs.begin(), blobs.end()), blobs.end());
  return blobs;
}

}  // namespace

Status lay_out(const std::vector<FileRef>& files, const std::string& directory, Cache& cache, ports::BlobClient& client) {
  for (const auto& file : files) {
    STINT_TRY_VOID(core::check_manifest_path(file.path));
    const auto path = directory + "/" + file.path;
    STINT_TRY_VOID(make_directory(path.substr(0, path.rfind('/'))));
    auto pin = cache.get(file.blob, file.size, client);
    if (!pin) return fail(pin.error().code, "'" + file.path + "': " + pin.error().detail);
    STINT_TRY_VOID(copy_file(pin->path(), path, file.is_executable ? kExecutable : kPlain));
  }
  return {};
}

Status lay_out(const BlobId& manifest, const std::string& directory, Cache& cache, ports::BlobClient& client) {
  auto pin = cache.get(manifest, std::nullopt, client);
  if (!pin) return fail(pin.error().code, "manifest " + to_hex(manifest) + ": " + pin.error().detail);
  STINT_TRY(const auto text, read_file(pin->path(), core::limits::kManifestBytes));
  auto files = core::parse_manifest(text);
  if (!files) return fail(files.error().code, "manifest " + to_hex(manifest) + ": " + files.error().detail);
  return lay_out(*files, directory, cache, client);
}

Result<std::vector<FileRef>> push(const std::vector<TakenFile>& files, ports::BlobClient& client) {
  std::vector<FileRef> refs;
  for (const auto& file : files) {
    STINT_TRY(auto ref, describe(file));
    refs.push_back(std::move(ref));
  }
  for (int tries = 1;; ++tries) {
    STINT_TRY(const auto missing, client.find_missing(blobs_of(refs)));
    if (missing.empty()) return refs;
    if (tries > limits::kDigestTries) return fail(Errc::corrupt, "the files do not stop changing, or the scheduler does not keep them");
    std::unordered_set<BlobId> wanted(missing.begin(), missing.end());
    for (std::size_t i = 0; i < refs.size(); ++i)
      if (wanted.erase(refs[i].blob) > 0) STINT_TRY_VOID(push_one(files[i], refs[i], client));
  }
}

Status push_text(const BlobId& blob, const std::string& text, ports::BlobClient& client) {
  STINT_TRY(const auto missing, client.find_missing({blob}));
  if (missing.empty()) return {};
  return client.upload(blob, text.size(), [&](std::uint64_t offset, std::size_t size) -> Result<std::string> {
    return text.substr(static_cast<std::size_t>(offset), size);
  });
}

}  // namespace stint::staging
