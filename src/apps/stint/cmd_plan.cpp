#include <unistd.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "apps/stint/command_line.hpp"
#include "apps/stint/connection.hpp"
#include "apps/stint/interrupts.hpp"
#include "apps/stint/local_files.hpp"
#include "apps/stint/report.hpp"
#include "apps/stint/submission.hpp"
#include "apps/stint/terminal.hpp"
#include "client/exit_status.hpp"
#include "client/plan.hpp"
#include "client/resolve.hpp"
#include "client/spec_diff.hpp"
#include "client/text.hpp"
#include "core/model/job_json.hpp"

namespace stint::cli {
namespace {

constexpr std::size_t kAgentsShown = 5;      ///< of one entry
constexpr std::size_t kChangeWidth = 60;     ///< of one side of a change

struct Planned {
  core::JobSpec spec;
  client::LocalFiles::Uploads uploads;
  client::Plan plan;
  std::vector<client::SpecChange> changes;
};

Result<Planned> ask_plan(Connection& connection, DiskFiles& files, Submission submission) {
  Planned planned;
  STINT_TRY(planned.uploads, files.count_uploads());
  const std::string job_json = core::to_json(submission.spec);
  STINT_TRY(const std::string answer, connection.api().post("/v1/plan", job_json, client::Api::Repeat::always));
  STINT_TRY(planned.plan, client::parse_plan(answer));
  if (planned.plan.previous_job) {
    STINT_TRY(planned.changes, client::diff_specs(planned.plan.previous_spec, job_json));
  }
  planned.spec = std::move(submission.spec);
  return planned;
}

std::string count_text(std::uint64_t count, const char* one, const char* many) {
  return std::to_string(count) + " " + (count == 1 ? one : many);
}

/// `n1 4, n2 2`: where tasks would start now.
std::string agents_text(const client::PlanTask& task) {
  if (task.starts_now == 0) return "-";
  std::string text;
  std::size_t shown = 0, left = 0;
  for (const client::PlanAgent& agent : task.agents) {
    if (agent.fits_now == 0) continue;
    if (shown == kAgentsShown) {
      ++left;
      continue;
    }
    ++shown;
    text += (text.empty() ? "" : ", ") + agent.agent + " " + std::to_string(agent.fits_now);
  }
  if (left > 0) text += " and " + std::to_string(left) + " more";
  return text.empty() ? "-" : text;
}

/// What is counted later is named by the file that counts it.
std::string tasks_of_entry(const client::PlanTask& planned, const core::TaskSpec* spec) {
  if (planned.count) return std::to_string(*planned.count);
  return spec != nullptr && spec->each ? "of " + spec->each->file : "?";
}

const core::TaskSpec* find_entry(const core::JobSpec& spec, const std::string& name) {
  for (const core::TaskSpec& task : spec.tasks)
    if (task.name == name) return &task;
  return nullptr;
}

void print_entries(const Planned& planned) {
  using client::Align;
  client::Table table({{"TASK"}, {"COUNT", Align::right}, {"EACH"}, {"START NOW", Align::right}, {"ON"}});
  for (const client::PlanTask& task : planned.plan.tasks) {
    const core::TaskSpec* spec = find_entry(planned.spec, task.name);
    const bool is_human = spec != nullptr && spec->driver == "human";
    table.add({task.name, tasks_of_entry(task, spec), is_human || spec == nullptr ? "people" : client::show_resources(spec->resources),
               std::to_string(task.starts_now), agents_text(task)});
  }
  write_all(STDOUT_FILENO, table.render());
}

/// Why tasks wait, or never could run: for each entry a sentence, and what is missing where it comes closest.
void print_reasons(const client::Plan& plan) {
  for (const client::PlanTask& task : plan.tasks) {
    if (task.summary.empty() || (task.placeable && task.starts_now > 0 && task.starts_now == task.count)) continue;
    const std::string word = task.placeable ? "" : colored(STDOUT_FILENO, Color::red, "cannot be placed: ");
    print_line(task.name + ": " + word + task.summary);
    if (task.placeable) continue;
    std::size_t shown = 0;
    for (const client::PlanAgent& agent : task.agents) {
      if (agent.clauses.empty() || ++shown > kAgentsShown) continue;
      std::string reasons;
      for (const client::PlanClause& clause : agent.clauses) reasons += (reasons.empty() ? "" : "; ") + clause.text;
      print_line("  " + agent.agent + ": " + reasons + (task.nearest == agent.agent ? " (nearest)" : ""));
    }
    if (!task.would_help.empty()) print_line("  what would help: " + task.would_help);
    if (shown > kAgentsShown) print_line("  and " + std::to_string(shown - kAgentsShown) + " more agents");
  }
}

void print_changes(const Planned& planned) {
  if (!planned.plan.previous_job) return print_line("the first job of this name");
  const std::string job = "job " + std::to_string(*planned.plan.previous_job);
  if (planned.changes.empty()) return print_line("as " + job + " was");
  print_line("changed since " + job + ":");
  for (const client::SpecChange& change : planned.changes) {
    const std::string before = client::shorten(change.before, kChangeWidth), after = client::shorten(change.after, kChangeWidth);
    if (before.empty())
      print_line("  " + colored(STDOUT_FILENO, Color::green, "+ " + change.key + ": " + after));
    else if (after.empty())
      print_line("  " + colored(STDOUT_FILENO, Color::red, "- " + change.key + ": " + before));
    else
      print_line("  ~ " + change.key + ": " + before + " -> " + after);
  }
}

std::string size_text(std::uint64_t files, std::uint64_t bytes) {
  return count_text(files, "file", "files") + " of " + client::show_bytes(static_cast<std::int64_t>(bytes)) +
         (bytes < 1024 ? " bytes" : "");
}

void print_plan(const Planned& planned) {
  std::uint64_t tasks = 0;
  for (const core::TaskSpec& task : planned.spec.tasks) tasks += task.array_count;
  print_line("job " + planned.spec.name + ": " + count_text(planned.spec.tasks.size(), "entry", "entries") + ", " +
             count_text(tasks, "task", "tasks"));
  print_entries(planned);
  const auto& uploads = planned.uploads;
  if (uploads.files > 0)
    print_line("travels: " + size_text(uploads.files, uploads.bytes) +
               "; to be sent: " + (uploads.missing_files == 0 ? "nothing" : size_text(uploads.missing_files, uploads.missing_bytes)));
  print_reasons(planned.plan);
  print_changes(planned);
}

std::string changes_json(const Planned& planned) {
  if (!planned.plan.previous_job) return "null";
  std::string items;
  const auto value = [](const std::string& text) { return text.empty() ? std::string("null") : json_string(text); };
  for (const client::SpecChange& change : planned.changes)
    items += (items.empty() ? "{\"key\":" : ",{\"key\":") + json_string(change.key) + ",\"before\":" + value(change.before) +
             ",\"after\":" + value(change.after) + "}";
  return "{\"job\":" + std::to_string(*planned.plan.previous_job) + ",\"changes\":[" + items + "]}";
}

std::string plan_json(const Planned& planned) {
  const auto& uploads = planned.uploads;
  return "{\"placeable\":" + std::string(planned.plan.is_placeable() ? "true" : "false") + ",\"job\":" + core::to_json(planned.spec) +
         ",\"tasks\":" + planned.plan.tasks_json + ",\"uploads\":{\"files\":" + std::to_string(uploads.files) +
         ",\"size_bytes\":" + std::to_string(uploads.bytes) + ",\"missing_files\":" + std::to_string(uploads.missing_files) +
         ",\"missing_bytes\":" + std::to_string(uploads.missing_bytes) + "},\"previous\":" + changes_json(planned) + "}";
}

int plan(const CommonOptions& options, const RunOptions& run) {
  auto submission = make_submission(run, {});
  if (!submission) return usage_error(options, submission.error().detail);
  for (const std::string& note : submission->notes) notice("note: " + note);
  if (const auto endpoint = find_endpoint(options); !endpoint) return report_error(options, endpoint.error());
  Connection connection(options, Patience::short_);
  DiskFiles files(connection);
  const Status resolved = client::resolve_sources(submission->spec, submission->origins, files, connection.api());
  if (!resolved) return report_unresolved(options, resolved.error());
  const auto planned = ask_plan(connection, files, std::move(*submission));
  if (!planned) return report_error(options, planned.error());
  if (options.json)
    print_line(plan_json(*planned));
  else
    print_plan(*planned);
  return planned->plan.is_placeable() ? client::kExitOk : client::kExitNotPlaceable;
}

}  // namespace

void add_plan_command(CLI::App& app, CommandLine& line) {
  CLI::App* command =
      add_command(app, line, "plan", "What a job file would create, where it would run now, and what changed; nothing is submitted",
                  "  stint plan job.yaml\n  stint plan job.yaml -p lr=0.1 --gpu 2\n\nExit status: 3 if a task can be placed nowhere.");
  auto run = std::make_shared<RunOptions>();
  add_submission_options(*command, *run);
  command->get_option("file")->required();
  command->callback([&line, run] { line.action = [&line, run] { return plan(line.common, *run); }; });
}

}  // namespace stint::cli
