#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "client/api.hpp"
#include "client/watch_layout.hpp"
#include "client/watch_state.hpp"

namespace stint::client {

/// Brings what the watch screen shows: at most a dozen requests for small pages, however many tasks, jobs and agents there are.
class WatchFetch {
 public:
  WatchFetch(Api& api, WatchData& data) : api_(api), data_(data) {}

  /// What could be read is in the data, also when something else could not: then `trouble` says what.
  /// Errors:  those of the API; the job that is watched alone must be there.
  [[nodiscard]] Status refresh(const WatchState& state, const PaneRows& rows, Instant now, UnixMillis wall_now);

 private:
  Status fetch_jobs(const WatchState& state, Instant now);
  Status fetch_agents();
  Status fetch_tasks(const WatchState& state, std::size_t wanted);
  Status add_tasks(const Query& query, std::size_t limit);
  Status find_by_index(const JobView& job, const std::string& name, const std::string& index);
  Status fetch_chosen_task(const WatchState& state);
  Status fetch_curves(const WatchState& state);
  Status fetch_log(const std::string& task);
  Status fetch_explanation(const WatchState& state);

  Api& api_;
  WatchData& data_;
  std::string curves_of_;  ///< task whose reports the curves are made of
  std::uint64_t curves_attempt_ = 0;
  std::uint64_t reports_read_ = 0;  ///< seq of the last one
};

}  // namespace stint::client
