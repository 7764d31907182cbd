#pragma once

#include <sys/types.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "adapters/http_client/beast_http_client.hpp"
#include "base/result.hpp"

namespace stint::bench {

/// A scheduler and agents of this very program as processes of their own, with their state in a new folder that goes with this object.
class CellProcesses {
 public:
  /// `cpus` is what each agent declares: how many noop tasks it may hold at once.
  [[nodiscard]] static Result<std::unique_ptr<CellProcesses>> start(std::uint32_t agents, std::uint32_t cpus);
  ~CellProcesses();
  CellProcesses(const CellProcesses&) = delete;
  CellProcesses& operator=(const CellProcesses&) = delete;

  [[nodiscard]] adapters::BeastHttpClient& api() { return *client_; }
  /// SIGKILL, and wait for its end.
  void kill_scheduler();
  [[nodiscard]] std::string database() const { return (folder_ / "scheduler" / "state.db").string(); }

 private:
  CellProcesses() = default;
  Status start_scheduler();
  Status start_agent(std::uint32_t number, std::uint32_t cpus);
  Status wait_for_agents(std::uint32_t agents);
  Result<pid_t> spawn(const std::vector<std::string>& arguments, int kept_fd);

  std::filesystem::path folder_;
  std::string server_;
  std::unique_ptr<adapters::BeastHttpClient> client_;
  pid_t scheduler_ = -1;
  std::vector<pid_t> agents_;
};

}  // namespace stint::bench
