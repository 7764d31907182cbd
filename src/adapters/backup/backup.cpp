#include "adapters/backup/backup.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <set>
#include <utility>
#include <vector>

namespace stint::backup {
namespace {

namespace fs = std::filesystem;

constexpr const char* kDatabase = "state.db";
constexpr const char* kManifest = "manifest.json";
/// Without the key every agent would have to be told another pin.
constexpr std::array<const char*, 3> kTlsFiles{"tls.key", "tls.next.key", "tls.crt"};
constexpr const char* kUnfinished = "state.db.restoring";

/// Removes what was made unless it was kept.
class Draft {
 public:
  explicit Draft(std::string path) : path_(std::move(path)) {}
  Draft(const Draft&) = delete;
  Draft& operator=(const Draft&) = delete;
  ~Draft() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  void keep() { path_.clear(); }

 private:
  std::string path_;
};

/// `blobs/ab/<digest>` of all blobs that are there, sorted.
Result<std::vector<std::string>> list_blobs(const std::string& state_dir) {
  std::vector<std::string> found;
  std::error_code problem;
  const fs::path root = fs::path(state_dir) / "blobs";
  if (!fs::exists(root, problem)) return found;
  for (fs::recursive_directory_iterator at(root, problem), end; !problem && at != end; at.increment(problem))
    if (at->is_regular_file(problem) && at->path().filename().string().size() == 64)
      found.push_back("blobs/" + at->path().lexically_relative(root).string());
  if (problem) return fail(Errc::io, root.string() + ": " + problem.message());
  std::sort(found.begin(), found.end());
  return found;
}

class Taking {
 public:
  Taking(const BackupPlan& plan, std::string draft) : plan_(plan), draft_(std::move(draft)), manifest_(plan.manifest) {}

  Result<Manifest> run() {
    STINT_TRY_VOID(make_dir(draft_));
    STINT_TRY_VOID(take_blobs());
    STINT_TRY_VOID(plan_.copy_database(draft_ + "/" + kDatabase, manifest_));
    STINT_TRY(const auto database, hash_file(draft_ + "/" + kDatabase, [](std::uint64_t) { return true; }));
    manifest_.files.push_back({kDatabase, database.size, database.sha256});
    STINT_TRY_VOID(take_blobs());
    std::error_code problem;
    const bool has_kek = fs::exists(plan_.state_dir + "/kek", problem);
    if (!has_kek && plan_.has_kek_file)
      return fail(Errc::not_found, plan_.state_dir +
                                       "/kek is not there, and without the key-encryption key the agents' keys are lost: if STINT_KEK " +
                                       "gives it to the scheduler, give it to the backup too (it is not stored)");
    if (has_kek) STINT_TRY_VOID(take_file("kek"));
    for (const char* name : kTlsFiles)
      if (fs::exists(plan_.state_dir + "/" + name, problem)) STINT_TRY_VOID(take_file(name));
    if (fs::exists(plan_.state_dir + "/context.json", problem)) STINT_TRY_VOID(take_context());
    STINT_TRY_VOID(write_file(draft_ + "/" + kManifest, to_json(manifest_)));
    STINT_TRY_VOID(sync_dir(draft_));
    return manifest_;
  }

 private:
  Status take_file(const std::string& name) {
    STINT_TRY(const auto copied, copy_file(plan_.state_dir + "/" + name, draft_ + "/" + name, plan_.progress));
    manifest_.files.push_back({name, copied.size, copied.sha256});
    return {};
  }

  /// The address is only told to whoever restores; the token must stay what clients have.
  Status take_context() {
    STINT_TRY_VOID(take_file("context.json"));
    STINT_TRY(const std::string text, read_file(draft_ + "/context.json"));
    boost::system::error_code problem;
    const auto value = boost::json::parse(text, problem);
    const auto* server = !problem && value.is_object() ? value.as_object().if_contains("server") : nullptr;
    if (server != nullptr && server->is_string()) manifest_.server = server->as_string();
    return {};
  }

  Status take_blobs() {
    STINT_TRY(const auto blobs, list_blobs(plan_.state_dir));
    for (const std::string& blob : blobs)
      if (taken_.insert(blob).second) STINT_TRY_VOID(take_blob(blob));
    return {};
  }

