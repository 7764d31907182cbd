#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "adapters/http_client/beast_http_client.hpp"
#include "base/pin.hpp"
#include "base/result.hpp"
#include "bench/cell/folder.hpp"

namespace stint::bench {

/// A scheduler and agents of this very program as processes of their own, with their state in a new folder that goes with this object.
class CellProcesses {
 public:
  struct Options {
    std::uint32_t agents = 0;
    std::uint32_t cpus = 1;       ///< what each agent declares: how many noop tasks it may hold at once
    std::string settings;         ///< the scheduler's stint.toml; empty: none
  };
  [[nodiscard]] static Result<std::unique_ptr<CellProcesses>> start(const Options& options);
  ~CellProcesses();
  CellProcesses(const CellProcesses&) = delete;
  CellProcesses& operator=(const CellProcesses&) = delete;

  [[nodiscard]] adapters::BeastHttpClient& api() { return *client_; }
  /// SIGKILL, and wait for its end.
  void kill_scheduler();
  /// SIGTERM, and wait for its end.
  void stop_scheduler();
  /// After its end: with the same state, on the same address. Returns when it takes connections.
  [[nodiscard]] Status restart_scheduler();
  [[nodiscard]] pid_t scheduler_pid() const { return scheduler_; }
  [[nodiscard]] const adapters::HttpEndpoint& endpoint() const { return endpoint_; }
  /// Of the scheduler's keys in TLS.
  [[nodiscard]] const std::vector<Pin>& pins() const { return pins_; }
  /// HOST:PORT of the scheduler.
  [[nodiscard]] const std::string& server() const { return server_; }
  /// One more agent, of another program: `PROGRAM --key-file … --state-dir … --server SERVER`. Returns its pid once it is connected.
  [[nodiscard]] Result<pid_t> start_program(const std::string& program, const std::string& server);
  [[nodiscard]] std::string database() const { return (folder_.path() / "scheduler" / "state.db").string(); }

 private:
  explicit CellProcesses(Folder folder) : folder_(std::move(folder)) {}
  Status start_scheduler(const std::string& listen);
  Status start_agent(std::uint32_t cpus);
  Result<std::string> write_key_file(const std::string& name);
  Status wait_for_agents(std::size_t agents);
  Result<pid_t> spawn(const std::string& program, const std::vector<std::string>& arguments, int kept_fd);

  Folder folder_;
  std::string server_;
  adapters::HttpEndpoint endpoint_;
  std::vector<Pin> pins_;
  std::unique_ptr<adapters::BeastHttpClient> client_;
  pid_t scheduler_ = -1;
  std::vector<pid_t> agents_;
};

}  // namespace stint::bench
