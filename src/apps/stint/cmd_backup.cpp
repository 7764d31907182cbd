#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <memory>

#include "adapters/backup/backup.hpp"
#include "adapters/sqlite/copy.hpp"
#include "adapters/sqlite/migrations.hpp"
#include "apps/stint/command_line.hpp"
#include "apps/stint/files.hpp"
#include "apps/stint/interrupts.hpp"
#include "apps/stint/report.hpp"
#include "apps/stint/terminal.hpp"
#include "client/exit_status.hpp"
#include "client/text.hpp"

namespace stint::cli {
namespace {

namespace fs = std::filesystem;

UnixMillis wall_now() {
  return unix_millis(std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count());
}

std::string rfc3339(UnixMillis at) {
  const std::time_t seconds = to_ms(at) / 1000;
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  char text[32];
  const std::size_t size = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
  const std::string millis = std::to_string(1000 + to_ms(at) % 1000);
  return std::string(text, size) + "." + millis.substr(1) + "Z";
}

/// How far a copy has come, as a line at the bottom of a terminal; elsewhere nothing.
class CopyBar {
 public:
  CopyBar(std::string what, std::uint64_t all) : what_(std::move(what)), all_(all), lines_(STDERR_FILENO) {}
  /// False when the user wants to leave.
  bool add(std::uint64_t bytes) { return show(done_ + bytes); }
  bool show(std::uint64_t done) {
    done_ = done;
    const int percent = all_ == 0 ? 0 : static_cast<int>(std::min<std::uint64_t>(100, done_ * 100 / all_));
    if (is_terminal(STDERR_FILENO) && percent != shown_)
      lines_.draw({what_ + " " + client::show_bar(percent / 100.0, 40) + " " + std::to_string(percent) + "%  " +
                   client::show_bytes(static_cast<std::int64_t>(done_)) + " of " + client::show_bytes(static_cast<std::int64_t>(all_))});
    shown_ = percent;
    return !wants_to_leave() && interrupts_seen() == 0;
  }
  [[nodiscard]] std::uint64_t done() const { return done_; }
  void clear() { lines_.clear(); }

