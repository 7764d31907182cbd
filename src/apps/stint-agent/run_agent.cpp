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
#include "adapters/exec/standing.hpp"
#include "adapters/http_client/beast_http_client.hpp"
#include "adapters/staging/staged_driver.hpp"
#include "agent/agent.hpp"
#include "agent/noop_driver.hpp"
#include "apps/stint-agent/environment.hpp"
#include "apps/stint-agent/join_cell.hpp"
#include "base/bytes.hpp"
#include "base/result.hpp"
#include "client/attempt_blobs.hpp"
#include "net/tls.hpp"

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

Result<std::string> find_state_dir(const AgentHostOptions& options, const std::string& name) {
  if (!options.state_dir.empty()) return options.state_dir;
  STINT_TRY(const auto base, find_base_dir({}));
  return base + "/agents/" + name;
}

Result<std::string> find_keeper(const AgentHostOptions& options) {
  if (!options.keeper_binary.empty()) return options.keeper_binary;
  std::vector<std::string> places;
  std::error_code error;
  if (const auto self = std::filesystem::read_symlink("/proc/self/exe", error); !error) places.push_back(self.parent_path());
  const auto path = environment("PATH");
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
    const auto plaintext = options.insecure_plaintext ? agent_host::Insecure::allowed : agent_host::Insecure::refused;
    STINT_TRY(address.transport, agent_host::choose_transport(address, plaintext));
    addresses.push_back(std::move(address));
  }
  return addresses;
}

/// A file that TLS cannot use is told at once, not at the first dial.
Status try_tls(const std::vector<agent_host::Address>& servers, CellTrust& trust) {
  const auto is_tls = [](const agent_host::Address& address) { return address.transport == agent_host::Transport::tls; };
  if (std::none_of(servers.begin(), servers.end(), is_tls)) return {};
  STINT_TRY_VOID(trust.frames());
  STINT_TRY_VOID(trust.http());
  return {};
}

std::int64_t default_prefetch(const Resources& offered) {
  return std::clamp(kPrefetchPerCpu * offered.cpu_millis / 1000, kPrefetchPerCpu, kPrefetchMax);
}

agent::AgentConfig make_config(const AgentHostOptions& options, const agent_host::KeyFile& key, const std::string& state_dir) {
  agent::AgentConfig config;
  config.number = key.agent;
  config.keys = key.keys;
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
  info.prefetch = static_cast<std::uint32_t>(options.prefetch.value_or(default_prefetch(info.resources)));
  return config;
}

/// Where the scheduler was last found, and how it is spoken to there. The link's thread says, the workers that carry files ask.
class SchedulerPlace {
 public:
  SchedulerPlace(agent_host::Address address, CellTrust& trust) : address_(std::move(address)), trust_(trust) {}
  void set(const agent_host::Address& address) {
    const std::lock_guard lock(mutex_);
    address_ = address;
  }
  [[nodiscard]] Result<adapters::HttpEndpoint> endpoint(const std::string& token) const {
    const std::lock_guard lock(mutex_);
    const auto port = static_cast<std::uint16_t>(std::stoul(address_.port));  // parse_address saw to it
    adapters::HttpEndpoint endpoint{address_.host, port, token, nullptr};
    if (address_.transport == agent_host::Transport::tls) {
      STINT_TRY(endpoint.tls, trust_.http());
    }
    return endpoint;
  }

 private:
  mutable std::mutex mutex_;
  agent_host::Address address_;
  CellTrust& trust_;
};

/// The port that takes frames takes HTTP as well.
staging::StagedDriver::Connect make_connect(const SchedulerPlace& place) {
  using Patience = staging::StagedDriver::Patience;
  return [&place](std::string token, Patience patience, std::function<bool()> is_stopped) -> std::unique_ptr<ports::BlobClient> {
    auto resolve = [&place, token = std::move(token)]() -> Result<adapters::HttpEndpoint> { return place.endpoint(token); };
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
  STINT_TRY(const auto first_key, agent_host::read_key_file(options.key_file));
  STINT_TRY(const auto state_dir, find_state_dir(options, options.name.empty() ? first_key.name : options.name));
  STINT_TRY(const auto keeper, find_keeper(options));

  STINT_TRY(const auto lock, agent_host::StateLock::acquire(state_dir));
  agent_host::KeyFiles key_files{options.key_file, state_dir + "/keys.json"};
  STINT_TRY(const auto key, key_files.read());
  STINT_TRY(auto servers, find_servers(options, key));
  STINT_TRY(auto journal, agent_host::FileJournal::open(state_dir + "/journal", log));
  STINT_TRY(const auto exec, exec::ExecDriver::make({.state_dir = state_dir, .keeper_binary = keeper}, log));
  STINT_TRY(const auto trust, CellTrust::make(options.tls, key.tls_pins, &key_files));
  STINT_TRY_VOID(try_tls(servers, *trust));
  SchedulerPlace place{servers.front(), *trust};
  STINT_TRY(const auto staged, make_staging(options, state_dir, place, *exec, log));
  agent::NoopDriver noop;
  agent_host::KernelEntropy entropy;

  auto config = make_config(options, key, state_dir);
  config.key_store = trust.get();
  agent::Agent agent{std::move(config),
                     {{.name = "exec", .driver = staged.get(), .start_rule = agent::StartRule::after_persist},
                      {.name = "noop", .driver = &noop, .start_rule = agent::StartRule::at_once}},
                     journal,
                     entropy,
                     log};
  STINT_TRY_VOID(agent.recover(agent_host::read_now()));

  boost::asio::io_context io{1};
  agent_host::AgentLoop::Options link{.servers = std::move(servers),
                                      .driver_fds = {exec->event_fd(), staged->event_fd()},
                                      .on_connected = [&place](const agent_host::Address& address) { place.set(address); },
                                      .tls = [&trust] { return trust->frames(); }};
  auto second = link;
  second.driver_fds.clear();
  second.takes_signals = false;
  agent_host::AgentLoop* other = nullptr;
  link.after_turn = [&other] { other->look_soon(); };
  agent_host::AgentLoop loop{io, agent, std::move(link), log};
  second.after_turn = [&loop] { loop.look_soon(); };
  agent_host::AgentLoop second_loop{io, agent.second_line(), std::move(second), log};
  other = &second_loop;
  loop.start();
  second_loop.start();
  boost::asio::steady_timer settled{io, kSettleTime};
  settled.async_wait([](const auto&) { agent_host::forget_program_pages(); });
  io.run();
  return {};
}

}  // namespace

int run_agent(const AgentHostOptions& options) {
  exec::stand_back();
  agent_host::StderrLog log{options.log_level};
  const auto status = run(options, log);
  if (status) return EXIT_SUCCESS;
  std::fprintf(stderr, "stint-agent: %s\n", status.error().detail.c_str());
  return kOwnError;
}

}  // namespace stint
