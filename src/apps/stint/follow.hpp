#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/time.hpp"
#include "client/api.hpp"
#include "client/views.hpp"

/// Watching a job until it has ended.
namespace stint::cli {

[[nodiscard]] Instant now();
[[nodiscard]] UnixMillis wall_now();

/// Ctrl-C while something is followed: the first says how to come back and what a second one does, a second within a second cancels the
/// job,
/// one after that leaves.
class CancelKeys {
 public:
  CancelKeys(client::Api& api, std::uint64_t job, std::string way_back) : api_(api), job_(job), way_back_(std::move(way_back)) {}
  /// Call on ticks. False: leave now.
  [[nodiscard]] bool check();
  [[nodiscard]] bool wants_out() const { return wants_out_; }

 private:
  void on_key();

  client::Api& api_;
  std::uint64_t job_;
  std::string way_back_;
  int handled_ = 0;
  std::optional<Instant> last_key_;
  bool has_cancelled_ = false;
  bool wants_out_ = false;
};

enum class Progress { none, shown };

/// Waits for the end of a job; with Progress::shown bars (terminal) or lines (pipe) on stderr tell how it goes.
/// `keep_going` is asked about ten times a second; false ends the wait. The view is the last one read: ended, unless `keep_going` ended it.
[[nodiscard]] Result<client::JobView> follow_job(client::Api& api, std::uint64_t job, Progress progress,
                                                 const std::function<bool()>& keep_going);

/// Streams a task's output to stdout and stderr, byte for byte, until it has ended. Nothing if `keep_going` ended it.
[[nodiscard]] Result<std::optional<client::Outcome>> follow_task(client::Api& api, const std::string& task,
                                                                 const std::function<bool()>& keep_going);

/// One sentence on why the task or job (a path of the API) does not run; empty if it runs, has ended, or nobody can say.
[[nodiscard]] std::string find_waiting_reason(client::Api& api, const std::string& path);

/// The first task of a job; a job of one task has only this one.
[[nodiscard]] Result<client::TaskView> get_first_task(client::Api& api, std::uint64_t job);

/// Exit status of a job that has ended.
[[nodiscard]] Result<int> exit_status_of(client::Api& api, const client::JobView& job);

/// Says on stderr why tasks of an ended job failed, where their exit status does not say it: at most a few.
void tell_failures(client::Api& api, const client::JobView& job);

}  // namespace stint::cli
