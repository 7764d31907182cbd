#include "adapters/staging/checkpoint.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <string_view>
#include <vector>

#include "adapters/staging/files.hpp"
#include "adapters/staging/limits.hpp"
#include "adapters/staging/transfer.hpp"
#include "adapters/staging/tree.hpp"
#include "base/bytes.hpp"
#include "core/model/manifest.hpp"
#include "hash/sha256.hpp"

namespace stint::staging {
namespace {

constexpr const char* kGone = ".gone";
constexpr const char* kFresh = ".new";
constexpr std::size_t kPushedFileBytes = std::size_t{64} << 10;

std::string name_of(const TaskRef& task) {
  return std::to_string(task.job.value) + "." + std::to_string(task.group) + "." + std::to_string(task.index);
}

/// Changes whenever a file below is written, added, renamed or removed.
std::string state_of(const std::vector<TreeEntry>& entries) {
  std::string text;
  for (const auto& entry : entries)
    text += entry.path + '\0' + std::to_string(static_cast<int>(entry.kind)) + ' ' + std::to_string(entry.size) + ' ' +
            std::to_string(entry.changed_ns) + '\n';
  return to_hex(blob_id_of(as_bytes(text)));
}

/// Links that lead elsewhere and sockets are a program's own business, not part of what it can go on from.
std::vector<TakenFile> take(const std::string& root, const std::vector<TreeEntry>& entries) {
  std::vector<TakenFile> files;
  for (const auto& entry : entries) {
    if (entry.kind == TreeEntry::Kind::directory || entry.kind == TreeEntry::Kind::other) continue;
    if (auto taken = resolve(root, entry)) files.push_back(std::move(*taken));
  }
  return files;
}

}  // namespace

Checkpoint::Checkpoint(const std::string& root, const AttemptRef& attempt) : attempt_(attempt), path_(root + "/" + name_of(attempt.task)) {}

bool Checkpoint::has_pushed(const BlobId& manifest) const {
  const auto text = read_file(path_ + ".pushed", kPushedFileBytes);
  return text && text->find(to_hex(manifest)) != std::string::npos;
}

Status Checkpoint::remember(const BlobId& manifest) const {
  auto text = read_file(path_ + ".pushed", kPushedFileBytes).value_or(std::string{}) + to_hex(manifest) + "\n";
  const auto line = 2 * manifest.bytes.size() + 1;
  if (text.size() > limits::kPushedRemembered * line) text.erase(0, text.size() - limits::kPushedRemembered * line);
  return replace_file(path_ + ".pushed", text);
}

Status Checkpoint::fill(const BlobId& from, Cache& cache, ports::BlobClient& client) {
  const std::lock_guard lock(mutex_);
  if (exists(path_) && (!from || has_pushed(from))) return {};
  if (!from) return make_directory(path_);
  const auto fresh = path_ + kFresh;
  STINT_TRY_VOID(remove_tree(fresh));
  STINT_TRY_VOID(make_directory(fresh));
  STINT_TRY_VOID(lay_out(from, fresh, cache, client));
  STINT_TRY_VOID(remove_tree(path_));
  if (std::rename(fresh.c_str(), path_.c_str()) != 0) return fail_errno(path_);
  return remember(from);
}

Status Checkpoint::push(ports::BlobClient& client) {
  const std::lock_guard lock(mutex_);
  STINT_TRY(const auto entries, list_tree(path_));
  const auto state = state_of(entries);
  const auto files = take(path_, entries);
  if (files.empty() || state == pushed_state_) return {};
  STINT_TRY(const auto refs, staging::push(files, client));
  STINT_TRY(const auto text, core::print_manifest(refs));
  STINT_TRY(const auto entries_now, list_tree(path_));
  if (state_of(entries_now) != state) return {};
  const auto manifest = blob_id_of(as_bytes(text));
  STINT_TRY_VOID(push_text(manifest, text, client));
  STINT_TRY_VOID(remember(manifest));  // first: what the scheduler may know, this directory must know as its own
  STINT_TRY_VOID(client.tell_checkpoint(attempt_, manifest));
  pushed_state_ = state;
  return {};
}

Status Checkpoint::remove() {
  const std::lock_guard lock(mutex_);
  STINT_TRY_VOID(remove_tree(path_));
  return remove_tree(path_ + ".pushed");
}

void Checkpoint::leave() { utimensat(AT_FDCWD, path_.c_str(), nullptr, 0); }

std::vector<std::string> Checkpoint::sweep(const std::string& root, const std::set<std::string>& in_use) {
  std::vector<std::string> gone;
  std::vector<std::pair<std::filesystem::file_time_type, std::string>> idle;
  std::error_code error;
  for (auto at = std::filesystem::directory_iterator(root, error); !error && at != std::filesystem::end(at); at.increment(error)) {
    std::error_code vanished;
    const auto time = at->last_write_time(vanished);
    const auto path = at->path().string();
    if (vanished || !at->is_directory(vanished)) continue;
    const bool is_fresh = path.ends_with(kFresh);
    const bool is_in_use = in_use.contains(is_fresh ? path.substr(0, path.size() - std::string_view{kFresh}.size()) : path);
    if (path.ends_with(kGone) || (is_fresh && !is_in_use)) gone.push_back(path);  // an earlier process did not get to it
    if (!path.ends_with(kGone) && !is_fresh && !is_in_use) idle.emplace_back(time, path);
  }
  std::sort(idle.begin(), idle.end());
  const auto oldest_kept = std::filesystem::file_time_type::clock::now() - limits::kCheckpointIdle;
  for (std::size_t i = 0; i < idle.size(); ++i) {
    const bool is_beyond_count = idle.size() - i > limits::kCheckpointsIdle;
    if (idle[i].first >= oldest_kept && !is_beyond_count) break;
    if (std::rename(idle[i].second.c_str(), (idle[i].second + kGone).c_str()) != 0) continue;
    gone.push_back(idle[i].second + kGone);
    static_cast<void>(std::remove((idle[i].second + ".pushed").c_str()));
  }
  return gone;
}

}  // namespace stint::staging
