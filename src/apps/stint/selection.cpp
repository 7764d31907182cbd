#include "apps/stint/selection.hpp"

#include <algorithm>

#include "apps/stint/connection.hpp"

namespace stint::cli {

Result<std::vector<std::uint64_t>> find_jobs(client::Api& api, const client::Selector& selector) {
  if (selector.is_last) {
    STINT_TRY(const std::uint64_t newest, find_newest_job(api));
    return std::vector{newest};
  }
  if (!selector.is_range()) return std::vector{selector.first_job};
  STINT_TRY(const std::uint64_t newest, find_newest_job(api));
  std::vector<std::uint64_t> jobs;
  for (std::uint64_t id = selector.first_job; id <= std::min(selector.last_job, newest); ++id) jobs.push_back(id);
  if (jobs.empty())
    return fail(Errc::not_found, "no job from " + std::to_string(selector.first_job) + " on; the newest is " + std::to_string(newest));
  return jobs;
}

Result<std::uint64_t> find_job(client::Api& api, const client::Selector& selector) {
  if (selector.is_range()) return fail(Errc::invalid_argument, "one job is wanted here, not a range");
  STINT_TRY(const auto jobs, find_jobs(api, selector));
  return jobs.front();
}

Result<std::string> find_task(client::Api& api, const client::Selector& selector) {
  STINT_TRY(const std::uint64_t job, find_job(api, selector));
  const std::string id = std::to_string(job);
  if (selector.index) return id + "." + selector.task_path();
  STINT_TRY(const client::Page page, api.list("/v1/jobs/" + id + "/tasks", {{"task", selector.task}}, 2));
  if (page.items.empty())
    return fail(Errc::not_found, "job " + id + " has no task \"" + selector.task + "\"; see `stint tasks " + id + "`");
  STINT_TRY(const client::TaskView first, client::parse_task_view(page.items.front()));
  if (page.items.size() > 1)
    return fail(Errc::invalid_argument,
                (selector.task.empty() ? "job " + id : id + "." + selector.task) + " has several tasks; name one, such as " + first.id);
  return first.id;
}

}  // namespace stint::cli
