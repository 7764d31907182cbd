#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/scheduler.hpp"

namespace stint::scheduler {

/// People's work: who is known, what they have claimed and until when. A claim that is not answered in time is a lost attempt: the task
/// goes to the next who asks.
class WorkBook {
 public:
  explicit WorkBook(core::Scheduler& core) : core_(core) {}

  struct Claim {
    std::string person;  ///< name of the token
    std::vector<AgentType> types;  ///< empty: any
    std::optional<JobId> job;
    std::uint32_t limit = 1;
    Duration lease{0};
  };
  struct Claimed {
    AttemptRef ref;
    UnixMillis until{};
  };
  /// Errors:  already_exists  a machine has that name;  forbidden  the person was revoked;  out_of_range  kClaimsMax at once.
  [[nodiscard]] Result<std::vector<Claimed>> claim(const Claim& claim, Now now, core::Effects& effects);

  /// Errors:  not_found  the person never claimed this attempt;  conflict  the claim has run out, or the task has ended.
  [[nodiscard]] Status answer(const std::string& person, const AttemptRef& ref, std::string result, Now now, core::Effects& effects);
  /// Gives a claim back. Errors: as answer.
  [[nodiscard]] Status release(const std::string& person, const AttemptRef& ref, std::string why, Now now, core::Effects& effects);

  void on_timer(Now now, core::Effects& effects);
  [[nodiscard]] Instant next_deadline() const { return by_time_.empty() ? Instant::max() : by_time_.begin()->first; }
  /// After the core was loaded: claims from before keep what is left of their leases, but at least kClaimGrace, since nobody could answer
  /// while the scheduler was down.
  void restart(Now now);

 private:
  [[nodiscard]] Result<AgentNumber> ensure_person(const std::string& name, Now now, core::Effects& effects);
  [[nodiscard]] Result<core::AttemptRow> find_claim(const std::string& person, const AttemptRef& ref) const;
  void end(core::AttemptRow row, TaskStatus status, EndReason reason, std::string detail, std::string result, Now now,
           core::Effects& effects);
  void add_lease(const AttemptRef& ref, Instant until);
  void drop_lease(const AttemptRef& ref);

  core::Scheduler& core_;
  std::map<std::string, AgentNumber> people_;  ///< found by their names before
  std::map<AttemptRef, Instant> leases_;
  std::set<std::pair<Instant, AttemptRef>> by_time_;
};

}  // namespace stint::scheduler
