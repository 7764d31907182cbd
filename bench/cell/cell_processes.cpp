#include "bench/cell/cell_processes.hpp"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <boost/json.hpp>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <thread>
#include <utility>

#include "adapters/exec/keeper_launch.hpp"
#include "adapters/exec/state_dir.hpp"
#include "adapters/exec/system.hpp"

extern char** environ;

namespace stint::bench {
namespace {

namespace json = boost::json;

constexpr int kAgentWaitTries = 600;
constexpr auto kKeeperEndTime = std::chrono::seconds(5);
constexpr auto kAgentWaitStep = std::chrono::milliseconds(50);

std::string agent_name(std::size_t number) { return "bench-" + std::to_string(number); }

void end_process(pid_t& pid, int signal) {
  if (pid <= 0) return;
  ::kill(pid, signal);
  ::waitpid(pid, nullptr, 0);
  pid = -1;
}

std::string own_program() { return std::filesystem::read_symlink("/proc/self/exe").string(); }

std::string read_line(int fd) {
  std::string line;
  for (char byte = 0; ::read(fd, &byte, 1) == 1 && byte != '\n';) line.push_back(byte);
  return line;
}

}  // namespace

Result<std::unique_ptr<CellProcesses>> CellProcesses::start(const Options& options) {
  STINT_TRY(auto folder, Folder::make());
  std::unique_ptr<CellProcesses> cell(new CellProcesses(std::move(folder)));
  std::ofstream(cell->folder_.path() / "stint.toml") << options.settings;
  STINT_TRY_VOID(cell->start_scheduler("127.0.0.1:0"));
  for (std::uint32_t i = 0; i < options.agents; ++i) STINT_TRY_VOID(cell->start_agent(options.cpus));
  STINT_TRY_VOID(cell->wait_for_agents(options.agents));
  return cell;
}

CellProcesses::~CellProcesses() {
  for (std::size_t i = 0; i < agents_.size(); ++i) {
    end_process(agents_[i], SIGTERM);  // leaves its keeper running, as agents do
    if (const auto state = exec::StateDir::open((folder_.path() / agent_name(i)).string()))
      static_cast<void>(exec::stop_keeper(*state, exec::now_boottime() + kKeeperEndTime));  // none may have come up
  }
  kill_scheduler();
}

void CellProcesses::kill_scheduler() { end_process(scheduler_, SIGKILL); }
void CellProcesses::stop_scheduler() { end_process(scheduler_, SIGTERM); }
Status CellProcesses::restart_scheduler() { return start_scheduler(server_); }

Result<pid_t> CellProcesses::spawn(const std::string& program, const std::vector<std::string>& arguments, int kept_fd) {
  std::vector<std::string> words{program};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (auto& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, 2, (folder_.path() / "log").c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  if (kept_fd >= 0) ::posix_spawn_file_actions_adddup2(&actions, kept_fd, kept_fd);
  pid_t pid = -1;
  const int error = ::posix_spawn(&pid, program.c_str(), &actions, nullptr, argv.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (error != 0) return fail(Errc::io, program + ": " + std::strerror(error));
  return pid;
}

Status CellProcesses::start_scheduler(const std::string& listen) {
  std::array<int, 2> ready{};
  if (::pipe2(ready.data(), 0) != 0) return fail(Errc::io, std::string("pipe: ") + std::strerror(errno));
  const std::string state = (folder_.path() / "scheduler").string();
  const auto config = folder_.path() / "stint.toml";
  auto pid = spawn(
      own_program(),
      {"scheduler", "start", "--config", config.string(), "--state-dir", state, "--listen", listen, "--ready-fd", std::to_string(ready[1])},
      ready[1]);
  ::close(ready[1]);
  if (!pid) return tl::unexpected<Error>(pid.error());
  scheduler_ = *pid;
  server_ = read_line(ready[0]);
  ::close(ready[0]);
  if (server_.empty()) return fail(Errc::io, "the scheduler did not start; see " + (folder_.path() / "log").string());
  std::ifstream file(state + "/context.json");
  const auto context = json::parse(std::string(std::istreambuf_iterator<char>(file), {}));
  const auto colon = server_.rfind(':');
  adapters::HttpEndpoint endpoint{server_.substr(0, colon), static_cast<std::uint16_t>(std::stoul(server_.substr(colon + 1))),
                                  std::string(context.as_object().at("token").as_string())};
  endpoint_ = endpoint;
  STINT_TRY(pins_, parse_pins(context.at("tls_pin").as_string()));
  client_ = std::make_unique<adapters::BeastHttpClient>([endpoint]() -> Result<adapters::HttpEndpoint> { return endpoint; });
  return {};
}

Result<std::string> CellProcesses::write_key_file(const std::string& name) {
  STINT_TRY(const auto answer,
            client_->call({"POST", "/v1/agents", {}, json::serialize(json::object{{"name", name}}), std::chrono::seconds(30)}));
  if (answer.status != 201) return fail(Errc::io, "POST /v1/agents: " + answer.body);
  auto key = json::parse(answer.body).as_object();
  key["agent"] = key.at("number");
  key["name"] = name;
  key["server"] = server_;
  std::string path = (folder_.path() / (name + ".key")).string();
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  const std::string text = json::serialize(key);
  const bool written = fd >= 0 && ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  if (fd >= 0) ::close(fd);
  if (!written) return fail(Errc::io, path + ": " + std::strerror(errno));
  return path;
}

Status CellProcesses::start_agent(std::uint32_t cpus) {
  const std::string name = agent_name(agents_.size());
  STINT_TRY(const auto key, write_key_file(name));
  STINT_TRY(
      const auto pid,
      spawn(own_program(),
            {"agent", "start", "--key-file", key, "--state-dir", (folder_.path() / name).string(), "--cpu", std::to_string(cpus)}, -1));
  agents_.push_back(pid);
  return {};
}

Result<pid_t> CellProcesses::start_program(const std::string& program, const std::string& server) {
  const std::string name = agent_name(agents_.size());
  STINT_TRY(const auto key, write_key_file(name));
  STINT_TRY(const auto pid, spawn(program, {"--key-file", key, "--state-dir", (folder_.path() / name).string(), "--server", server}, -1));
  agents_.push_back(pid);
  STINT_TRY_VOID(wait_for_agents(agents_.size()));
  return pid;
}

Status CellProcesses::wait_for_agents(std::size_t agents) {
  for (int tries = 0; tries < kAgentWaitTries; ++tries) {
    STINT_TRY(const auto answer, client_->call({"GET", "/v1/agents", {}, {}, std::chrono::seconds(30)}));
    std::size_t connected = 0;
    const auto list = json::parse(answer.body);
    for (const auto& agent : list.at("items").as_array())
      if (agent.at("state").as_string() == "connected") ++connected;
    if (connected >= agents) return {};
    std::this_thread::sleep_for(kAgentWaitStep);
  }
  return fail(Errc::unavailable, "the agents did not connect; see " + (folder_.path() / "log").string());
}

}  // namespace stint::bench
