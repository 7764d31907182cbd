#include "apps/stint/completion_values.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>

#include "apps/stint/connection.hpp"
#include "apps/stint/report.hpp"
#include "apps/stint/topics.hpp"
#include "client/api.hpp"
#include "client/glyphs.hpp"
#include "client/progress.hpp"
#include "client/views.hpp"
#include "core/model/scope.hpp"

namespace stint::cli {
namespace {

constexpr std::size_t kJobsMax = 50;
constexpr std::size_t kTasksMax = 50;
constexpr std::size_t kNamesMax = 200;

template <std::size_t Size>
bool is_one_of(const std::string& word, const std::array<std::string_view, Size>& words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

/// What options that take a file or directory are called, here and in the commands of others.
bool is_file(const std::string& name) {
  static constexpr std::array<std::string_view, 12> kNames{"file",   "workdir", "state-dir", "token-file", "key-file", "to",
                                                           "upload", "config",  "path",      "dir",        "output",   "shared-path"};
  return is_one_of(name, kNames) || name.ends_with("-file") || name.ends_with("-dir");
}

void add_jobs(client::Api& api, std::vector<Candidate>& found) {
  const auto page = api.list("/v1/jobs", {}, kJobsMax);
  if (!page) return;
  for (const std::string& item : page->items) {
    const auto job = client::parse_job_view(item);
    if (job) found.push_back({std::to_string(job->id), client::printable(job->name) + ", " + std::string(to_string(job->state))});
  }
  if (!page->items.empty()) found.push_back({"last", "the newest job"});
}

/// `12.` -> the job's entries; `12.train.` -> tasks of the array, failed ones first.
void add_tasks(client::Api& api, const std::string& current, std::vector<Candidate>& found) {
  const std::string job_word = current.substr(0, current.find('.'));
  const std::string path = "/v1/jobs/" + client::encode_segment(job_word);
  const auto body = api.get(path);
  const auto job = body ? client::parse_job_view(*body) : Result<client::JobView>(tl::unexpected<Error>(body.error()));
  if (!job) return;
  const std::size_t second = current.find('.', job_word.size() + 1);
  const std::string entry = second == std::string::npos ? "" : current.substr(job_word.size() + 1, second - job_word.size() - 1);
  for (const client::GroupView& group : job->groups) {
    const std::string id = job_word + "." + group.name;
    if (second == std::string::npos) found.push_back({id, client::show_standing(group.tasks)});
    if (second == std::string::npos || entry != group.name) continue;
    for (const char* state : {"failed", "running", ""}) {
      const auto page =
          api.get(client::make_target(path + "/tasks", {{"task", entry}, {"state", state}, {"limit", std::to_string(kTasksMax)}}));
      const auto items = page ? client::parse_page(*page) : Result<client::Page>(tl::unexpected<Error>(page.error()));
      if (!items) return;
      for (const std::string& item : items->items) {
        const auto task = client::parse_task_view(item);
        if (!task) continue;
        const std::string word = job_word + task->id.substr(task->id.find('.'));
        const auto is_same = [&](const Candidate& candidate) { return candidate.word == word; };
        if (std::none_of(found.begin(), found.end(), is_same)) found.push_back({word, std::string(to_string(task->outcome.state))});
      }
    }
  }
}

/// The `name` of each item of a list of the API.
void add_names(client::Api& api, const std::string& path, std::vector<Candidate>& found) {
  const auto page = api.list(path, {}, kNamesMax);
  if (!page) return;
  for (const std::string& item : page->items) {
    const auto name = find_json_string(item, "name");
    if (name) found.push_back({*name, find_json_string(item, "state").value_or("")});
  }
}

void add_help_words(const CLI::App& app, std::vector<Candidate>& found) {
  for (const CLI::App* command : app.get_subcommands({}))
    if (!command->get_group().empty()) found.push_back({command->get_name(), command->get_description()});
  for (const Topic& topic : topics()) found.push_back({std::string(topic.name), std::string(topic.title)});
}

}  // namespace

std::vector<Candidate> find_values(const CLI::App& app, const CommonOptions& options, const std::string& path, const std::string& name,
                                   const std::string& current) {
  static constexpr std::array<std::string_view, 8> kWorkCommands{"tasks",   "logs",    "watch",  "cancel",
                                                                 "explain", "outputs", "verify", "retry"};
  static constexpr std::array<std::string_view, 3> kJobArguments{"job", "jobs", "what"};
  static constexpr std::array<std::string_view, 2> kTaskArguments{"task", "tasks"};
  if (path == "help") {
    std::vector<Candidate> found;
    add_help_words(app, found);
    return found;
  }
  if (is_file(name)) return {{std::string(kFiles), ""}};
  if (name == "scope" || name == "scopes") {
    // A list with commas goes on after the last one.
    const std::string before = current.substr(0, current.rfind(',') + 1);
    std::vector<Candidate> found;
    for (const auto scope : core::kScopes) found.push_back({before + std::string(to_string(scope)), ""});
    return found;
  }
  if (name == "type") return {{"trainer", ""}, {"inferencer", ""}, {"crawler", ""}, {"labeller", ""}, {"rater", ""}};

  Connection connection(options, Patience::glance);
  client::Api& api = connection.api();
  std::vector<Candidate> found;
  const bool is_work = is_one_of(path, kWorkCommands) || is_one_of(name, kTaskArguments);
  const bool is_job = is_one_of(name, kJobArguments) || is_work;
  if (is_job && current.find('.') != std::string::npos)
    add_tasks(api, current, found);
  else if (is_job)
    add_jobs(api, found);
  else if (path.starts_with("agent ") && name == "name" && path != "agent token" && path != "agent start")
    add_names(api, "/v1/agents", found);
  else if (path.starts_with("token ") && path != "token create")
    add_names(api, "/v1/tokens", found);
  return found;
}

}  // namespace stint::cli
