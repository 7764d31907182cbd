#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "ports/http.hpp"
#include "sim/durable.hpp"

namespace stint::sim {

/// Everything the scheduler has said through the API. At the moment it is said it must be durable (promise 1), and it stays true.
class Told {
 public:
  Told(const Durable& durable, Findings& findings) : durable_(durable), findings_(findings) {}

  void on_answer(const ports::HttpRequest& request, const ports::HttpResponse& response);
  /// Whole server-sent events.
  void on_events(std::string_view text);
  /// All of it once more, against what is durable at the end.
  void check_all();

  [[nodiscard]] std::size_t facts() const { return ends_.size() + jobs_.size(); }
  [[nodiscard]] const std::map<TaskRef, TaskStatus>& ends() const { return ends_; }
  [[nodiscard]] const std::map<std::string, JobId>& jobs() const { return jobs_; }

 private:
  void on_submitted(const std::string& key, const ports::HttpResponse& response);
  void on_tasks(const ports::HttpResponse& response);
  void on_claimed(const ports::HttpResponse& response);
  void on_answered(const ports::HttpResponse& response);
  [[nodiscard]] std::optional<TaskRef> find_task(std::string_view name) const;
  void on_job(const ports::HttpResponse& response);
  void on_tasks_ended(std::string_view data);
  void on_job_ended(std::string_view data);
  void note_end(const TaskRef& task, TaskStatus status);
  void note_job_end(JobId job, std::string_view state);
  void check_end(const TaskRef& task, TaskStatus status);

  const Durable& durable_;
  Findings& findings_;
  std::map<std::string, JobId> jobs_;       ///< by idempotency key
  std::map<TaskRef, TaskStatus> ends_;
  std::map<JobId, TaskStatus> job_ends_;
};

}  // namespace stint::sim
