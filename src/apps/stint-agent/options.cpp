#include "apps/stint-agent/options.hpp"

#include <getopt.h>

#include <string>
#include <string_view>

#include "core/model/quantity.hpp"

namespace stint {

const char* const kAgentUsage =
    "usage: stint-agent --key-file FILE [options]\n"
    "       stint-agent join HOST[:PORT] TOKEN [--name NAME] [--key-file FILE] [--timeout TIME] [--insecure-plaintext]\n"
    "\n"
    "Takes tasks from a Stint scheduler and runs them on this machine, through a stint-keeper that it starts. Needs an outbound connection "
    "only.\n"
    "\n"
    "join makes this machine an agent, with the line that `stint agent token` printed, and writes the key file.\n"
    "\n"
    "  --key-file FILE       who this agent is and where its scheduler listens; join writes it (0600)\n"
    "  --server HOST[:PORT]  another address of the scheduler than the key file's; may be repeated, tried in turn (default port 7464)\n"
    "  --state-dir DIR       journal, spool, keeper, cache and tasks' files; default $STINT_STATE_DIR, else $XDG_STATE_HOME/stint, then "
    "agents/NAME\n"
    "  --name NAME           shown in `stint agent list`; default: the key file's\n"
    "  --cpu N               CPUs offered: 4, 500m           (default: those this process may use)\n"
    "  --memory SIZE         memory offered: 16Gi, 4G        (default: the machine's)\n"
    "  --gpu N               whole GPUs offered              (default: those found)\n"
    "  --storage SIZE        disk offered: 100Gi             (default: what is free at the state directory)\n"
    "  --cache-size SIZE     of files fetched for tasks, kept for the next ones (default: 20Gi)\n"
    "  --prefetch N          short tasks that may wait here for CPUs to become free (default: 2 for each CPU; 0: none)\n"
    "  --type TYPE           trainer, inferencer, crawler, labeller or rater; may be repeated (default: all)\n"
    "  --label KEY=VALUE     may be repeated\n"
    "  --shared-path DIR     other machines see it under the same path; may be repeated\n"
    "  --timeout TIME        join: how long a scheduler that cannot be reached is waited for (default: 5m)\n"
    "  --cell-pin PIN        sha256:HEX of the scheduler's key; default: the key file's or the token's, else $STINT_CELL_PIN\n"
    "  --ca-file FILE        instead of a pin: who signed the scheduler's certificate (PEM; default $STINT_CA_FILE, else the system's)\n"
    "  --client-cert FILE    certificate for a scheduler that asks for one (PEM; default $STINT_CLIENT_CERT)\n"
    "  --client-key FILE     its key (default $STINT_CLIENT_KEY)\n"
    "  --insecure-plaintext  speak to a server beyond this machine without TLS: frames are signed, but everybody on the way can read them\n"
    "  --version\n"
    "  --help\n"
    "\n"
    "SIGTERM: leaves; tasks run on and are found again at the next start. SIGINT: takes nothing new and ends when its tasks have; a second "
    "SIGINT\n"
    "ends the tasks. Exit status: 0, 2 for a wrong command line, 125 for any other error.\n";

namespace {

enum Option : int {
  kKeyFile = 1,
  kServer,
  kStateDir,
  kName,
  kCpu,
  kMemory,
  kGpu,
  kStorage,
  kCacheSize,
  kPrefetch,
  kType,
  kLabel,
  kSharedPath,
  kTimeout,
  kCellPin,
  kCaFile,
  kClientCert,
  kClientKey,
  kInsecure,
  kVersion,
  kHelp
};

constexpr option kOptions[] = {{"key-file", required_argument, nullptr, kKeyFile},
                               {"server", required_argument, nullptr, kServer},
                               {"state-dir", required_argument, nullptr, kStateDir},
                               {"name", required_argument, nullptr, kName},
                               {"cpu", required_argument, nullptr, kCpu},
                               {"memory", required_argument, nullptr, kMemory},
                               {"gpu", required_argument, nullptr, kGpu},
                               {"storage", required_argument, nullptr, kStorage},
                               {"cache-size", required_argument, nullptr, kCacheSize},
                               {"prefetch", required_argument, nullptr, kPrefetch},
                               {"type", required_argument, nullptr, kType},
                               {"label", required_argument, nullptr, kLabel},
                               {"shared-path", required_argument, nullptr, kSharedPath},
                               {"timeout", required_argument, nullptr, kTimeout},
                               {"cell-pin", required_argument, nullptr, kCellPin},
                               {"ca-file", required_argument, nullptr, kCaFile},
                               {"client-cert", required_argument, nullptr, kClientCert},
                               {"client-key", required_argument, nullptr, kClientKey},
                               {"insecure-plaintext", no_argument, nullptr, kInsecure},
                               {"version", no_argument, nullptr, kVersion},
                               {"help", no_argument, nullptr, kHelp},
                               {nullptr, 0, nullptr, 0}};

template <class Parse>
Status set_quantity(std::optional<std::int64_t>& target, const char* name, const char* text, Parse parse) {
  auto value = parse(text);
  if (!value) return fail(Errc::invalid_argument, std::string{"--"} + name + ": " + value.error().detail);
  target = *value;
  return {};
}

Result<std::int64_t> parse_count(std::string_view text) {
  if (text.empty() || text.size() > 4 || text.find_first_not_of("0123456789") != std::string_view::npos)
    return fail(Errc::invalid_argument, "'" + std::string{text} + "' is no whole number from 0 to 9999");
  return std::stoll(std::string{text});
}

Status apply(int code, const char* value, Command& command) {
  auto& options = command.options;
  switch (static_cast<Option>(code)) {
    case kKeyFile: options.key_file = value; return {};
    case kServer: options.servers.emplace_back(value); return {};
    case kStateDir: options.state_dir = value; return {};
    case kName: options.name = value; return {};
    case kCpu: return set_quantity(options.cpu_millis, "cpu", value, core::parse_cpu);
    case kMemory: return set_quantity(options.memory_bytes, "memory", value, core::parse_bytes);
    case kGpu: return set_quantity(options.gpus, "gpu", value, parse_count);
    case kStorage: return set_quantity(options.storage_bytes, "storage", value, core::parse_bytes);
    case kCacheSize: return set_quantity(options.cache_bytes, "cache-size", value, core::parse_bytes);
    case kPrefetch: return set_quantity(options.prefetch, "prefetch", value, parse_count);
    case kType: {
      const auto type = parse_agent_type(value);
      if (!type)
        return fail(Errc::invalid_argument, "--type '" + std::string{value} + "': known are trainer, inferencer, crawler, labeller, rater");
      options.types.push_back(*type);
      return {};
    }
    case kLabel: {
      const std::string_view text{value};
      const auto equals = text.find('=');
      if (equals == std::string_view::npos || equals == 0)
        return fail(Errc::invalid_argument, "--label '" + std::string{text} + "': expected KEY=VALUE");
      options.labels.emplace_back(text.substr(0, equals), text.substr(equals + 1));
      return {};
    }
    case kSharedPath: options.shared_paths.emplace_back(value); return {};
    case kTimeout: {
      const auto timeout = core::parse_duration(value);
      if (!timeout) return fail(Errc::invalid_argument, "--timeout: " + timeout.error().detail);
      command.join.timeout = *timeout;
      return {};
    }
    case kCellPin: options.tls.cell_pin = value; return {};
    case kCaFile: options.tls.ca_file = value; return {};
    case kClientCert: options.tls.client_certificate = value; return {};
    case kClientKey: options.tls.client_key = value; return {};
    case kInsecure: options.insecure_plaintext = true; return {};
    case kVersion: command.kind = Command::Kind::version; return {};
    case kHelp: command.kind = Command::Kind::help; return {};
  }
  return fail(Errc::invalid_argument, "unknown option or missing value; see --help");  // getopt has named it on stderr
}

/// What is left over after the options: where, and the token.
Status finish_join(int argc, char** argv, Command& command) {
  if (argc - optind != 2) return fail(Errc::invalid_argument, "join takes HOST[:PORT] and the token, as `stint agent token` prints them");
  command.kind = Command::Kind::join;
  command.join.server = argv[optind];
  command.join.token = argv[optind + 1];
  command.join.name = command.options.name;
  command.join.key_file = command.options.key_file;
  command.join.state_dir = command.options.state_dir;
  command.join.tls = command.options.tls;
  command.join.insecure_plaintext = command.options.insecure_plaintext;
  return {};
}

}  // namespace

Result<Command> parse_command_line(int argc, char** argv) {
  Command command;
  const bool is_join = argc > 1 && std::string_view{argv[1]} == "join";
  if (is_join) --argc, ++argv;
  for (int code = 0; (code = getopt_long(argc, argv, "", kOptions, nullptr)) != -1;) {  // NOLINT(concurrency-mt-unsafe)
    STINT_TRY_VOID(apply(code, optarg, command));
    if (command.kind != Command::Kind::run) return command;
  }
  if (is_join) {
    STINT_TRY_VOID(finish_join(argc, argv, command));
    return command;
  }
  if (optind < argc) return fail(Errc::invalid_argument, "unexpected argument '" + std::string{argv[optind]} + "'; see --help");
  if (command.options.key_file.empty())
    return fail(Errc::invalid_argument,
                "--key-file is missing; `stint-agent join` writes one, with the line that `stint agent token` prints");
  return command;
}

}  // namespace stint
