#include "apps/stint-agent/run_agent.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string_view>

#include "adapters/agent_host/address.hpp"
#include "adapters/agent_host/agent_loop.hpp"
#include "adapters/agent_host/file_journal.hpp"
#include "adapters/agent_host/key_file.hpp"
#include "adapters/agent_host/state_lock.hpp"
#include "adapters/agent_host/stderr_log.hpp"
#include "adapters/agent_host/system.hpp"
#include "adapters/exec/exec_driver.hpp"
#include "adapters/http_client/beast_http_client.hpp"
#include "adapters/staging/staged_driver.hpp"
#include "agent/agent.hpp"
#include "agent/noop_driver.hpp"
#include "base/bytes.hpp"
#include "base/result.hpp"
#include "client/attempt_blobs.hpp"

extern char** environ;  // NOLINT(readability-redundant-declaration): POSIX leaves the declaration to us

namespace stint {
namespace {

constexpr auto kSettleTime = std::chrono::seconds{5};  ///< by then the start is over
constexpr int kOwnError = 125;
constexpr Duration kEndlessPatience = std::chrono::hours{24 * 365};
constexpr Duration kBriefPatience = std::chrono::seconds{5};

/// Of the agent's own environment a task gets what makes programs run, not what belongs to the agent's session or its secrets.
agent::Environment make_base_environment() {
  static constexpr std::array<std::string_view, 10> kNames{"PATH", "HOME",     "USER", "LOGNAME", "SHELL",
                                                           "LANG", "LANGUAGE", "TZ",   "TMPDIR",  "LD_LIBRARY_PATH"};
  agent::Environment kept;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text{*entry};
    const auto equals = text.find('=');
    if (equals == std::string_view::npos) continue;
    const auto name = text.substr(0, equals);
    const bool is_wanted = name.starts_with("LC_") || std::find(kNames.begin(), kNames.end(), name) != kNames.end();
    if (is_wanted) kept.emplace_back(name, text.substr(equals + 1));
  }
  return kept;
}

std::string read_environment(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): one thread, before anything else runs
  return value == nullptr ? std::string{} : std::string{value};
}

Result<std::string> find_state_dir(const AgentHostOptions& options, const std::string& name) {
  if (!options.state_dir.empty()) return options.state_dir;
  auto base = read_environment("STINT_STATE_DIR");
  if (const auto xdg = read_environment("XDG_STATE_HOME"); base.empty() && !xdg.empty()) base = xdg + "/stint";
  if (const auto home = read_environment("HOME"); base.empty() && !home.empty()) base = home + "/.local/state/stint";
  if (base.empty()) return fail(Errc::invalid_argument, "no state directory: give --state-dir, or set STINT_STATE_DIR or HOME");
  return base + "/agents/" + name;
}

Result<std::string> find_keeper(const AgentHostOptions& options) {
  if (!options.keeper_binary.empty()) return options.keeper_binary;
  std::vector<std::string> places;
  std::error_code error;
  if (const auto self = std::filesystem::read_symlink("/proc/self/exe", error); !error) places.push_back(self.parent_path());
  const auto path = read_environment("PATH");
  for (std::size_t at = 0; at < path.size();) {
    const auto end = std::min(path.find(':', at), path.size());
    places.push_back(path.substr(at, end - at));
    at = end + 1;
  }
  for (const auto& place : places)
    if (auto candidate = place + "/stint-keeper"; access(candidate.c_str(), X_OK) == 0) return candidate;
  return fail(Errc::not_found,
              "stint-keeper is neither beside this program nor in PATH; it runs the tasks and is installed together with stint-agent");
}

Result<std::vector<agent_host::Address>> find_servers(const AgentHostOptions& options, const agent_host::KeyFile& key) {
  auto texts = options.servers;
  if (texts.empty() && !key.server.empty()) texts.push_back(key.server);
  if (texts.empty()) return fail(Errc::invalid_argument, "no server: give --server HOST:PORT, or name it as \"server\" in the key file");
  std::vector<agent_host::Address> addresses;
  for (const auto& text : texts) {
    STINT_TRY(auto address, agent_host::parse_address(text));
    if (!agent_host::is_loopback(address) && !options.insecure_plaintext)
      return fail(Errc::forbidden,
                  "server " + address.text() +
                      " is not on this machine, and this version speaks plain TCP: everybody on the way could read "
                      "commands and output (not change them: frames are signed). Use a tunnel, or accept it with --insecure-plaintext");
    addresses.push_back(std::move(address));
  }
  return addresses;
}

