#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/time.hpp"
#include "client/curve.hpp"
#include "client/keys.hpp"
#include "client/progress.hpp"
#include "client/views.hpp"

/// `stint watch` without terminal and scheduler: what is known, what is chosen, what a key does.
namespace stint::client {

enum class Pane { jobs, tasks, agents };
enum class WatchPage { overview, task, logs, explain, agent, help };

/// What a refresh has brought. Lists hold what may be shown, never everything.
struct WatchData {
  std::string server;
  std::vector<JobView> jobs;
  bool has_more_jobs = false;
  std::vector<AgentView> agents;
  bool has_more_agents = false;
  std::vector<TaskView> tasks;               ///< of `tasks_of`: failed first, then running, pending, the others
  std::uint64_t tasks_of = 0;
  std::optional<TaskView> task;              ///< the chosen one, with its attempts' detail
  std::vector<std::pair<std::string, Series>> curves;  ///< its metrics
  std::vector<std::string> log;              ///< the end of its output
  std::vector<std::string> explanation;
  std::string trouble;                       ///< why what is shown may be old; empty: it is not
  UnixMillis wall_now{};
  std::map<std::uint64_t, RateMeter> meters;  ///< of the jobs shown
};

/// What the person at the keys has chosen. Rows are chosen by name, so that a list that changes under them changes nothing.
class WatchState {
 public:
  enum class Action { none, quit, refresh, cancel };

  explicit WatchState(std::optional<std::uint64_t> only_job);

  /// Action::cancel: cancel what `doomed()` was before.
  [[nodiscard]] Action on_key(const Key& key, const WatchData& data, std::size_t rows);
  /// After each refresh: what was chosen may have gone.
  void settle(const WatchData& data);

  [[nodiscard]] Pane pane() const { return pane_; }
  [[nodiscard]] WatchPage page() const { return page_; }
  [[nodiscard]] std::optional<std::uint64_t> only_job() const { return only_job_; }
  [[nodiscard]] std::uint64_t job() const { return job_; }
  [[nodiscard]] const std::string& task() const { return task_; }
  [[nodiscard]] const std::string& agent() const { return agent_; }
  [[nodiscard]] bool only_failed() const { return only_failed_; }
  [[nodiscard]] bool is_filtering() const { return is_filtering_; }
  [[nodiscard]] const std::string& filter(Pane pane) const { return filters_.at(static_cast<std::size_t>(pane)); }
  /// Lines of a text page that lie above the screen, counted from its end for logs, else from its beginning.
  [[nodiscard]] std::size_t scroll() const { return scroll_; }
  /// Waiting for y or n: the job or task that would be cancelled. Empty: nothing is asked.
  [[nodiscard]] const std::string& doomed() const { return doomed_; }
  /// Tasks above the chosen one in the list: so many more are to be fetched.
  [[nodiscard]] std::size_t task_position() const { return task_position_; }

  /// The rows of a list that the filter leaves, in order.
  [[nodiscard]] std::vector<const JobView*> shown_jobs(const WatchData& data) const;
  [[nodiscard]] std::vector<const TaskView*> shown_tasks(const WatchData& data) const;
  [[nodiscard]] std::vector<const AgentView*> shown_agents(const WatchData& data) const;

 private:
  Action on_list_key(const Key& key, const WatchData& data, std::size_t rows);
  Action on_page_key(const Key& key, std::size_t rows);
  Action on_filter_key(const Key& key);
  Action on_command(char command);
  Action on_answer(const Key& key);
  Action enter();
  void ask_to_cancel();
  void move(std::ptrdiff_t by, const WatchData& data);
  Action open(WatchPage page);

  std::optional<std::uint64_t> only_job_;
  Pane pane_ = Pane::jobs;
  WatchPage page_ = WatchPage::overview;
  std::uint64_t job_ = 0;
  std::string task_, agent_, doomed_;
  std::array<std::string, 3> filters_;
  bool only_failed_ = false;
  bool is_filtering_ = false;
  std::size_t scroll_ = 0;
  std::size_t task_position_ = 0;
};

}  // namespace stint::client
