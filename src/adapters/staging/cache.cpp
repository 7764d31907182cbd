#include "adapters/staging/cache.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <tuple>
#include <vector>

#include "adapters/staging/files.hpp"
#include "adapters/staging/limits.hpp"
#include "core/model/manifest.hpp"

namespace stint::staging {
namespace {

/// Goes on with what is there of `partial`, to its end. Returns the size.
Result<std::uint64_t> fetch_rest(const BlobId& blob, std::optional<std::uint64_t> size, ports::BlobClient& client, const Fd& file,
                                 const std::string& path) {
  const auto limit = size.value_or(core::limits::kManifestBytes);  // a blob of unknown size is a manifest
  STINT_TRY(auto offset, size_of(file, path));
  if (offset > limit) offset = 0;
  if (ftruncate(file.get(), static_cast<off_t>(offset)) != 0) return fail_errno(path);
  if (offset == size) return offset;
  const auto write = [&](std::string_view bytes) -> Status {
    if (bytes.size() > limit - offset) return fail(Errc::corrupt, "more than the " + std::to_string(limit) + " bytes that it may have");
    STINT_TRY_VOID(write_at(file, offset, bytes, path));
    offset += bytes.size();
    return {};
  };
  STINT_TRY_VOID(client.download(blob, offset, write));
  return offset;
}

}  // namespace

std::string Cache::path_of(const BlobId& blob) const {
  const auto hex = to_hex(blob);
  return directory_ + "/" + hex.substr(0, 2) + "/" + hex;
}

std::uint64_t Cache::size_bytes() const {
  const Lock lock(mutex_);
  return bytes_;
}

/// What earlier processes left, in the order of its use: the time of a file's last change is that of its last use.
Status Cache::load(const Lock& /*lock*/) {
  if (is_loaded_) return {};
  STINT_TRY_VOID(make_directory(directory_ + "/partial"));
  std::vector<std::tuple<std::filesystem::file_time_type, BlobId, std::uint64_t>> found;
  std::error_code error;
  for (auto at = std::filesystem::recursive_directory_iterator(directory_, error); !error && at != std::filesystem::end(at);
       at.increment(error)) {
    const auto blob = parse_blob_id(at->path().filename().string());
    if (!blob) continue;
    std::error_code gone;
    const auto time = at->last_write_time(gone);
    if (at->path() != path_of(*blob)) {
      if (time < std::filesystem::file_time_type::clock::now() - limits::kPartialAge) std::filesystem::remove(at->path(), gone);
      continue;
    }
    const auto size = at->file_size(gone);
    if (!gone) found.emplace_back(time, *blob, size);
  }
  if (error) return fail(Errc::io, directory_ + ": " + error.message());
  std::sort(found.begin(), found.end());
  for (const auto& [time, blob, size] : found) {
    bytes_ += size;
    entries_[blob] = {size, 0, by_use_.insert(by_use_.end(), blob)};
  }
  is_loaded_ = true;
  return {};
}

std::optional<Cache::Pin> Cache::find(const BlobId& blob, std::optional<std::uint64_t> size, const Lock& lock) {
  const auto found = entries_.find(blob);
  if (found == entries_.end()) return std::nullopt;
  auto& entry = found->second;
  const auto path = path_of(blob);
  struct stat status{};
  const bool is_whole =
      lstat(path.c_str(), &status) == 0 && static_cast<std::uint64_t>(status.st_size) == entry.size && (!size || *size == entry.size);
  if (!is_whole && entry.pins == 0) {  // somebody else was in this directory
    bytes_ -= entry.size;
    by_use_.erase(entry.used);
    entries_.erase(found);
    unlink(path.c_str());
    return std::nullopt;
  }
  by_use_.splice(by_use_.end(), by_use_, entry.used);
  utimensat(AT_FDCWD, path.c_str(), nullptr, 0);
  ++entry.pins;
  static_cast<void>(lock);
  return std::make_optional<Pin>(*this, blob, path);
}

void Cache::insert(const BlobId& blob, std::uint64_t size, const Lock& lock) {
  bytes_ += size;
  entries_[blob] = {size, 0, by_use_.insert(by_use_.end(), blob)};
  evict(lock);
}

void Cache::evict(const Lock& /*lock*/) {
  for (auto at = by_use_.begin(); bytes_ > limit_ && at != by_use_.end();) {
    const auto found = entries_.find(*at);
    if (found->second.pins > 0 || *at == by_use_.back()) {  // the newest is about to be used
      ++at;
      continue;
    }
    unlink(path_of(*at).c_str());
    bytes_ -= found->second.size;
    entries_.erase(found);
    at = by_use_.erase(at);
  }
}

void Cache::unpin(const BlobId& blob) {
  const Lock lock(mutex_);
  const auto found = entries_.find(blob);
  if (found != entries_.end() && found->second.pins > 0) --found->second.pins;
  if (bytes_ > limit_) evict(lock);
}

Result<Cache::Pin> Cache::get(const BlobId& blob, std::optional<std::uint64_t> size, ports::BlobClient& client) {
  Lock lock(mutex_);
  STINT_TRY_VOID(load(lock));
  for (;;) {
    if (auto pin = find(blob, size, lock)) return std::move(*pin);
    if (on_their_way_.insert(blob).second) break;
    // The one who fetches it may be stopped, and so may we.
    fetched_.wait_for(lock, limits::kSharedFetchPoll);
    lock.unlock();
    const bool goes_on = client.pause(Duration{0});
    lock.lock();
    if (!goes_on) return fail(Errc::unavailable, "stopped");
  }
  lock.unlock();
  auto fetched = fetch(blob, size, client);
  lock.lock();
  on_their_way_.erase(blob);
  fetched_.notify_all();
  if (!fetched) return tl::unexpected{fetched.error()};
  insert(blob, *fetched, lock);
  auto pin = find(blob, size, lock);
  if (!pin) return fail(Errc::io, path_of(blob) + ": gone, or changed by somebody else");
  return std::move(*pin);
}

/// Bytes on disk that do not make up the blob are no use; those that an earlier process has left may be such.
Result<std::uint64_t> Cache::fetch(const BlobId& blob, std::optional<std::uint64_t> size, ports::BlobClient& client) {
  const auto partial = directory_ + "/partial/" + to_hex(blob);
  const auto target = path_of(blob);
  STINT_TRY_VOID(make_directory(target.substr(0, target.rfind('/'))));
  for (int tries = 1;; ++tries) {
    STINT_TRY(const auto file, open_file(partial, O_RDWR | O_CREAT | O_NOFOLLOW));
    auto fetched = fetch_rest(blob, size, client, file, partial);
    const bool is_too_long = !fetched && fetched.error().code == Errc::corrupt;
    if (!fetched && !is_too_long) return fetched;
    STINT_TRY(const auto hashed, hash_file(file, partial));
    if (!is_too_long && hashed.blob == blob && hashed.size == size.value_or(hashed.size)) {
      if (fsync(file.get()) != 0 || fchmod(file.get(), 0400) != 0) return fail_errno(partial);
      if (rename(partial.c_str(), target.c_str()) != 0) return fail_errno(target);
      return *fetched;
    }
    unlink(partial.c_str());
    if (tries == limits::kDigestTries)
      return fail(Errc::corrupt, "blob " + to_hex(blob) + ": what came has " + std::to_string(hashed.size) + " bytes and the SHA-256 " +
                                     to_hex(hashed.blob));
  }
}

}  // namespace stint::staging
