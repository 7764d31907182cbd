#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <tuple>

#include "adapters/config/scheduler_config.hpp"
#include "apps/scheduler_host/run_scheduler.hpp"
#include "apps/stint/command_line.hpp"
#include "apps/stint/files.hpp"
#include "apps/stint/report.hpp"
#include "client/exit_status.hpp"

namespace stint::cli {
namespace {

constexpr const char* kSystemConfig = "/etc/stint/stint.toml";

/// Empty: not given.
struct SchedulerArguments {
  std::string config_file;
  std::string listen;
  std::string advertise;
  std::string tls_certificate, tls_key, tls_client_ca;
  std::string log_level;
  bool insecure_plaintext = false;
  bool is_port_fixed = false;
  bool ignores_files = false;
  bool prints_defaults = false;
  int ready_fd = -1;
};

/// What a scheduler would be given: defaults, the file, the environment, the options, each above the one before.
struct LoadedConfig {
  config::ConfigReader reader;
  std::string file;  ///< empty: none
};

std::string find_config_file(const SchedulerArguments& arguments) {
  if (arguments.ignores_files) return {};
  if (!arguments.config_file.empty()) return arguments.config_file;
  if (const std::string named = environment("STINT_CONFIG"); !named.empty()) return named;
  return ::access(kSystemConfig, F_OK) == 0 ? kSystemConfig : "";
}

/// The state directory of the file only counts where neither an option nor the environment names one.
Status choose_state_dir(const CommonOptions& options, config::ConfigReader& reader) {
  const bool is_named = !options.state_dir.empty() || !environment("STINT_STATE_DIR").empty();
  if (!is_named && !reader.config().state_dir.empty()) return {};
  STINT_TRY(const std::string state_dir, find_state_dir(options));
  reader.set("scheduler.state_dir", state_dir, !options.state_dir.empty() ? "--state-dir" : is_named ? "STINT_STATE_DIR" : "default");
  return {};
}

/// Errors:  not_found, io  the file cannot be read. What is wrong within it is among the reader's problems.
Result<LoadedConfig> load_config(const CommonOptions& options, const SchedulerArguments& arguments) {
  LoadedConfig loaded;
  loaded.file = find_config_file(arguments);
  if (!loaded.file.empty()) {
    STINT_TRY(const std::string text, read_file(loaded.file));
    loaded.reader.read_file(text, loaded.file);
  }
  if (!arguments.listen.empty()) loaded.reader.set("scheduler.listen", arguments.listen, "--listen");
  for (const auto& [given, key, option] :
       {std::tuple(&arguments.advertise, "scheduler.advertise", "--advertise"),
        std::tuple(&arguments.tls_certificate, "tls.certificate", "--tls-certificate"),
        std::tuple(&arguments.tls_key, "tls.key", "--tls-key"), std::tuple(&arguments.tls_client_ca, "tls.client_ca", "--tls-client-ca")})
    if (!given->empty()) loaded.reader.set(key, *given, option);
  if (!arguments.log_level.empty()) loaded.reader.set("log.level", arguments.log_level, "--log-level");
  if (arguments.insecure_plaintext) loaded.reader.set("scheduler.insecure_plaintext", "true", "--insecure-plaintext");
  if (arguments.is_port_fixed) loaded.reader.set("scheduler.fixed_port", "true", "--fixed-port");
  STINT_TRY_VOID(choose_state_dir(options, loaded.reader));
  loaded.reader.check_together();
  return loaded;
}

std::string describe(const std::string& file, const config::ConfigProblem& problem) {
  const std::string name = "`" + problem.key.substr(problem.key.rfind('.') + 1) + "`";
  const bool names_its_origin = problem.detail.starts_with("--") || problem.detail.starts_with("STINT_");
  const bool is_named = problem.key.empty() || names_its_origin || problem.detail.find(name) != std::string::npos;
  std::string what = (is_named ? "" : problem.key + ": ") + problem.detail;
  if (problem.line > 0) return file + ":" + std::to_string(problem.line) + ":" + std::to_string(problem.column) + ": " + what;
  return what;
}

std::string problems_json(const LoadedConfig& loaded) {
  std::string items;
  for (const auto& problem : loaded.reader.problems()) {
    items += (items.empty() ? "{\"file\":" : ",{\"file\":") + (problem.line > 0 ? json_string(loaded.file) : "null");
    items += ",\"line\":" + std::to_string(problem.line) + ",\"column\":" + std::to_string(problem.column);
    items += ",\"key\":" + (problem.key.empty() ? "null" : json_string(problem.key)) + ",\"detail\":" + json_string(problem.detail) + "}";
  }
  return items;
}

std::string config_json(const LoadedConfig& loaded) {
  std::string items;
  for (const auto& setting : loaded.reader.settings())
    items += (items.empty() ? "{\"key\":" : ",{\"key\":") + json_string(setting.key) + ",\"value\":" + json_string(setting.value) +
             ",\"origin\":" + json_string(setting.origin) + "}";
  return std::string("{\"valid\":") + (loaded.reader.problems().empty() ? "true" : "false") +
         ",\"file\":" + (loaded.file.empty() ? "null" : json_string(loaded.file)) + ",\"settings\":[" + items + "],\"problems\":[" +
         problems_json(loaded) + "]}";
}

void print_settings(const LoadedConfig& loaded) {
  std::size_t width = 0;
  for (const auto& setting : loaded.reader.settings()) width = std::max(width, setting.key.size() + setting.value.size() + 3);
  for (const auto& setting : loaded.reader.settings()) {
    std::string line = setting.key + " = " + setting.value;
    line.resize(std::max(line.size(), width), ' ');
    print_line(line + "  # " + setting.origin);
  }
}

int print_defaults(const CommonOptions& options) {
  const std::string text = config::default_config_file();
  if (options.json) {
    print_line("{\"defaults\":" + json_string(text) + "}");
  } else {
    write_all(STDOUT_FILENO, text);
  }
  return client::kExitOk;
}

int check_config(const CommonOptions& options, const SchedulerArguments& arguments) {
  if (arguments.prints_defaults) return print_defaults(options);
  const auto loaded = load_config(options, arguments);
  if (!loaded) return usage_error(options, loaded.error().detail);
  for (const auto& problem : loaded->reader.problems()) notice(describe(loaded->file, problem));
  if (options.json) {
    print_line(config_json(*loaded));
  } else {
    print_settings(*loaded);
    notice(loaded->file.empty() ? std::string("no configuration file; --config, STINT_CONFIG and ") + kSystemConfig + " name one"
                                : loaded->file + (loaded->reader.problems().empty() ? ": valid" : ": cannot be used as it is"));
  }
  return loaded->reader.problems().empty() ? client::kExitOk : client::kExitUsage;
}

apps::SchedulerHostOptions make_host_options(const config::SchedulerConfig& config, int ready_fd) {
  apps::SchedulerHostOptions host;
  host.state_dir = config.state_dir;
  host.listen = config.listen;
  host.port_fallback = !config.fixed_port;
  host.advertise = config.advertise;
  host.insecure_plaintext = config.insecure_plaintext;
  host.tls_certificate = config.tls_certificate;
  host.tls_key = config.tls_key;
  host.tls_client_ca = config.tls_client_ca;
  if (const auto pins = parse_pins(config.tls_next_pins)) host.tls_next_pins = *pins;  // the reader saw to it
  host.heartbeat_interval = config.heartbeat;
  host.ready_fd = ready_fd;
  host.log_level = config.log_level;
  host.keys = {config.keys_rotate_every, config.keys_grace};
  host.retention.jobs = {config.jobs_age, config.jobs_count};
  host.retention.store = {config.logs_age, config.logs_size, config.events_age, config.events_count};
  return host;
}

int start(const CommonOptions& options, const SchedulerArguments& arguments) {
  const auto loaded = load_config(options, arguments);
  if (!loaded) return usage_error(options, loaded.error().detail);
  for (const auto& problem : loaded->reader.problems()) notice(describe(loaded->file, problem));
  if (!loaded->reader.problems().empty()) return client::kExitUsage;
  const std::string& state_dir = loaded->reader.config().state_dir;
  if (const Status made = make_private_dir(state_dir); !made) return report_error(options, made.error());
  if (::access(state_dir.c_str(), W_OK | X_OK) != 0)
    return report_error(options, {Errc::forbidden, state_dir + " cannot be written by this user"});
  if (!loaded->file.empty()) notice("configuration of " + loaded->file);
  return apps::run_scheduler(make_host_options(loaded->reader.config(), arguments.ready_fd));
}

void add_options(CLI::App& command, SchedulerArguments& arguments) {
  command.add_flag("--no-config", arguments.ignores_files, "Read no configuration file");
  command.add_option("--listen", arguments.listen,
                     "HOST:PORT for agents and the API; the next free port if this one is taken [127.0.0.1:7464]");
  command.add_flag("--fixed-port", arguments.is_port_fixed, "Fail if the port is taken");
  command.add_option("--advertise", arguments.advertise, "HOST:PORT that agents on other machines are told [what is listened on]");
  command.add_option("--tls-certificate", arguments.tls_certificate, "PEM file to show instead of the cell's own certificate");
  command.add_option("--tls-key", arguments.tls_key, "Its key");
  command.add_option("--tls-client-ca", arguments.tls_client_ca, "PEM file: clients must show a certificate that it signed");
  command.add_flag("--insecure-plaintext", arguments.insecure_plaintext,
                   "Beyond this machine, serve what comes without TLS too: everybody on the way can read it");
  command.add_option("--log-level", arguments.log_level, "debug, info, warn or error [info]")
      ->check(CLI::IsMember({"debug", "info", "warn", "error"}));
}

}  // namespace

void add_scheduler_commands(CLI::App& app, CommandLine& line) {
  CLI::App* scheduler = app.add_subcommand("scheduler", "The scheduler");
  scheduler->require_subcommand(1);
  auto arguments = std::make_shared<SchedulerArguments>();

  CLI::App* start_command =
      add_command(*scheduler, line, "start", "Run a scheduler in the foreground, on SQLite in the state directory",
                  "  stint scheduler start --state-dir /var/lib/stint\n"
                  "  stint scheduler start --config /etc/stint/stint.toml\n"
                  "  stint scheduler start --listen 0.0.0.0:7464 --advertise cell.example:7464\n\n"
                  "Beyond this machine only TLS is served; the key is made at the first start (tls.key in the state directory).\n"
                  "Options win over the configuration file, which is --config, else STINT_CONFIG, else /etc/stint/stint.toml.\n"
                  "Writes context.json (0600; address and token) into the state directory: commands with the same --state-dir use it.");
  start_command->add_option("--config", arguments->config_file, "Configuration file");
  add_options(*start_command, *arguments);
  start_command->add_option("--ready-fd", arguments->ready_fd, "Write a line to this descriptor when requests are served");
  start_command->callback([&line, arguments] { line.action = [&line, arguments] { return start(line.common, *arguments); }; });

  CLI::App* check_command =
      add_command(*scheduler, line, "check-config", "Show what `start` would be given, where each value comes from, and what is wrong",
                  "  stint scheduler check-config stint.toml\n"
                  "  stint scheduler check-config --print-defaults > stint.toml\n\n"
                  "Exit status 2 if there is anything wrong. Nothing is started or made.");
  check_command->add_option("file", arguments->config_file, "Configuration file");
  check_command->add_option("--config", arguments->config_file, "The same, as `start` takes it")->excludes("file");
  check_command->add_flag("--print-defaults", arguments->prints_defaults, "Print a file with every setting at its default, commented");
  add_options(*check_command, *arguments);
  check_command->callback([&line, arguments] { line.action = [&line, arguments] { return check_config(line.common, *arguments); }; });
}

}  // namespace stint::cli
