#include "apps/stint/dev_cell.hpp"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <set>

#include "adapters/agent_host/system.hpp"
#include "adapters/exec/keeper_launch.hpp"
#include "apps/stint/agent_key.hpp"
#include "apps/stint/connection.hpp"
#include "apps/stint/files.hpp"
#include "apps/stint/follow.hpp"
#include "apps/stint/interrupts.hpp"
#include "apps/stint/report.hpp"
#include "client/context.hpp"

namespace stint::cli {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr Duration kStartTimeout = 60s;
constexpr Duration kAgentStopTimeout = 5s;
constexpr Duration kKeeperStopTimeout = 20s;
constexpr Duration kSchedulerStopTimeout = 10s;
constexpr std::size_t kAgentsShown = 1000;

bool wants_to_stop() { return wants_to_leave() || interrupts_seen() > 0; }

tl::unexpected<Error> did_not_start(const DevChild& child) {
  const auto log = read_file(child.log_path());
  std::string last = log ? *log : "";
  last.erase(last.find_last_not_of('\n') + 1);
  last.erase(0, last.rfind('\n') + 1);
  return fail(Errc::io, child.name() + " did not start (" + (child.is_running() ? "no sign of life" : child.last_end()) + "): " + last +
                            "; its log is " + child.log_path());
}

/// True when the other end has written something; false when it was closed or time is over.
bool wait_for_byte(int fd, Instant deadline) {
  while (now() < deadline && !wants_to_stop()) {
    pollfd wait{fd, POLLIN, 0};
    if (::poll(&wait, 1, 100) <= 0) continue;
    char byte = 0;
    return ::read(fd, &byte, 1) == 1;
  }
  return false;
}

/// Signals are let in only while this waits, so that none is missed between a look and the wait.
void wait_for_signal(std::optional<Instant> until, const sigset_t& open) {
  timespec timeout{};
  if (until) {
    const auto left = std::max(Duration::zero(), *until - now());
    timeout.tv_sec = static_cast<time_t>(left / 1s);
    timeout.tv_nsec = static_cast<long>((left % 1s).count());
  }
  ::ppoll(nullptr, 0, until ? &timeout : nullptr, &open);
}

extern "C" void on_child(int) {}

}  // namespace

Resources share_of(const Resources& machine, std::size_t count, std::size_t number) {
  if (count <= 1) return machine;
  const auto parts = static_cast<std::int64_t>(count);
  Resources share = machine;
  share.cpu_millis = std::max<std::int64_t>(1000, machine.cpu_millis / parts);
  share.memory_bytes = machine.memory_bytes / parts;
  share.storage_bytes = machine.storage_bytes / parts;
  if (number > 1) share.gpus = 0;
  return share;
}

static Status stop_keeper_of(const std::string& agent_dir, Instant deadline = exec::now_boottime() + kKeeperStopTimeout) {
  STINT_TRY(const auto agent, exec::StateDir::open(agent_dir));
  return exec::stop_keeper(agent, deadline);
}

Status stop_keepers(const DevState& state) {
  Status outcome;
  const Instant deadline = exec::now_boottime() + kKeeperStopTimeout;
  for (const std::string& dir : state.find_agent_dirs())
    if (const Status stopped = stop_keeper_of(dir, deadline); !stopped) outcome = stopped;
  return outcome;
}

Status DevCell::start_scheduler() {
  STINT_TRY_VOID(make_private_dir(state_.scheduler_dir()));
  int ready[2];
  if (::pipe2(ready, O_CLOEXEC) != 0) return fail(Errc::io, "pipe2 failed");
  std::vector<std::string> arguments{own_executable(),       "scheduler", "start",         "--no-config", "--state-dir",
                                     state_.scheduler_dir(), "--listen",  options_.listen, "--ready-fd",  std::to_string(ready[1])};
  DevChild& scheduler = children_.emplace_back("the scheduler", std::move(arguments), state_.scheduler_dir() + "/scheduler.log");
  Status started = scheduler.start(ready[1]);
  ::close(ready[1]);
  const bool is_ready = started && wait_for_byte(ready[0], now() + kStartTimeout);
  ::close(ready[0]);
  if (!started) return started;
  if (is_ready) return state_.link_context();
  const Instant reaped_by = now() + 1s;
  while (scheduler.is_running() && !scheduler.reap() && now() < reaped_by) ::poll(nullptr, 0, 10);
  return did_not_start(scheduler);
}

/// From now on it comes back where everybody looks for it.
void DevCell::pin_address() {
  const std::string listen = options_.listen.substr(0, options_.listen.rfind(':')) + address_.substr(address_.rfind(':'));
  children_.front().set_arguments(
      {own_executable(), "scheduler", "start", "--no-config", "--state-dir", state_.scheduler_dir(), "--listen", listen, "--fixed-port"});
}

Result<std::string> DevCell::ensure_key(client::Api& api, std::size_t number) {
  STINT_TRY_VOID(make_private_dir(state_.agent_dir(number)));
  const std::string path = state_.key_file(number);
  if (const auto text = read_file(path)) {
    const auto name = find_json_string(*text, "name");
    if (name) return *name;
  }
  std::string name = "local-" + std::to_string(number);
  auto key = register_agent(api, name);
  // Its key file was lost: the name belongs to an agent that will not come back.
  if (!key && key.error().code == Errc::already_exists) key = register_agent(api, name + "-" + random_hex(3));
  if (!key) return tl::unexpected<Error>(key.error());
  STINT_TRY_VOID(write_key_file(path, *key));
  return key->name;
}