agent::AgentConfig make_config(const AgentHostOptions& options, const agent_host::KeyFile& key, const std::string& state_dir) {
  agent::AgentConfig config;
  config.number = key.agent;
  config.key_epoch = key.key_epoch;
  config.key = key.key;
  config.base_env = make_base_environment();
  auto& info = config.info;
  info.name = options.name.empty() ? key.name : options.name;
  info.version = STINT_VERSION;
  info.types = options.types;
  info.labels = options.labels;
  info.shared_paths = options.shared_paths;
  info.drivers = {"exec", "noop"};
  info.boot_id = agent_host::read_boot_id();
  info.host = agent_host::read_host_name();
  info.window = options.window;
  info.resources = agent_host::detect_resources(state_dir);
  info.resources.cpu_millis = options.cpu_millis.value_or(info.resources.cpu_millis);
  info.resources.memory_bytes = options.memory_bytes.value_or(info.resources.memory_bytes);
  info.resources.gpus = options.gpus.value_or(info.resources.gpus);
  info.resources.storage_bytes = options.storage_bytes.value_or(info.resources.storage_bytes);
  return config;
}

/// Where the scheduler was last found. The link's thread says, the workers that carry files ask.
class SchedulerPlace {
 public:
  explicit SchedulerPlace(agent_host::Address address) : address_(std::move(address)) {}
  void set(const agent_host::Address& address) {
    const std::lock_guard lock(mutex_);
    address_ = address;
  }
  [[nodiscard]] agent_host::Address get() const {
    const std::lock_guard lock(mutex_);
    return address_;
  }

 private:
  mutable std::mutex mutex_;
  agent_host::Address address_;
};

/// The port that takes frames takes HTTP as well.
staging::StagedDriver::Connect make_connect(const SchedulerPlace& place) {
  using Patience = staging::StagedDriver::Patience;
  return [&place](std::string token, Patience patience, std::function<bool()> is_stopped) -> std::unique_ptr<ports::BlobClient> {
    auto resolve = [&place, token = std::move(token)]() -> Result<adapters::HttpEndpoint> {
      const auto address = place.get();
      const auto port = static_cast<std::uint16_t>(std::stoul(address.port));  // parse_address saw to it
      return adapters::HttpEndpoint{address.host, port, token};
    };
    client::BlobTransfer::Options options;
    options.patience = patience == Patience::endless ? kEndlessPatience : kBriefPatience;
    std::array<std::uint8_t, 8> seed{};
    agent_host::KernelEntropy{}.fill(seed);
    options.seed = load_le<std::uint64_t>(seed.data());
    auto http = std::make_unique<adapters::BeastHttpClient>(std::move(resolve), std::move(is_stopped));
    return std::make_unique<client::AttemptBlobs>(std::move(http), std::move(options));
  };
}

Result<std::unique_ptr<staging::StagedDriver>> make_staging(const AgentHostOptions& options, const std::string& state_dir,
                                                            const SchedulerPlace& place, ports::Driver& inner, Log& log) {
  staging::StagedDriverOptions staged;
  staged.state_dir = std::filesystem::absolute(state_dir).lexically_normal().string();
  if (options.cache_bytes) staged.cache_bytes = static_cast<std::uint64_t>(*options.cache_bytes);
  return staging::StagedDriver::make(inner, make_connect(place), std::move(staged), log);
}

Status run(const AgentHostOptions& options, Log& log) {
  STINT_TRY(const auto key, agent_host::read_key_file(options.key_file));
  STINT_TRY(auto servers, find_servers(options, key));
  STINT_TRY(const auto state_dir, find_state_dir(options, options.name.empty() ? key.name : options.name));
  STINT_TRY(const auto keeper, find_keeper(options));

  STINT_TRY(const auto lock, agent_host::StateLock::acquire(state_dir));
  STINT_TRY(auto journal, agent_host::FileJournal::open(state_dir + "/journal", log));
  STINT_TRY(const auto exec, exec::ExecDriver::make({.state_dir = state_dir, .keeper_binary = keeper}, log));
  SchedulerPlace place{servers.front()};
  STINT_TRY(const auto staged, make_staging(options, state_dir, place, *exec, log));
  agent::NoopDriver noop;
  agent_host::KernelEntropy entropy;

  agent::Agent agent{make_config(options, key, state_dir),
                     {{.name = "exec", .driver = staged.get(), .start_rule = agent::StartRule::after_persist},
                      {.name = "noop", .driver = &noop, .start_rule = agent::StartRule::at_once}},
                     journal,
                     entropy,
                     log};
  STINT_TRY_VOID(agent.recover(agent_host::read_now()));

  boost::asio::io_context io{1};
  agent_host::AgentLoop::Options link{.servers = std::move(servers),
                                      .driver_fds = {exec->event_fd(), staged->event_fd()},
                                      .on_connected = [&place](const agent_host::Address& address) { place.set(address); }};
  agent_host::AgentLoop loop{io, agent, std::move(link), log};
  loop.start();
  boost::asio::steady_timer settled{io, kSettleTime};
  settled.async_wait([](const auto&) { agent_host::forget_program_pages(); });
  io.run();
  return {};
}

}  // namespace

int run_agent(const AgentHostOptions& options) {
  agent_host::StderrLog log{options.log_level};
  const auto status = run(options, log);
  if (status) return EXIT_SUCCESS;
  std::fprintf(stderr, "stint-agent: %s\n", status.error().detail.c_str());
  return kOwnError;
}

}  // namespace stint
