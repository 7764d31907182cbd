#pragma once

#include <functional>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace stint::cli {

/// Options that every command takes.
struct CommonOptions {
  std::string state_dir;
  std::string server;
  std::string token_file;
  std::string cell_pin;
  std::string ca_file;
  bool json = false;
};

/// What parsing leaves behind: the options, what stood after `--`, and the command to carry out.
struct CommandLine {
  CommonOptions common;
  std::vector<std::string> after_dashes;
  bool has_dashes = false;
  std::function<int()> action;
};

/// Each adds its commands to `app`; parsing one of them sets `line.action`. One file per group: cmd_*.cpp.
void add_dev_commands(CLI::App& app, CommandLine& line);
void add_run_command(CLI::App& app, CommandLine& line);
void add_plan_command(CLI::App& app, CommandLine& line);
void add_job_commands(CLI::App& app, CommandLine& line);
void add_job_file_commands(CLI::App& app, CommandLine& line);
void add_task_commands(CLI::App& app, CommandLine& line);
void add_logs_command(CLI::App& app, CommandLine& line);
void add_retry_command(CLI::App& app, CommandLine& line);
void add_outputs_command(CLI::App& app, CommandLine& line);
void add_blob_commands(CLI::App& app, CommandLine& line);
void add_wait_command(CLI::App& app, CommandLine& line);
void add_watch_command(CLI::App& app, CommandLine& line);
void add_agent_commands(CLI::App& app, CommandLine& line);
void add_token_commands(CLI::App& app, CommandLine& line);
void add_agent_join_commands(CLI::App& agent, CommandLine& line);
void add_agent_token_commands(CLI::App& agent, CommandLine& line);
void add_drain_command(CLI::App& agent, CommandLine& line);
void add_scheduler_commands(CLI::App& app, CommandLine& line);
void add_backup_commands(CLI::App& app, CommandLine& line);
void add_bench_commands(CLI::App& app, CommandLine& line);
void add_bench_of_scale_commands(CLI::App& bench, CommandLine& line);
void add_context_command(CLI::App& app, CommandLine& line);
void add_about_commands(CLI::App& app, CommandLine& line);

/// Makes `name` a command that takes --json and the address options.
CLI::App* add_command(CLI::App& app, CommandLine& line, const std::string& name, const std::string& description,
                      const std::string& examples);

}  // namespace stint::cli
