#include "adapters/exec/cgroups.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <sstream>
#include <string_view>
#include <utility>

#include "adapters/exec/limits.hpp"
#include "adapters/exec/system.hpp"

namespace stint::exec {
namespace {

/// A process can fork while we kill: look again, but not for ever.
constexpr int kKillRounds = 16;

struct Mount {
  std::string root;   ///< which part of the hierarchy is mounted
  std::string point;  ///< and where
  std::string type;   ///< cgroup or cgroup2
  std::string options;
};

/// The cgroup mounts of /proc/self/mountinfo, see proc(5).
std::vector<Mount> cgroup_mounts() {
  std::vector<Mount> mounts;
  std::istringstream lines{read_small_file(AT_FDCWD, "/proc/self/mountinfo")};
  for (std::string line; std::getline(lines, line);) {
    const std::size_t dash = line.find(" - ");
    if (dash == std::string::npos) continue;
    std::istringstream before{line.substr(0, dash)};
    std::istringstream after{line.substr(dash + 3)};
    std::string skipped;
    Mount mount;
    before >> skipped >> skipped >> skipped >> mount.root >> mount.point;
    after >> mount.type >> skipped >> mount.options;
    if (mount.type == "cgroup" || mount.type == "cgroup2") mounts.push_back(std::move(mount));
  }
  return mounts;
}

/// True if `word` is one of the words of `list`, which `separator` parts.
bool contains_word(std::string_view list, std::string_view word, char separator) {
  while (!list.empty()) {
    const std::size_t end = std::min(list.find(separator), list.size());
    if (list.substr(0, end) == word) return true;
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  return false;
}

/// Our path in the hierarchy of a v1 controller, or of v2 (`controller` empty): /proc/self/cgroup, lines "N:controllers:path".
std::string own_path(std::string_view controller) {
  std::istringstream lines{read_small_file(AT_FDCWD, "/proc/self/cgroup")};
  for (std::string line; std::getline(lines, line);) {
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string_view names = std::string_view{line}.substr(first + 1, second - first - 1);
    if (controller.empty() ? names.empty() : contains_word(names, controller, ',')) return line.substr(second + 1);
  }
  return {};
}

/// Where `path` of the hierarchy lies in the file system; empty if it is outside of what is mounted.
std::string locate(const Mount& mount, const std::string& path) {
  const std::string_view root = mount.root == "/" ? std::string_view{} : std::string_view{mount.root};
  if (path.empty() || !path.starts_with(root)) return {};
  std::string place = mount.point + path.substr(root.size());
  while (place.ends_with('/')) place.pop_back();
  return place;
}

Status write_file(int dir, const char* name, const std::string& text) {
  const UniqueFd file{::openat(dir, name, O_WRONLY | O_CLOEXEC)};
  if (!file || ::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) return fail_errno(name, errno);
  return {};
}

UniqueFd open_directory(int at, const std::string& path) {
  return UniqueFd{::openat(at, path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
}

/// Whether a v2 group hands `controller` on to its children, or can be made to.
bool delegates(const std::string& group, const char* controller) {
  const UniqueFd dir = open_directory(AT_FDCWD, group);
  if (!dir) return false;
  static_cast<void>(write_file(dir.get(), "cgroup.subtree_control", std::string{"+"} + controller));
  std::string handed_on = read_small_file(dir.get(), "cgroup.subtree_control");
  std::replace(handed_on.begin(), handed_on.end(), '\n', ' ');
  return contains_word(handed_on, controller, ' ');
}

/// The number behind `key` in a file of "key number" lines.
std::uint64_t read_counter(int dir, const char* file, const std::string& key) {
  std::istringstream lines{read_small_file(dir, file)};
  std::string name;
  for (std::uint64_t value = 0; lines >> name >> value;) {
    if (name == key) return value;
  }
  return 0;
}

Status set_memory(const CgroupHierarchy& hierarchy, int dir, std::int64_t bytes) {
  const std::string text = std::to_string(bytes);
  if (hierarchy.version == CgroupHierarchy::Version::v2) {
    STINT_TRY_VOID(write_file(dir, "memory.max", text));
    static_cast<void>(write_file(dir, "memory.swap.max", "0"));  // not there without swap accounting
    return write_file(dir, "memory.oom.group", "1");
  }
  STINT_TRY_VOID(write_file(dir, "memory.limit_in_bytes", text));
  static_cast<void>(write_file(dir, "memory.memsw.limit_in_bytes", text));  // as above
  return {};
}

Status set_cpu(const CgroupHierarchy& hierarchy, int dir, std::int64_t millis) {
  const std::string quota = std::to_string(std::max(millis * (limits::kCpuPeriodUs / 1000), limits::kCpuQuotaMinUs));
  const std::string period = std::to_string(limits::kCpuPeriodUs);
  if (hierarchy.version == CgroupHierarchy::Version::v2) return write_file(dir, "cpu.max", quota + " " + period);
  STINT_TRY_VOID(write_file(dir, "cpu.cfs_period_us", period));
  return write_file(dir, "cpu.cfs_quota_us", quota);
}

/// The processes that a file cgroup.procs names; those that have ended and wait for their parent are not among them.
std::vector<pid_t> read_members(int file) {
  std::vector<pid_t> members;
  std::array<char, 4096> buffer;  // what does not fit is seen in the next round
  const ssize_t n = ::pread(file, buffer.data(), buffer.size(), 0);
  const char* at = buffer.data();
  const char* const end = at + std::max<ssize_t>(n, 0);
  while (at < end) {
    pid_t pid = 0;
    const auto [stop, error] = std::from_chars(at, end, pid);
    if (error == std::errc{} && pid > 0 && stop < end) members.push_back(pid);
    at = stop + 1;
  }
  return members;
}

template <class F>
void for_each_entry(int dir, F&& visit) {
  DIR* const listing = ::fdopendir(::openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (listing == nullptr) return;
  while (const dirent* entry = ::readdir(listing)) visit(*entry);
  ::closedir(listing);
}

}  // namespace

std::vector<int> TaskCgroup::entries() const {
  std::vector<int> entries;
  for (const Piece& piece : pieces_) entries.push_back(piece.entry.get());
  return entries;
}

std::uint64_t TaskCgroup::oom_kills() const {
  for (const Piece& piece : pieces_) {
    if (!piece.hierarchy->has_memory) continue;
    const bool v2 = piece.hierarchy->version == CgroupHierarchy::Version::v2;
    return read_counter(piece.dir.get(), v2 ? "memory.events" : "memory.oom_control", "oom_kill");
  }
  return 0;
}

void TaskCgroup::kill_all() {
  is_empty_ = true;
  for (const Piece& piece : pieces_) {
    if (piece.hierarchy->version == CgroupHierarchy::Version::v2 && write_file(piece.dir.get(), "cgroup.kill", "1")) {  // since Linux 5.14
      is_empty_ = is_empty_ && read_members(piece.members.get()).empty();
      continue;
    }
    std::vector<pid_t> members = read_members(piece.members.get());
    for (int round = 0; round < kKillRounds && !members.empty(); ++round) {
      for (const pid_t pid : members) ::kill(pid, SIGKILL);
      members = read_members(piece.members.get());
    }
    is_empty_ = is_empty_ && members.empty();
  }
}

Cgroups Cgroups::find(const StateDir& state) {
  struct stat status{};
  ::fstat(state.fd(), &status);
  char name[64];
  std::snprintf(name, sizeof name, "stint-%llx-%llx", static_cast<unsigned long long>(status.st_dev),
                static_cast<unsigned long long>(status.st_ino));
  Cgroups found;
  found.name_ = name;

  const std::vector<Mount> mounts = cgroup_mounts();
  for (const Mount& mount : mounts) {
    if (mount.type != "cgroup2") continue;
    const std::string own = locate(mount, own_path(""));
    if (own.empty()) continue;
    // A group with processes cannot hand controllers on unless it is the root; systemd's DelegateSubgroup leaves us its parent.
    for (const std::string& parent : {own, own.substr(0, own.rfind('/'))}) {
      if (parent.size() < mount.point.size()) continue;
      found.add(CgroupHierarchy::Version::v2, parent, delegates(parent, "memory"), delegates(parent, "cpu"));
      if (!found.hierarchies_.empty()) break;
    }
  }
  for (const Mount& mount : mounts) {
    if (mount.type != "cgroup") continue;
    const bool memory = contains_word(mount.options, "memory", ',') && !found.limits_memory();
    const bool cpu = contains_word(mount.options, "cpu", ',') && !found.limits_cpu();
    if (memory || cpu) found.add(CgroupHierarchy::Version::v1, locate(mount, own_path(memory ? "memory" : "cpu")), memory, cpu);
  }
  if (!found.limits_memory()) found.notes_.emplace_back("memory limits are not enforced: no writable cgroup");
  if (!found.limits_cpu()) found.notes_.emplace_back("cpu limits are not enforced: no writable cgroup");
  return found;
}

void Cgroups::add(CgroupHierarchy::Version version, const std::string& parent, bool memory, bool cpu) {
  if (parent.empty() || (!memory && !cpu)) return;
  const std::string path = parent + "/" + name_;
  if (::mkdir(path.c_str(), 0755) != 0 && errno != EEXIST) return;
  CgroupHierarchy hierarchy{version, memory, cpu, open_directory(AT_FDCWD, path)};
  if (!hierarchy.dir) return;
  if (version == CgroupHierarchy::Version::v2) {
    const auto ours = [&](const char* controller) { return delegates(path, controller); };
    hierarchy.has_memory = memory && ours("memory");
    hierarchy.has_cpu = cpu && ours("cpu");
  } else if (::faccessat(hierarchy.dir.get(), "tasks", W_OK, AT_EACCESS) != 0) {
    return;
  }
  for_each_entry(hierarchy.dir.get(), [&](const dirent& entry) {
    if (entry.d_type == DT_DIR && entry.d_name[0] != '.') ::unlinkat(hierarchy.dir.get(), entry.d_name, AT_REMOVEDIR);
  });
  parents_.push_back(parent);
  hierarchies_.push_back(std::move(hierarchy));
}

bool Cgroups::limits_memory() const {
  return std::any_of(hierarchies_.begin(), hierarchies_.end(), [](const auto& h) { return h.has_memory; });
}

bool Cgroups::limits_cpu() const {
  return std::any_of(hierarchies_.begin(), hierarchies_.end(), [](const auto& h) { return h.has_cpu; });
}

Result<TaskCgroup> Cgroups::make(const Resources& wanted, bool for_ready_child) {
  remove_leftovers();
  const bool memory = wanted.memory_bytes > 0 && limits_memory();
  const bool cpu = wanted.cpu_millis > 0 && limits_cpu();
  if (!memory && !cpu) return TaskCgroup{};
  TaskCgroup group;
  if (for_ready_child && !memory && reserved_) {
    group = *std::exchange(reserved_, std::nullopt);
  } else {
    STINT_TRY(group, take_spare(memory, cpu));
  }
  group.is_empty_ = false;
  for (TaskCgroup::Piece& piece : group.pieces_) {
    if (const Status set = set_up(piece, wanted); !set) {
      remove(std::move(group));
      return tl::unexpected(set.error());
    }
  }
  return group;
}

/// Without it tasks run as well, so whatever goes wrong is left to make().
ReservedCgroup Cgroups::reserve() {
  ReservedCgroup reserved;
  if (!limits_cpu()) return reserved;
  if (!reserved_) {
    auto group = take_spare(false, true);
    if (!group) return reserved;
    for (TaskCgroup::Piece& piece : group->pieces_) {
      if (!set_up(piece, {})) {
        remove(std::move(*group));
        return reserved;
      }
    }
    reserved_.emplace(std::move(*group));
  }
  for (const int entry : reserved_->entries()) {
    if (!reserved.entries.emplace_back(::fcntl(entry, F_DUPFD_CLOEXEC, 0))) return {};
  }
  reserved.number = reserved_->number();
  return reserved;
}

Result<TaskCgroup> Cgroups::take_spare(bool memory, bool cpu) {
  if (memory || spares_.empty()) return make_new(memory, cpu);
  TaskCgroup group = std::move(spares_.back());
  spares_.pop_back();
  return group;
}

Result<TaskCgroup> Cgroups::make_new(bool memory, bool cpu) {
  TaskCgroup group;
  group.number_ = next_group_++;
  group.name_ = std::to_string(::getpid()) + "-" + std::to_string(group.number_);  // of an earlier keeper one may be left that is busy
  group.may_serve_again_ = !memory;
  for (const CgroupHierarchy& hierarchy : hierarchies_) {
    if (!(memory && hierarchy.has_memory) && !(cpu && hierarchy.has_cpu)) continue;
    if (::mkdirat(hierarchy.dir.get(), group.name_.c_str(), 0755) != 0 && errno != EEXIST) {
      const int error = errno;
      remove(std::move(group));
      return fail_errno("cannot make a cgroup for the task's limits", error);
    }
    TaskCgroup::Piece& piece = group.pieces_.emplace_back();
    piece.hierarchy = &hierarchy;
    piece.dir = open_directory(hierarchy.dir.get(), group.name_);
  }
  return group;
}

Status Cgroups::set_up(TaskCgroup::Piece& piece, const Resources& wanted) {
  const int dir = piece.dir.get();
  if (!piece.entry) {
    // v1: a single thread that moves itself through `tasks` does not take the lock that `cgroup.procs` takes for milliseconds.
    const char* const name = piece.hierarchy->version == CgroupHierarchy::Version::v1 ? "tasks" : "cgroup.procs";
    piece.entry = UniqueFd{::openat(dir, name, O_WRONLY | O_CLOEXEC)};
    piece.members = UniqueFd{::openat(dir, "cgroup.procs", O_RDONLY | O_CLOEXEC)};
    if (!piece.entry || !piece.members) return fail_errno(std::string{"cgroup file "} + name, errno);
  }
  if (piece.hierarchy->has_memory && wanted.memory_bytes > 0) STINT_TRY_VOID(set_memory(*piece.hierarchy, dir, wanted.memory_bytes));
  if (!piece.hierarchy->has_cpu || wanted.cpu_millis <= 0 || piece.cpu_millis == wanted.cpu_millis) return {};
  STINT_TRY_VOID(set_cpu(*piece.hierarchy, dir, wanted.cpu_millis));
  piece.cpu_millis = wanted.cpu_millis;
  return {};
}

void Cgroups::remove(TaskCgroup group) {
  if (group.pieces_.empty()) return;
  if (group.may_serve_again_ && group.is_empty_ && spares_.size() < limits::kSpareCgroups) {
    spares_.push_back(std::move(group));
    return;
  }
  leftovers_.push_back(std::move(group.name_));
  group.pieces_.clear();
  remove_leftovers();
}

void Cgroups::remove_leftovers() {
  std::erase_if(leftovers_, [&](const std::string& name) {
    return std::all_of(hierarchies_.begin(), hierarchies_.end(), [&](const CgroupHierarchy& hierarchy) {
      return ::unlinkat(hierarchy.dir.get(), name.c_str(), AT_REMOVEDIR) == 0 || errno == ENOENT;
    });
  });
}

void Cgroups::remove_all() {
  if (auto reserved = std::exchange(reserved_, std::nullopt)) spares_.push_back(std::move(*reserved));
  for (TaskCgroup& spare : std::exchange(spares_, {})) leftovers_.push_back(std::move(spare.name_));
  remove_leftovers();
  for (const std::string& parent : parents_) ::rmdir((parent + "/" + name_).c_str());
}

}  // namespace stint::exec
