#pragma once

#include <string>

#include "apps/stint-agent/cell_trust.hpp"
#include "base/ids.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "base/time.hpp"

namespace stint {

/// What `stint agent join` and `stint-agent join` are told.
struct JoinOptions {
  std::string server;    ///< HOST[:PORT]
  std::string token;     ///< the word that `stint agent token` printed
  std::string name;      ///< wanted; empty: the token's, else this host's
  std::string key_file;  ///< written; empty: agent.json in the state directory
  std::string state_dir; ///< empty: STINT_STATE_DIR or $XDG_STATE_HOME/stint
  Duration timeout = std::chrono::minutes{5};  ///< how long a scheduler that cannot be reached is waited for
  CellTlsOptions tls;                          ///< the token says the pin, if this does not
  bool insecure_plaintext = false;             ///< an address beyond loopback may be spoken to without TLS
  LogLevel log_level = LogLevel::info;
};

struct Joined {
  std::string key_file;
  std::string server;
  std::string name;
  AgentNumber agent;
  bool was_there = false;  ///< this machine had joined with this token before: nothing was asked
};

/// Makes this machine's key, trades the token for its number and agent key, and writes the key file.
/// Errors:  the detail says the remedy. invalid_argument, forbidden  the command line;  already_exists  the key file is another agent's;
///          unavailable  no answer in time;  conflict, unauthenticated, unsupported  the scheduler refuses;  io, corrupt  files.
[[nodiscard]] Result<Joined> join_cell(const JoinOptions& options);

/// Where join_cell writes in a state directory if nothing else is said, and `stint agent start` looks.
[[nodiscard]] inline std::string joined_key_file(const std::string& state_dir) { return state_dir + "/agent.json"; }

}  // namespace stint