 private:
  std::string what_;
  std::uint64_t all_;
  std::uint64_t done_ = 0;
  int shown_ = -1;
  LiveLines lines_;
};

std::uint64_t size_below(const std::string& path) {
  std::uint64_t bytes = 0;
  std::error_code problem;
  if (!fs::is_directory(path, problem)) return 0;
  for (fs::recursive_directory_iterator at(path, problem), end; !problem && at != end; at.increment(problem)) {
    std::error_code gone;
    const auto size = at->is_regular_file(gone) ? at->file_size(gone) : 0;
    if (!gone) bytes += size;
  }
  return bytes;
}

std::uint64_t file_size(const std::string& path) {
  std::error_code problem;
  const auto size = fs::file_size(path, problem);
  return problem ? 0 : size;
}

std::string without_slash(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

std::uint64_t bytes_of(const backup::Manifest& manifest) {
  std::uint64_t bytes = 0;
  for (const auto& file : manifest.files) bytes += file.size;
  return bytes;
}

bool has_kek(const backup::Manifest& manifest) {
  return std::any_of(manifest.files.begin(), manifest.files.end(), [](const auto& file) { return file.path == "kek"; });
}

std::string summary_json(const char* place, const std::string& path, const backup::Manifest& manifest) {
  return std::string("{") + json_string(place) + ":" + json_string(path) + ",\"cell\":" + json_string(manifest.cell) +
         ",\"taken_at\":" + json_string(manifest.taken_at) + ",\"incarnation\":" + std::to_string(manifest.incarnation) +
         ",\"has_kek\":" + (has_kek(manifest) ? "true" : "false") + ",\"database_schema\":" + std::to_string(manifest.database_schema) +
         ",\"files\":" + std::to_string(manifest.files.size()) + ",\"size_bytes\":" + std::to_string(bytes_of(manifest)) + "}";
}

int report_stopped(const CommonOptions& options, const Error& error) {
  if (error.code != Errc::unavailable) return report_error(options, error);
  notice("stopped; what was begun is removed");
  return client::kExitCancelled;
}

/// A state directory of `stint dev` has its scheduler's in `scheduler`.
std::string scheduler_dir_of(const std::string& state_dir) {
  std::error_code problem;
  const std::string below = state_dir + "/scheduler";
  return !fs::exists(state_dir + "/state.db", problem) && fs::exists(below + "/state.db", problem) ? below : state_dir;
}

backup::BackupPlan make_plan(const std::string& state_dir, const std::string& target, CopyBar& bar) {
  backup::BackupPlan plan;
  plan.state_dir = state_dir;
  plan.target = target;
  plan.has_kek_file = std::getenv("STINT_KEK") == nullptr;  // NOLINT(concurrency-mt-unsafe): one thread
  plan.manifest.version = STINT_VERSION;
  plan.manifest.taken_at = rfc3339(wall_now());
  plan.progress = [&bar](std::uint64_t bytes) { return bar.add(bytes); };
  plan.copy_database = [&bar, state_dir](const std::string& to, backup::Manifest& manifest) -> Status {
    const std::uint64_t before = bar.done(), all = file_size(state_dir + "/state.db");
    const auto show = [&](std::int64_t done, std::int64_t pages) {
      return bar.show(before + (pages == 0 ? 0 : all * static_cast<std::uint64_t>(done) / static_cast<std::uint64_t>(pages)));
    };
    STINT_TRY(const auto facts, sqlite::copy_database(state_dir + "/state.db", to, show));
    manifest.database_schema = facts.schema;
    manifest.cell = facts.cell_id;
    manifest.incarnation = facts.incarnation;
    return {};
  };
  return plan;
}

int take_backup(const CommonOptions& options, const std::string& given) {
  const auto found = find_state_dir(options);
  if (!found) return report_error(options, found.error());
  const std::string state_dir = scheduler_dir_of(*found);
  install_interrupt_handlers();
  const std::string target = without_slash(given);
  CopyBar bar("backing up", file_size(state_dir + "/state.db") + size_below(state_dir + "/blobs"));
  const auto manifest = backup::take_backup(make_plan(state_dir, target, bar));
  bar.clear();
  if (!manifest) return report_stopped(options, manifest.error());
  if (options.json) {
    print_line(summary_json("backup", target, *manifest));
    return client::kExitOk;
  }
  print_line(target + ": cell " + manifest->cell + ", " + std::to_string(manifest->files.size()) + " files, " +
             client::show_bytes(static_cast<std::int64_t>(bytes_of(*manifest))));
  print_line(has_kek(*manifest)
                 ? "It holds the cell's key and API token: keep it as private as the state directory, and on another machine."
                 : "It holds the cell's API token, and not the key-encryption key, which STINT_KEK gives: keep that too, elsewhere.");
  return client::kExitOk;
}

Status check_manifest(const backup::Manifest& manifest) {
  if (manifest.database_schema <= sqlite::newest_schema()) return {};
  return fail(Errc::unsupported, "the backup is of Stint " + manifest.version + " with schema " + std::to_string(manifest.database_schema) +
                                     ", this program knows up to " + std::to_string(sqlite::newest_schema()) +
                                     ": restore with that version or a newer one");
}

/// What a scheduler listened on, from the address by which its own machine's commands find it: TLS on loopback means every address.
std::string listen_address(const std::string& server) {
  const auto scheme = server.find("://");
  if (scheme == std::string::npos) return "HOST:PORT";
  const std::string address = server.substr(scheme + 3);
  const bool is_everywhere = server.starts_with("https://127.0.0.1:") || server.starts_with("https://[::1]:");
  return is_everywhere ? "0.0.0.0" + address.substr(address.rfind(':')) : address;
}

void tell_next(const std::string& state_dir, const backup::Manifest& manifest) {
  const std::string address = listen_address(manifest.server);
  print_line(state_dir + ": cell " + manifest.cell + " as it was at " + manifest.taken_at + ", incarnation " +
             std::to_string(manifest.incarnation));
  print_line("Next: see to it that the old scheduler never starts again, then start this one under the address that agents know:");
  print_line("  stint scheduler start --state-dir " + state_dir + " --listen " + address + " --fixed-port");
  print_line("Agents come back by themselves. What was submitted after the backup is gone; what ended after it runs again.");
  print_line("Agents and API tokens that were revoked after " + manifest.taken_at + " are let in again: revoke them once more.");
  if (!has_kek(manifest)) print_line("The key-encryption key is not in it: start the scheduler with STINT_KEK as it was.");
}

int restore(const CommonOptions& options, const std::string& given) {
  const auto state_dir = find_state_dir(options);
  if (!state_dir) return report_error(options, state_dir.error());
  install_interrupt_handlers();
  backup::RestorePlan plan;
  plan.source = without_slash(given);
  plan.state_dir = *state_dir;
  CopyBar bar("restoring", size_below(plan.source));
  std::int64_t incarnation = 0;
  plan.check = check_manifest;
  plan.progress = [&bar](std::uint64_t bytes) { return bar.add(bytes); };
  plan.finish_database = [&incarnation](const std::string& database) -> Status {
    STINT_TRY(const auto facts, sqlite::begin_incarnation(database, wall_now()));
    incarnation = facts.incarnation;
    return {};
  };
  auto manifest = backup::restore_backup(plan);
  bar.clear();
  if (!manifest) return report_stopped(options, manifest.error());
  manifest->incarnation = incarnation;
  if (options.json) {
    print_line(summary_json("state_dir", *state_dir, *manifest));
  } else {
    tell_next(*state_dir, *manifest);
  }
  return client::kExitOk;
}

}  // namespace

void add_backup_commands(CLI::App& app, CommandLine& line) {
  auto path = std::make_shared<std::string>();
  CLI::App* backup_command =
      add_command(app, line, "backup", "Copy a scheduler's state, while it works or when it is stopped",
                  "  stint backup --state-dir /var/lib/stint /backup/stint-monday\n\n"
                  "A new directory with the database, the key, the API token, all blobs, and a manifest with the SHA-256 of each.\n"
                  "Blobs are linked where the file system allows it. Nothing is ever overwritten.");
  backup_command->add_option("directory", *path, "Directory to make")->required();
  backup_command->callback([&line, path] { line.action = [&line, path] { return take_backup(line.common, *path); }; });

  CLI::App* restore_command =
      add_command(app, line, "restore", "Make a state directory from a backup",
                  "  stint restore /backup/stint-2026-11-22 --state-dir /var/lib/stint\n\n"
                  "The state directory must be absent or empty. Every file is verified; what comes next is printed.");
  restore_command->add_option("backup", *path, "Directory that `stint backup` made")->required();
  restore_command->callback([&line, path] { line.action = [&line, path] { return restore(line.common, *path); }; });
}

}  // namespace stint::cli