  Status take_blob(const std::string& path) {
    const std::string from = plan_.state_dir + "/" + path, to = draft_ + "/" + path;
    STINT_TRY_VOID(make_dir(fs::path(to).parent_path().string()));
    const auto linked = link_file(from, to);
    if (!linked && linked.error().code == Errc::not_found) return {};  // collected this moment: nothing spoke of it
    if (!linked) return tl::unexpected<Error>(linked.error());
    if (!*linked) STINT_TRY_VOID(copy_file(from, to, plan_.progress));
    std::error_code problem;
    const auto size = fs::file_size(to, problem);
    if (problem) return fail(Errc::io, to + ": " + problem.message());
    manifest_.files.push_back({path, size, fs::path(path).filename().string()});
    return plan_.progress(*linked ? size : 0) ? Status{} : Status(fail(Errc::unavailable, "stopped"));
  }

  const BackupPlan& plan_;
  std::string draft_;
  Manifest manifest_;
  std::set<std::string> taken_;
};

Status check_sizes(const std::string& source, const Manifest& manifest) {
  const auto has = [&](const char* name) {
    return std::any_of(manifest.files.begin(), manifest.files.end(), [&](const FileEntry& file) { return file.path == name; });
  };
  if (!has(kDatabase)) return fail(Errc::corrupt, source + ": the manifest names no database");
  for (const FileEntry& file : manifest.files) {
    std::error_code problem;
    const auto size = fs::file_size(source + "/" + file.path, problem);
    if (problem) return fail(Errc::not_found, source + "/" + file.path + ": " + problem.message());
    if (size != file.size)
      return fail(Errc::corrupt,
                  source + "/" + file.path + ": " + std::to_string(size) + " bytes, the manifest says " + std::to_string(file.size));
  }
  return {};
}

Status check_empty(const std::string& state_dir) {
  std::error_code problem;
  if (!fs::exists(state_dir, problem)) return {};
  if (!fs::is_directory(state_dir, problem)) return fail(Errc::conflict, state_dir + " is not a directory");
  if (!fs::is_empty(state_dir, problem) || problem)
    return fail(Errc::conflict, state_dir + " is not empty: restore into a new directory, or move what is there away");
  return {};
}

Status bring_back(const RestorePlan& plan, const FileEntry& file) {
  const std::string to = plan.state_dir + "/" + (file.path == kDatabase ? kUnfinished : file.path);
  STINT_TRY_VOID(make_dir(fs::path(to).parent_path().string()));
  STINT_TRY(const auto copied, copy_file(plan.source + "/" + file.path, to, plan.progress));
  if (copied.sha256 == file.sha256) return {};
  return fail(Errc::corrupt, plan.source + "/" + file.path + ": its SHA-256 is " + copied.sha256 + ", the manifest says " + file.sha256 +
                                 ": the backup is damaged, take another one");
}

Status bring_all_back(const RestorePlan& plan, const Manifest& manifest) {
  STINT_TRY_VOID(make_dir(plan.state_dir));
  for (const FileEntry& file : manifest.files) STINT_TRY_VOID(bring_back(plan, file));
  STINT_TRY_VOID(plan.finish_database(plan.state_dir + "/" + kUnfinished));
  if (::rename((plan.state_dir + "/" + kUnfinished).c_str(), (plan.state_dir + "/" + kDatabase).c_str()) != 0)
    return fail(Errc::io, plan.state_dir + ": " + std::strerror(errno));
  return sync_dir(plan.state_dir);
}

}  // namespace

Result<Manifest> take_backup(const BackupPlan& plan) {
  std::error_code problem;
  if (fs::exists(fs::symlink_status(plan.target, problem)))
    return fail(Errc::already_exists, plan.target + " is there already: a backup never overwrites; name a new directory");
  if (!fs::exists(plan.state_dir + "/" + kDatabase, problem))
    return fail(Errc::not_found, plan.state_dir + ": no scheduler's state here; --state-dir names its directory");
  const std::string draft = plan.target + ".partial-" + std::to_string(::getpid());
  Draft made(draft);
  STINT_TRY(auto manifest, Taking(plan, draft).run());
  if (::rename(draft.c_str(), plan.target.c_str()) != 0) return fail(Errc::io, plan.target + ": " + std::strerror(errno));
  made.keep();
  const fs::path parent = fs::absolute(plan.target, problem).parent_path();
  STINT_TRY_VOID(sync_dir(parent.string()));
  return manifest;
}

Result<Manifest> restore_backup(const RestorePlan& plan) {
  STINT_TRY(const std::string text, read_file(plan.source + "/" + kManifest));
  STINT_TRY(auto manifest, parse_manifest(text));
  STINT_TRY_VOID(plan.check(manifest));
  STINT_TRY_VOID(check_sizes(plan.source, manifest));
  STINT_TRY_VOID(check_empty(plan.state_dir));
  Draft made(plan.state_dir);
  STINT_TRY_VOID(bring_all_back(plan, manifest));
  made.keep();
  return manifest;
}

}  // namespace stint::backup
