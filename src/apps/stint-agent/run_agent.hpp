#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "apps/stint-agent/cell_trust.hpp"
#include "base/log.hpp"
#include "base/task_words.hpp"

namespace stint {

inline constexpr std::int64_t kPrefetchPerCpu = 2;  ///< one that is next, and one more while that one's end is on its way
inline constexpr std::int64_t kPrefetchMax = 9999;

/// What `stint agent start` and `stint-agent` are told on their command lines.
struct AgentHostOptions {
  std::vector<std::string> servers;  ///< HOST[:PORT]; none: the key file's
  std::string key_file;              ///< written by `stint agent token`
  std::string state_dir;             ///< empty: STINT_STATE_DIR or $XDG_STATE_HOME/stint, then agents/NAME
  std::string name;                  ///< empty: the key file's
  std::optional<std::int64_t> cpu_millis;
  std::optional<std::int64_t> memory_bytes;
  std::optional<std::int64_t> gpus;
  std::optional<std::int64_t> storage_bytes;  ///< each, if not given: what the machine has
  std::optional<std::int64_t> cache_bytes;    ///< of files fetched for tasks; default 20 GiB
  std::vector<AgentType> types;               ///< none: all five
  std::vector<std::pair<std::string, std::string>> labels;
  std::vector<std::string> shared_paths;  ///< directories that other machines see under the same path
  std::uint32_t window = 0;               ///< attempts held at once; 0: the default
  std::optional<std::int64_t> prefetch;   ///< short tasks that may wait here for room; none: kPrefetchPerCpu for each CPU offered
  std::string keeper_binary;              ///< empty: stint-keeper beside this program, else in PATH
  CellTlsOptions tls;
  bool insecure_plaintext = false;  ///< addresses beyond loopback may be spoken to without TLS
  LogLevel log_level = LogLevel::info;
};

/// Runs an agent until it is told to go (SIGTERM, SIGINT). Returns the exit status: 0, or 125 after a line on stderr that says why.
int run_agent(const AgentHostOptions& options);

}  // namespace stint
