#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#include "adapters/jobfile/describe.hpp"
#include "adapters/jobfile/job_file.hpp"
#include "adapters/jobfile/shapes.hpp"
#include "adapters/jobfile/yaml_json.hpp"
#include "apps/stint/command_line.hpp"
#include "apps/stint/connection.hpp"
#include "apps/stint/files.hpp"
#include "apps/stint/report.hpp"
#include "apps/stint/selection.hpp"
#include "apps/stint/submission.hpp"
#include "apps/stint/terminal.hpp"
#include "client/exit_status.hpp"
#include "client/text.hpp"
#include "core/model/similar_word.hpp"

/// `stint job …`: job files and definitions.
namespace stint::cli {
namespace {

struct FileArguments {
  std::vector<std::string> files;
  std::vector<std::string> parameters;
};

std::string state_text(TaskStatus state) {
  const std::string word(to_string(state));
  switch (state) {
    case TaskStatus::completed: return colored(STDOUT_FILENO, Color::green, word);
    case TaskStatus::failed: return colored(STDOUT_FILENO, Color::red, word);
    default: return word;
  }
}

std::string remarks_json(const std::vector<adapters::JobFileRemark>& remarks) {
  std::string text;
  for (const auto& remark : remarks)
    text += (text.empty() ? "" : ",") + std::string("{\"line\":") + std::to_string(remark.line) +
            ",\"column\":" + std::to_string(remark.column) + ",\"detail\":" + json_string(remark.text) + "}";
  return "[" + text + "]";
}

/// `2 entries, 7 tasks`; what is sized later has no number yet.
std::string size_text(const adapters::JobFile& file) {
  std::uint64_t tasks = 0;
  bool is_open = false;
  for (std::size_t i = 0; i < file.spec.tasks.size(); ++i) {
    const auto kind = file.sources[i].items.kind;
    is_open =
        is_open || core::is_sized_later(file.spec.tasks[i]) || kind == core::ItemSource::Kind::glob || kind == core::ItemSource::Kind::file;
    tasks += file.spec.tasks[i].array_count;
  }
  const std::size_t entries = file.spec.tasks.size();
  const std::string head = std::to_string(entries) + (entries == 1 ? " entry, " : " entries, ");
  if (is_open && tasks == 0) return head + "a task for every item";
  return head + std::to_string(tasks) + (tasks == 1 ? " task" : " tasks") + (is_open ? " and one for every item" : "");
}

/// One file's part of the JSON; what people read goes out at once.
Result<std::string> check_file(const CommonOptions& options, const std::string& path, const adapters::Parameters& parameters,
                               bool& all_valid) {
  STINT_TRY(const std::string text, read_job_text(path));
  const adapters::JobFile file = adapters::parse_job_file(text, parameters);
  const bool is_valid = file.problems.empty();
  all_valid = all_valid && is_valid;
  for (const auto& problem : file.problems) notice(adapters::show_remark(path, problem));
  for (const auto& note : file.notes) notice("note: " + adapters::show_remark(path, note));
  if (is_valid && !options.json) print_line(path + ": valid, " + size_text(file));
  return "{\"valid\":" + std::string(is_valid ? "true" : "false") + ",\"file\":" + json_string(path) +
         ",\"problems\":" + remarks_json(file.problems) + ",\"notes\":" + remarks_json(file.notes) +
         ",\"job\":" + (is_valid ? adapters::describe(file) : "null") + "}";
}

int validate(const CommonOptions& options, const FileArguments& arguments) {
  const auto parameters = parse_parameters(arguments.parameters);
  if (!parameters) return usage_error(options, parameters.error().detail);
  bool all_valid = true;
  std::string items;
  for (const std::string& path : arguments.files) {
    const auto item = check_file(options, path, *parameters, all_valid);
    if (!item) return usage_error(options, item.error().detail);
    items += (items.empty() ? "" : ",") + *item;
  }
  if (options.json) print_line("{\"valid\":" + std::string(all_valid ? "true" : "false") + ",\"items\":[" + items + "],\"next\":null}");
  return all_valid ? client::kExitOk : client::kExitUsage;
}

int show_file(const CommonOptions& options, const std::string& path, const std::vector<std::string>& words) {
  const auto parameters = parse_parameters(words);
  if (!parameters) return usage_error(options, parameters.error().detail);
  const auto text = read_job_text(path);
  if (!text) return usage_error(options, text.error().detail + "; give a job file, a job's number or last");
  const adapters::JobFile file = adapters::parse_job_file(*text, *parameters);
  std::string problems;
  for (const auto& problem : file.problems) problems += (problems.empty() ? "" : "\n") + adapters::show_remark(path, problem);
  if (!problems.empty()) return usage_error(options, problems);
  const std::string spec = adapters::describe(file);
  if (options.json)
    print_line("{\"job\":null,\"spec\":" + spec + "}");
  else
    write_all(STDOUT_FILENO, adapters::to_yaml(spec));
  return client::kExitOk;
}

int show_job(const CommonOptions& options, const client::Selector& selector) {
  Connection connection(options, Patience::short_);
  const auto id = find_job(connection.api(), selector);
  if (!id) return report_error(options, id.error());
  const auto view_json = connection.api().get("/v1/jobs/" + std::to_string(*id));
  const auto spec = connection.api().get("/v1/jobs/" + std::to_string(*id) + "/spec");
  if (!view_json || !spec) return report_error(options, view_json ? spec.error() : view_json.error());
  if (options.json) {
    print_line("{\"job\":" + *view_json + ",\"spec\":" + *spec + "}");
    return client::kExitOk;
  }
  const auto job = client::parse_job_view(*view_json);
  if (!job) return report_error(options, job.error());
  print_line("job " + std::to_string(job->id) + " " + job->name + ": " + state_text(job->state) +
             (job->detail.empty() ? "" : " (" + job->detail + ")"));
  print_line("submitted " + client::show_time(job->submitted_at) + ", ended " + client::show_time(job->ended_at) + ", queue " + job->queue);
  client::Table table({{"TASK"}, {"COMPLETED"}});
  for (const client::GroupView& group : job->groups)
    table.add({group.name + (group.is_array ? "[]" : ""), client::show_counts(group.tasks)});
  write_all(STDOUT_FILENO, table.render() + "\n" + adapters::to_yaml(*spec));
  return client::kExitOk;
}

int show(const CommonOptions& options, const FileArguments& arguments) {
  const std::string& what = arguments.files.front();
  const bool is_file = ::access(what.c_str(), F_OK) == 0 && what.find_first_not_of("0123456789") != std::string::npos;
  const auto selector = client::parse_selector(what);
  if (is_file || !selector) return show_file(options, what, arguments.parameters);
  return show_job(options, *selector);
}

std::string list_shapes() {
  std::string text;
  for (const adapters::JobShape& shape : adapters::job_shapes()) {
    const std::string gap(12 - std::min<std::size_t>(shape.name.size(), 11), ' ');
    text += "  " + std::string(shape.name) + gap + std::string(shape.summary) + "\n";
  }
  return text;
}

/// Without the last line break: a notice has its own.
std::string without_end(std::string text) {
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

/// Never over a file that is there.
Status write_new_file(const std::string& path, std::string_view text) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (fd < 0 && errno == EEXIST) return fail(Errc::already_exists, path + " is there already; name another with -o");
  if (fd < 0) return fail(Errc::io, path + ": " + std::strerror(errno));
  const bool is_written = write_all(fd, text);
  const bool is_closed = ::close(fd) == 0;
  if (is_written && is_closed) return {};
  return fail(Errc::io, path + ": " + std::strerror(errno));
}

/// `stint job init sweep > job.yaml`: stdout is a file that waits to be filled.
bool is_stdout_an_empty_file() {
  struct stat status{};
  return ::fstat(STDOUT_FILENO, &status) == 0 && S_ISREG(status.st_mode) && status.st_size == 0;
}

int init(const CommonOptions& options, const std::string& name, const std::string& path) {
  const auto shapes = adapters::job_shapes();
  const auto shape = std::find_if(shapes.begin(), shapes.end(), [&](const adapters::JobShape& other) { return other.name == name; });
  if (shape == shapes.end()) {
    std::vector<std::string_view> names;
    for (const adapters::JobShape& known : shapes) names.push_back(known.name);
    return usage_error(options,
                       "no shape is named \"" + name + "\"" + core::suggestion(name, names) + "; there are\n" + without_end(list_shapes()));
  }
  if (path == "-" && !options.json) {
    write_all(STDOUT_FILENO, shape->yaml);
    return client::kExitOk;
  }
  if (path != "-")
    if (const auto written = write_new_file(path, shape->yaml); !written) return usage_error(options, written.error().detail);
  if (options.json)
    print_line("{\"shape\":" + json_string(name) + ",\"file\":" + (path == "-" ? "null" : json_string(path)) +
               ",\"text\":" + json_string(shape->yaml) + "}");
  else
    print_line("wrote " + path + "; `stint plan " + path + "` shows where it would run");
  return client::kExitOk;
}

void add_init_command(CLI::App& job, CommandLine& line) {
  CLI::App* command =
      add_command(job, line, "init", "Write a commented job file to start from",
                  "  stint job init sweep\n  stint job init pipeline -o flywheel.yaml\n  stint job init array > array.yaml\n\nShapes:\n" +
                      list_shapes() + "Each runs as it is written; its comments say what else there is.");
  auto name = std::make_shared<std::string>("command");
  auto path = std::make_shared<std::string>("job.yaml");
  command->add_option("shape", *name, "What kind of job")->capture_default_str();
  CLI::Option* output = command->add_option("-o,--output", *path, "File to write; - is stdout")->type_name("FILE")->capture_default_str();
  command->callback([&line, name, path, output] {
    if (output->count() == 0 && !line.common.json && is_stdout_an_empty_file()) *path = "-";
    line.action = [&line, name, path] { return init(line.common, *name, *path); };
  });
}

CLI::App* add_file_command(CLI::App& job, CommandLine& line, const char* name, const char* description, const char* examples,
                           int (*action)(const CommonOptions&, const FileArguments&), const char* what, int files_max) {
  CLI::App* command = add_command(job, line, name, description, examples);
  auto arguments = std::make_shared<FileArguments>();
  command->add_option(what, arguments->files, "Job file; - is stdin")->required()->expected(1, files_max);
  command->add_option("-p,--param", arguments->parameters, "Parameter of the job file; may be given again")
      ->type_name("K=V")
      ->allow_extra_args(false);
  command->callback([&line, arguments, action] { line.action = [&line, arguments, action] { return action(line.common, *arguments); }; });
  return command;
}

}  // namespace

void add_job_file_commands(CLI::App& app, CommandLine& line) {
  constexpr int kFilesMax = 100'000;
  CLI::App* job = app.add_subcommand("job", "Job files and definitions");
  job->require_subcommand(1);
  add_init_command(*job, line);
  add_file_command(*job, line, "validate", "Check job files: all problems, each with its place; nothing is submitted",
                   "  stint job validate job.yaml\n  stint job validate *.yaml\n  stint job validate job.yaml -p lr=0.1", validate, "file",
                   kFilesMax);
  add_file_command(*job, line, "show", "A job and its definition, or a job file with its defaults filled in",
                   "  stint job show last\n  stint job show job.yaml -p lr=0.1", show, "job", 1);
}

}  // namespace stint::cli
