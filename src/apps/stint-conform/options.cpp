#include "apps/stint-conform/options.hpp"

#include <getopt.h>

#include <algorithm>
#include <cstdlib>
#include <sstream>
#include <string_view>

#include "adapters/agent_host/address.hpp"
#include "adapters/agent_host/key_file.hpp"
#include "apps/stint-conform/case.hpp"
#include "apps/stint-conform/limits.hpp"

namespace stint::conform {

const char* const kUsage =
    "usage: stint-conform scheduler --server HOST:PORT --key-file FILE [options] [ID …]\n"
    "       stint-conform agent --start COMMAND [options] [ID …]\n"
    "\n"
    "Tries an implementation of the Stint protocol from outside, case by case, against docs/protocol.md: plays an agent against a "
    "scheduler, or\n"
    "a scheduler against agents that it starts. ID chooses cases by the beginning of their number: S2 or S2.07; without one all are run.\n"
    "\n"
    "scheduler:\n"
    "  --server HOST:PORT    where it listens; with https:// before it all is said in TLS\n"
    "  --tls-only HOST:PORT  the same implementation at an address where it must speak TLS; nothing is changed there\n"
    "  --key-file FILE       an agent of that scheduler, used by nobody else meanwhile, as `stint agent token` writes it; given again, as "
    "many\n"
    "                        cases run at the same time\n"
    "  --submit COMMAND      makes the scheduler hand out one exec task without files or timeout, and prints the job's number; no other "
    "agent\n"
    "                        may take it. Without it cases that need work are skipped\n"
    "  --cancel COMMAND      cancels job {job}\n"
    "  --token COMMAND       prints an enrolment token that is good for {ttl} seconds\n"
    "  --revoke-token COMMAND  takes back token {token} (16 hexadecimal digits)\n"
    "  --revoke COMMAND      revokes the agent named {agent}\n"
    "  --rotate COMMAND      installs the next key epoch; the older one is accepted for {grace} seconds\n"
    "  --retire COMMAND      retires key epoch {key_epoch} before its grace is over\n"
    "  --remove COMMAND      removes key epoch {key_epoch} at once. Cases that need a command which is not given are skipped. Those that\n"
    "                        rotate come last, one by one; the key files are worth nothing afterwards\n"
    "  A short heartbeat interval (1 s to 3 s) lets leases be tried; with a longer one those cases are skipped.\n"
    "\n"
    "agent:\n"
    "  --start COMMAND       starts an agent in the foreground; {server} is where its scheduler listens, {key_file} who it is, {state_dir} "
    "a\n"
    "                        directory for what it keeps. Every case starts one. {server} has https:// before it where TLS is to be\n"
    "                        spoken, and {pins}, also in the key file as `tls_pins`, are the keys that are to be believed\n"
    "  --join COMMAND        makes this machine an agent of the scheduler at {server} with the token {token}, writes {key_file}, and ends\n"
    "  --driver NAME         of the tasks it is given (default: exec)\n"
    "  --task KIND=COMMAND   what such a task runs, words parted by spaces. Kinds: ok (ends well at once), fail (exit status 3), signal "
    "(killed by\n"
    "                        a signal), missing (cannot be started), long (20 s), stubborn (20 s, ignores SIGTERM), print (300,000 bytes "
    "of `x` to stdout),\n"
    "                        both (`out` to stdout, `err` to stderr), report (progress every 0.1 s for 3 s). exec has all by itself;\n"
    "                        cases of kinds that are missing are skipped\n"
    "  --jobs N              cases at the same time (default: 4)\n"
    "\n"
    "both:\n"
    "  --without FEATURE     it has no enrolment, rekey, tls or websocket: those cases are skipped; may be given again\n"
    "  --json                the report as JSON (schema stint.conform/1)\n"
    "  --list                cases, and the sentences they test; nothing is run\n"
    "  --version\n"
    "  --help\n"
    "\n"
    "Examples:\n"
    "  stint agent token --name c1 --key-file c1.json\n"
    "  stint-conform scheduler --server 127.0.0.1:7464 --key-file c1.json --submit 'stint run -d -- true' --cancel 'stint cancel {job}'\n"
    "  stint-conform agent --start 'stint-agent --key-file {key_file} --state-dir {state_dir}'\n"
    "  stint-conform agent --start 'my-agent {server} {key_file}' --driver mine --task ok='run it' A1 A2\n"
    "\n"
    "Exit status: 0 all pass, 1 failures, 2 wrong command line, 77 nothing but skipped.\n";

namespace {

enum Option : int {
  kServer = 1,
  kKeyFile,
  kTlsOnly,
  kSubmit,
  kCancel,
  kToken,
  kRevokeToken,
  kRevoke,
  kRotate,
  kRetire,
  kRemove,
  kStart,
  kJoin,
  kDriver,
  kTask,
  kJobs,
  kWithout,
  kJson,
  kList,
  kVersion,
  kHelp
};

constexpr option kOptions[] = {{"server", required_argument, nullptr, kServer},
                               {"key-file", required_argument, nullptr, kKeyFile},
                               {"tls-only", required_argument, nullptr, kTlsOnly},
                               {"submit", required_argument, nullptr, kSubmit},
                               {"cancel", required_argument, nullptr, kCancel},
                               {"token", required_argument, nullptr, kToken},
                               {"revoke-token", required_argument, nullptr, kRevokeToken},
                               {"revoke", required_argument, nullptr, kRevoke},
                               {"rotate", required_argument, nullptr, kRotate},
                               {"retire", required_argument, nullptr, kRetire},
                               {"remove", required_argument, nullptr, kRemove},
                               {"start", required_argument, nullptr, kStart},
                               {"join", required_argument, nullptr, kJoin},
                               {"driver", required_argument, nullptr, kDriver},
                               {"task", required_argument, nullptr, kTask},
                               {"jobs", required_argument, nullptr, kJobs},
                               {"without", required_argument, nullptr, kWithout},
                               {"json", no_argument, nullptr, kJson},
                               {"list", no_argument, nullptr, kList},
                               {"version", no_argument, nullptr, kVersion},
                               {"help", no_argument, nullptr, kHelp},
                               {nullptr, 0, nullptr, 0}};

const std::map<std::string, std::vector<std::string>> kExecCommands{
    {"ok", {"/bin/true"}},
    {"fail", {"/bin/sh", "-c", "exit 3"}},
    {"signal", {"/bin/sh", "-c", "kill -15 $$"}},
    {"missing", {"/nonexistent/stint-conform"}},
    {"long", {"/bin/sleep", "20"}},
    {"stubborn", {"/bin/sh", "-c", "trap '' TERM; i=0; while [ $i -lt 200 ]; do sleep 0.1; i=$((i+1)); done"}},
    {"print", {"/bin/sh", "-c", "head -c 300000 /dev/zero | tr '\\0' x"}},
    {"both", {"/bin/sh", "-c", "printf out; printf err >&2"}},
    {"report",
     {"/bin/sh", "-c",
      "i=0; while [ $i -lt 30 ]; do i=$((i+1)); echo \"{\\\"progress\\\":0.5,\\\"step\\\":$i}\" >> \"$STINT_REPORT\"; sleep 0.1; done"}},
};

Status set_server(Command& command, const char* value) {
  STINT_TRY(const auto address, agent_host::parse_address(value));
  command.scheduler.host = address.host;
  command.scheduler.port = address.port;
  command.scheduler.is_tls = address.transport == agent_host::Transport::tls;
  return {};
}

Status set_tls_only(Command& command, const char* value) {
  STINT_TRY(const auto address, agent_host::parse_address(value));
  command.scheduler.tls_only_host = address.host;
  command.scheduler.tls_only_port = address.port;
  return {};
}

Status add_without(Command& command, const char* value) {
  if (std::find(kFeatures.begin(), kFeatures.end(), value) == kFeatures.end())
    return fail(Errc::invalid_argument, "--without '" + std::string{value} + "': known are enrolment, rekey, tls, websocket");
  command.agent.without.insert(value);
  command.scheduler.without.insert(value);
  return {};
}

Status add_key_file(Command& command, const char* value) {
  STINT_TRY(const auto file, agent_host::read_key_file(value));
  const ports::HeldKey& key = file.keys.front();
  command.scheduler.agents.push_back({file.agent.value, key.epoch.value, key.key, file.name});
  return {};
}

Status add_task(Command& command, const char* value) {
  const std::string_view text{value};
  const auto equals = text.find('=');
  if (equals == std::string_view::npos || equals == 0)
    return fail(Errc::invalid_argument, "--task '" + std::string{text} + "': expected KIND=COMMAND");
  std::istringstream words{std::string{text.substr(equals + 1)}};
  std::vector<std::string> arguments;
  for (std::string word; words >> word;) arguments.push_back(word);
  command.agent.commands[std::string{text.substr(0, equals)}] = std::move(arguments);
  return {};
}

Status set_jobs(Command& command, const char* value) {
  command.jobs = std::atoi(value);
  if (command.jobs >= 1 && command.jobs <= limits::kJobsMax) return {};
  return fail(Errc::invalid_argument, "--jobs '" + std::string{value} + "': expected 1 to " + std::to_string(limits::kJobsMax));
}

Status apply(int code, const char* value, Command& command) {
  switch (static_cast<Option>(code)) {
    case kServer: return set_server(command, value);
    case kKeyFile: return add_key_file(command, value);
    case kTlsOnly: return set_tls_only(command, value);
    case kToken: command.scheduler.token = value; return {};
    case kRevokeToken: command.scheduler.revoke_token = value; return {};
    case kRevoke: command.scheduler.revoke = value; return {};
    case kRotate: command.scheduler.rotate = value; return {};
    case kRetire: command.scheduler.retire = value; return {};
    case kRemove: command.scheduler.remove = value; return {};
    case kJoin: command.agent.join = value; return {};
    case kWithout: return add_without(command, value);
    case kSubmit: command.scheduler.submit = value; return {};
    case kCancel: command.scheduler.cancel = value; return {};
    case kStart: command.agent.start = value; return {};
    case kDriver: command.agent.driver = value; return {};
    case kTask: return add_task(command, value);
    case kJobs: return set_jobs(command, value);
    case kJson: command.is_json = true; return {};
    case kList: command.is_list = true; return {};
    case kVersion: command.kind = Command::Kind::version; return {};
    case kHelp: command.kind = Command::Kind::help; return {};
  }
  return fail(Errc::invalid_argument, "unknown option or missing value; see --help");  // getopt has named it on stderr
}

Status check_complete(const Command& command) {
  if (command.is_list) return {};
  if (command.kind == Command::Kind::agent)
    return command.agent.start.empty() ? Status{fail(Errc::invalid_argument, "--start is missing; see --help")} : Status{};
  if (command.scheduler.host.empty()) return fail(Errc::invalid_argument, "--server is missing; see --help");
  if (command.scheduler.agents.empty()) return fail(Errc::invalid_argument, "--key-file is missing; `stint agent token` writes one");
  return {};
}

}  // namespace

Result<Command> parse_command_line(int argc, char** argv) {
  Command command;
  const std::string_view word = argc > 1 ? argv[1] : "";
  if (word == "--help" || word == "--version") {
    command.kind = word == "--help" ? Command::Kind::help : Command::Kind::version;
    return command;
  }
  if (word != "scheduler" && word != "agent") return fail(Errc::invalid_argument, "expected `scheduler` or `agent`; see --help");
  const auto kind = word == "scheduler" ? Command::Kind::scheduler : Command::Kind::agent;
  command.kind = kind;
  for (int code = 0; (code = getopt_long(argc - 1, argv + 1, "", kOptions, nullptr)) != -1;) {  // NOLINT(concurrency-mt-unsafe)
    STINT_TRY_VOID(apply(code, optarg, command));
    if (command.kind != kind) return command;
  }
  for (int at = optind + 1; at < argc; ++at) command.chosen.emplace_back(argv[at]);
  if (command.agent.driver == "exec")
    for (const auto& [name, arguments] : kExecCommands) command.agent.commands.emplace(name, arguments);
  STINT_TRY_VOID(check_complete(command));
  return command;
}

}  // namespace stint::conform
