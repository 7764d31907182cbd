#pragma once

#include <cstdint>
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

  /// Files to which the child writes "0" to enter.
  [[nodiscard]] Result<std::vector<UniqueFd>> open_entries() const;
  /// Processes in it that the kernel killed at the memory limit.
  [[nodiscard]] std::uint64_t oom_kills() const;
  /// Kills whatever is in it, in whichever process group.
  void kill_all() const;

 private:
  friend class Cgroups;
  struct Piece {
    const CgroupHierarchy* hierarchy = nullptr;
    UniqueFd dir;
  };
  std::string name_;
  std::vector<Piece> pieces_;
};

/// Memory and CPU limits by cgroup v2 where it is delegated to us, else by v1 where it is writable, else not at all: notes() says so.
/// The keeper itself stays in the group in which it was started.
class Cgroups {
 public:
  /// Below the groups in which this process runs; the name is the state directory's, and groups that an earlier keeper left are removed.
  static Cgroups find(const StateDir& state);

  [[nodiscard]] const std::vector<std::string>& notes() const { return notes_; }
  [[nodiscard]] bool limits_memory() const;
  [[nodiscard]] bool limits_cpu() const;

  /// Makes the groups that `wanted` needs. What no hierarchy can limit is not limited.
  [[nodiscard]] Result<TaskCgroup> make(const AttemptRef& ref, const Resources& wanted);
  /// Removes them; those still busy are tried again with every later call.
  void remove(TaskCgroup group);
  /// Removes our own groups; for the end of the keeper.
  void remove_all();

 private:
  void add(CgroupHierarchy::Version version, const std::string& parent, bool memory, bool cpu);
  void remove_leftovers();

  std::string name_;
  std::vector<std::string> parents_;  ///< of hierarchies_, one each
  std::vector<CgroupHierarchy> hierarchies_;
  std::vector<std::string> leftovers_;
  std::vector<std::string> notes_;
};

}  // namespace stint::exec