Status DevCell::start_agent(client::Api& api, std::size_t number, const Resources& machine) {
  STINT_TRY(const std::string name, ensure_key(api, number));
  agent_names_.push_back(name);
  std::vector<std::string> arguments{
      own_executable(), "agent",  "start",      "--key-file", state_.key_file(number), "--state-dir", state_.agent_dir(number),
      "--server",       address_, "--cell-pin", pins_};
  if (options_.agents > 1) {
    const Resources share = share_of(machine, options_.agents, number);
    for (const auto& [option, amount] :
         {std::pair("--cpu", std::to_string(share.cpu_millis) + "m"), std::pair("--memory", std::to_string(share.memory_bytes)),
          std::pair("--storage", std::to_string(share.storage_bytes)), std::pair("--gpu", std::to_string(share.gpus))}) {
      arguments.emplace_back(option);
      arguments.push_back(amount);
    }
  }
  return children_.emplace_back("agent " + name, std::move(arguments), state_.agent_dir(number) + "/agent.log").start();
}

/// One that an earlier start had and this one has not: nobody shall wait for it. What it ran is tried again elsewhere.
Status DevCell::retire_agent(client::Api& api, std::size_t number) {
  STINT_TRY_VOID(stop_keeper_of(state_.agent_dir(number)));
  if (const auto key = read_file(state_.key_file(number))) {
    const auto name = find_json_string(*key, "name");
    const auto revoked = name ? api.post("/v1/agents/" + client::encode_segment(*name) + "/revoke", "{}", client::Api::Repeat::always)
                              : Result<std::string>("");
    if (!revoked && revoked.error().code != Errc::not_found) return tl::unexpected<Error>(revoked.error());
  }
  std::error_code failed;
  fs::remove_all(state_.agent_dir(number), failed);
  if (failed) return fail(Errc::io, state_.agent_dir(number) + ": " + failed.message());
  return {};
}

Status DevCell::wait_connected(client::Api& api) {
  const Instant deadline = now() + kStartTimeout;
  while (true) {
    STINT_TRY(const client::Page page, api.list("/v1/agents", {}, kAgentsShown));
    std::set<std::string> connected;
    for (const std::string& item : page.items) {
      STINT_TRY(const client::AgentView agent, client::parse_agent_view(item));
      if (agent.state == "connected") connected.insert(agent.name);
    }
    const auto is_connected = [&](const std::string& name) { return connected.contains(name); };
    if (std::all_of(agent_names_.begin(), agent_names_.end(), is_connected)) return {};
    for (DevChild& child : children_)
      if (child.reap()) return did_not_start(child);
    if (wants_to_stop()) return fail(Errc::unavailable, "interrupted");
    if (now() >= deadline) return did_not_start(children_.back());
    ::poll(nullptr, 0, 20);
  }
}

Status DevCell::start() {
  STINT_TRY_VOID(start_scheduler());
  CommonOptions here;
  here.state_dir = state_.dir();
  STINT_TRY(const std::string context_text, read_file(state_.dir() + "/context.json"));
  STINT_TRY(const client::Context context, client::parse_context(context_text));
  STINT_TRY(const client::ServerAddress address, client::parse_server(context.server));
  address_ = to_url(address);
  address_.erase(0, address_.find("://") + 3);
  pins_ = to_text(context.tls_pins);
  here.server = context.server;  // not the user's environment: this scheduler
  pin_address();
  Connection connection(here, Patience::short_);
  const Resources machine = agent_host::detect_resources(state_.dir());
  for (const std::size_t number : state_.find_agents_beyond(options_.agents)) STINT_TRY_VOID(retire_agent(connection.api(), number));
  for (std::size_t number = 1; number <= options_.agents; ++number) STINT_TRY_VOID(start_agent(connection.api(), number, machine));
  return wait_connected(connection.api());
}

void DevCell::supervise() {
  struct sigaction action{};
  action.sa_handler = on_child;
  ::sigaction(SIGCHLD, &action, nullptr);
  sigset_t watched, open;
  sigemptyset(&watched);
  for (const int signal : {SIGCHLD, SIGINT, SIGTERM, SIGHUP, SIGQUIT}) sigaddset(&watched, signal);
  ::sigprocmask(SIG_BLOCK, &watched, &open);
  while (!wants_to_stop()) {
    std::optional<Instant> next;
    for (DevChild& child : children_) {
      if (child.reap()) notice(child.name() + " died (" + child.last_end() + "); starting it again; its log is " + child.log_path());
      child.restart_if_due();
      if (child.restart_at() && (!next || *child.restart_at() < *next)) next = child.restart_at();
    }
    wait_for_signal(next, open);
  }
  ::sigprocmask(SIG_SETMASK, &open, nullptr);
}

void DevCell::stop() {
  // Agents first: an agent whose keeper ends would start another.
  const Instant agents_by = now() + kAgentStopTimeout;
  for (std::size_t i = 1; i < children_.size(); ++i) children_[i].stop(agents_by);
  if (const Status stopped = stop_keepers(state_); !stopped) notice(stopped.error().detail);
  if (!children_.empty()) children_.front().stop(now() + kSchedulerStopTimeout);
  state_.clean_up();
}

}  // namespace stint::cli
