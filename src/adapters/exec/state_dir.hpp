#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "adapters/exec/fd.hpp"
#include "base/ids.hpp"
#include "base/result.hpp"

namespace stint::exec {

/// The files a keeper and its agents share, below the agent's state directory (0700):
///
///   keeper.lock   flock held by the keeper, and by its guard until every task of it is dead: free means that nothing runs
///   keeper.sock   0600; where the keeper listens
///   keeper.log    what it has to say
///   run/          JOB.GROUP.INDEX.ATTEMPT.report, made by the tasks themselves
///   spool/        output in segments
///
/// Sockets are reached through /proc/self/fd, so that a deep directory does not meet the 108 bytes of sockaddr_un.
class StateDir {
 public:
  /// Makes the directory, run/ and spool/ where they are missing.
  static Result<StateDir> open(const std::string& path);

  [[nodiscard]] const std::string& path() const { return path_; }  ///< absolute
  [[nodiscard]] int fd() const { return dir_.get(); }

  /// nullopt while somebody else holds it. Whoever inherits the descriptor holds it too.
  [[nodiscard]] Result<std::optional<UniqueFd>> try_lock() const;
  /// Replaces a stale socket; only the holder of the lock may call it. Non-blocking.
  [[nodiscard]] Result<UniqueFd> listen() const;
  /// False once somebody has removed the directory or what it holds: nobody finds the one who listens here any more.
  [[nodiscard]] bool is_there() const;
  /// Non-blocking. Error `unavailable`: nobody listens. `forbidden`: another user does.
  [[nodiscard]] Result<UniqueFd> connect() const;

  [[nodiscard]] Result<UniqueFd> open_dir(const char* name) const;

 private:
  std::string path_;
  UniqueFd dir_;
};

/// "12.0.3.1.report"
[[nodiscard]] std::string report_name(const AttemptRef& ref);
/// The attempt a name speaks of; nullopt if report_name() does not give such a name.
[[nodiscard]] std::optional<AttemptRef> parse_report_name(const char* name);

/// The user at the other end of a connected Unix socket.
[[nodiscard]] Result<uid_t> peer_user(int socket);

}  // namespace stint::exec
