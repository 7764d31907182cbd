#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "adapters/exec/fd.hpp"
#include "adapters/exec/state_dir.hpp"
#include "base/resources.hpp"
#include "base/result.hpp"

namespace stint::exec {

/// One place in the kernel's tree of cgroups where we may make groups: the only one with v2, one for memory and one for cpu with v1.
struct CgroupHierarchy {
  enum class Version { v1, v2 };
  Version version = Version::v1;
  bool has_memory = false;
  bool has_cpu = false;
  UniqueFd dir;  ///< our own group in it, parent of the tasks' groups
};

/// The groups of one task. Empty when it asks for no limit, or none can be set.
class TaskCgroup {
 public:
  TaskCgroup() = default;

  /// No other group of this keeper has or had it; 0: empty.
  [[nodiscard]] std::uint64_t number() const { return pieces_.empty() ? 0 : number_; }
  /// Files to which the child writes "0" to enter; they are open as long as this is.
  [[nodiscard]] std::vector<int> entries() const;
  [[nodiscard]] bool limits_memory() const { return !pieces_.empty() && !may_serve_again_; }
  /// Processes in it that the kernel killed at the memory limit.
  [[nodiscard]] std::uint64_t oom_kills() const;
  /// Kills whatever is in it, in whichever process group.
  void kill_all();

 private:
  friend class Cgroups;
  struct Piece {
    const CgroupHierarchy* hierarchy = nullptr;
    UniqueFd dir;
    UniqueFd entry;    ///< what a child writes to
    UniqueFd members;  ///< cgroup.procs, to be read
    std::int64_t cpu_millis = 0;  ///< as set
  };
  std::uint64_t number_ = 0;
  std::string name_;
  std::vector<Piece> pieces_;
  bool may_serve_again_ = false;  ///< limits no memory: then nothing of a task stays in it but its processes
  bool is_empty_ = false;         ///< after kill_all(), and nobody enters any more
};

/// A way into the groups that the next task will get, for a child that waits for it there. Its descriptors are its own: they do not come to
/// mean something else when the groups are gone.
struct ReservedCgroup {
  std::uint64_t number = 0;  ///< 0: there is none
  std::vector<UniqueFd> entries;
};

/// Memory and CPU limits by cgroup v2 where it is delegated to us, else by v1 where it is writable, else not at all: notes() says so.
/// The keeper itself stays in the group in which it was started.
///
/// Making, setting and removing a group costs the kernel more than many a task does, so those that limit only the CPU serve the next task
/// when the last one has left nothing behind. Memory stays charged to its group after its processes have gone (a file in /dev/shm does),
/// and the count of kills stays too: groups that limit memory serve one task.
class Cgroups {
 public:
  /// Below the groups in which this process runs; the name is the state directory's, and groups that an earlier keeper left are removed.
  static Cgroups find(const StateDir& state);

  [[nodiscard]] const std::vector<std::string>& notes() const { return notes_; }
  [[nodiscard]] bool limits_memory() const;
  [[nodiscard]] bool limits_cpu() const;

  /// The groups that `wanted` needs, made or taken from those that wait. What no hierarchy can limit is not limited.
  /// `for_ready_child`: those that are reserved, unless memory is to be limited; without it, never those.
  [[nodiscard]] Result<TaskCgroup> make(const Resources& wanted, bool for_ready_child = false);
  /// Keeps groups back for the ready child and its task: the same ones until make() has given them away.
  [[nodiscard]] ReservedCgroup reserve();
  /// Keeps them for another task or removes them; those still busy are tried again with every later call.
  void remove(TaskCgroup group);
  /// Removes our own groups; for the end of the keeper.
  void remove_all();

 private:
  void add(CgroupHierarchy::Version version, const std::string& parent, bool memory, bool cpu);
  void remove_leftovers();
  Result<TaskCgroup> take_spare(bool memory, bool cpu);
  Result<TaskCgroup> make_new(bool memory, bool cpu);
  /// Opens what `piece` needs and sets its limits.
  static Status set_up(TaskCgroup::Piece& piece, const Resources& wanted);

  std::string name_;
  std::vector<std::string> parents_;  ///< of hierarchies_, one each
  std::vector<CgroupHierarchy> hierarchies_;
  std::vector<TaskCgroup> spares_;  ///< empty ones, to be used again; the last one that was used comes first
  std::optional<TaskCgroup> reserved_;
  std::uint64_t next_group_ = 1;
  std::vector<std::string> leftovers_;
  std::vector<std::string> notes_;
};

}  // namespace stint::exec
