#include "adapters/memory/store.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <limits>
#include <utility>

#include "base/assert.hpp"

namespace stint::memory {
namespace {

template <class... Ts>
struct Overloaded : Ts... {
  using Ts::operator()...;
};

}  // namespace

void Tables::apply(const core::Row& row) {
  std::visit(Overloaded{
                 [this](const core::JobRow& r) { jobs_[r.id] = r; },
                 [this](const core::JobStateRow& r) { job_states_[r.job] = r; },
                 [this](const core::AttemptRow& r) { attempts_[r.ref] = r; },
                 [this](const core::TaskMarkRow& r) { marks_[{r.job, r.group, r.first}] = r, take_over(r); },
                 [this](const core::AgentRow& r) { agents_[r.number] = r; },
                 [this](const core::MasterKeyRow& r) { keys_[r.epoch] = r; },
                 [this](const core::EventRow& r) { events_[r.seq] = r; },
                 [this](const core::LogRow& r) {
                   if (logs_.try_emplace({r.ref, r.stream, r.offset}, std::pair{logs_arrived_ + 1, r}).second) ++logs_arrived_;
                 },
                 [this](const core::ReportRow& r) { reports_[{r.ref, r.seq}] = r; },
                 [this](const core::MetaRow& r) { meta_[r.name] = r; },
                 [this](const core::GroupRow& r) { groups_[{r.job, r.group}] = r; },
                 [this](const core::OutputRow& r) { outputs_[{r.task, r.file.path}] = r; },
                 [this](const core::ResultRow& r) { results_[r.task] = r; },
                 [this](const core::CheckpointRow& r) { checkpoints_[r.task] = r; },
                 [this](const core::TokenRow& r) { tokens_[r.id] = r; },
                 [this](const core::EnrolTokenRow& r) { enrol_tokens_[r.id] = r; },
                 [this](const core::EnrolTokenRemovalRow& r) { enrol_tokens_.erase(r.id); },
                 [this](const core::JobRemovalRow& r) { remove(r.job), removals_[r.job] = r; },
             },
             row);
}

void Tables::mark_committed(BatchNumber number) {
  for (const auto& row : std::exchange(appended_, {})) apply(row);
  last_batch = number;
}

Status Tables::each(const std::function<Status(const core::Row&)>& row) const {
  for (const auto& [_, r] : jobs_) STINT_TRY_VOID(row(r));
  for (const auto& [_, r] : job_states_) STINT_TRY_VOID(row(r));
  for (const auto& [_, r] : groups_) STINT_TRY_VOID(row(r));
  for (const auto& [_, r] : attempts_) STINT_TRY_VOID(row(r));
  for (const auto& [_, r] : marks_) STINT_TRY_VOID(row(r));
  for (const auto& [_, r] : agents_) STINT_TRY_VOID(row(r));
  for (const auto& [_, r] : keys_) STINT_TRY_VOID(row(r));
  for (const auto& [_, r] : meta_) STINT_TRY_VOID(row(r));
  for (const auto& [_, r] : tokens_) STINT_TRY_VOID(row(r));
  for (const auto& [_, r] : removals_) STINT_TRY_VOID(row(r));
  for (const auto& [_, r] : enrol_tokens_) STINT_TRY_VOID(row(r));
  return {};
}

void Tables::take_over(const core::TaskMarkRow& mark) {
  const auto job = jobs_.find(mark.job);
  if (mark.reason != EndReason::reused || job == jobs_.end()) return;
  const JobId earlier = job->second.spec->retry_of;
  const TaskRef from{earlier, mark.group, mark.first};
  const auto is_within = [&](const TaskRef& task) { return task.job == earlier && task.group == mark.group && task.index <= mark.last; };
  for (auto at = outputs_.lower_bound({from, {}}); at != outputs_.end() && is_within(at->first.first); ++at) {
    core::OutputRow row = at->second;
    row.task.job = mark.job;
    outputs_.try_emplace({row.task, row.file.path}, row);
  }
  for (auto at = results_.lower_bound(from); at != results_.end() && is_within(at->first); ++at) {
    core::ResultRow row = at->second;
    row.task.job = mark.job;
    results_.try_emplace(row.task, row);
  }
}

void Tables::remove(JobId job) {
  jobs_.erase(job);
  job_states_.erase(job);
  std::erase_if(attempts_, [&](const auto& item) { return item.first.task.job == job; });
  std::erase_if(marks_, [&](const auto& item) { return std::get<0>(item.first) == job; });
  std::erase_if(logs_, [&](const auto& item) { return std::get<0>(item.first).task.job == job; });
  std::erase_if(reports_, [&](const auto& item) { return item.first.first.task.job == job; });
  std::erase_if(groups_, [&](const auto& item) { return item.first.first == job; });
  std::erase_if(outputs_, [&](const auto& item) { return item.first.first.job == job; });
  std::erase_if(results_, [&](const auto& item) { return item.first.job == job; });
  std::erase_if(checkpoints_, [&](const auto& item) { return item.first.job == job; });
}

ports::Swept Tables::sweep(const ports::StoreRetention& keep, UnixMillis now) {
  ports::Swept swept;
  swept.rows = sweep_logs(keep, now, swept.log_bytes) + sweep_events(keep, now);
  return swept;
}

std::uint64_t Tables::sweep_logs(const ports::StoreRetention& keep, UnixMillis now, std::uint64_t& bytes) {
  std::map<std::uint64_t, LogKey> arrived;
  std::uint64_t total = 0;
  for (const auto& [key, item] : logs_) {
    arrived.emplace(item.first, key);
    total += item.second.bytes.size();
  }
  std::uint64_t rows = 0;
  for (const auto& [_, key] : arrived) {
    const auto attempt = attempts_.find(std::get<0>(key));
    const bool has_ended = attempt == attempts_.end() || (!attempt->second.live && attempt->second.ended_at > UnixMillis{});
    if (!has_ended) continue;
    const bool is_old = keep.log_age > Duration{0} && attempt != attempts_.end() && now - attempt->second.ended_at > keep.log_age;
    if (!is_old && (keep.log_bytes == 0 || total <= keep.log_bytes)) continue;
    const std::uint64_t size = logs_.at(key).second.bytes.size();
    total -= size, bytes += size, ++rows;
    logs_.erase(key);
  }
  return rows;
}

std::uint64_t Tables::sweep_events(const ports::StoreRetention& keep, UnixMillis now) {
  std::uint64_t rows = 0;
  while (events_.size() > 1) {
    const bool is_old = keep.event_age > Duration{0} && now - events_.begin()->second.at > keep.event_age;
    if (!is_old && (keep.events == 0 || events_.size() <= keep.events)) break;
    events_.erase(events_.begin());
    ++rows;
  }
  return rows;
}

Result<ports::Store::Opened> MemoryStore::open(Committed committed) {
  committed_ = std::move(committed);
  tables_->recover();
  token_ = FencingToken{++tables_->token.value};
  return Opened{token_, tables_->last_batch};
}

Result<ports::Store::Opened> MemoryStore::reopen() {
  STINT_ASSERT(queue_.empty());
  if (full_) return fail(Errc::no_space, "the disk is full");
  refusing_ = false;
  return Opened{token_, tables_->last_batch};
}

void MemoryStore::finish_one(Fate fate, std::size_t torn_rows) {
  STINT_ASSERT(busy());
  ports::Batch batch = std::move(queue_.front());
  queue_.pop_front();
  if (fate == Fate::lost) return;
  if (token_ != tables_->token) return committed_(batch.number, fail(Errc::fenced, "another scheduler has taken over"));
  if (fate == Fate::no_space || full_ || refusing_) {
    refusing_ = true;
    return committed_(batch.number, fail(Errc::no_space, "the disk is full"));
  }
  if (fate == Fate::torn) batch.rows.resize(std::min(batch.rows.size(), torn_rows));
  tables_->append(std::move(batch.rows));
  if (fate == Fate::torn) return;
  if (fate == Fate::io_lost) tables_->recover();
  if (fate != Fate::io_lost) tables_->mark_committed(batch.number);
  if (fate == Fate::io_lost || fate == Fate::io_written) return committed_(batch.number, fail(Errc::io, "the disk does not answer"));
  if (fate == Fate::done) committed_(batch.number, {});
}

Result<std::vector<core::AttemptRow>> MemoryReader::attempts(const AttemptQuery& q) {
  std::vector<core::AttemptRow> rows;
  AttemptRef from = q.from;
  from.task.job = q.job;
  for (auto it = tables_->attempts_.lower_bound(from);
       it != tables_->attempts_.end() && it->first.task.job == q.job && rows.size() < q.limit; ++it) {
    const auto& row = it->second;
    if ((!q.group || row.ref.task.group == *q.group) && (!q.status || row.status == *q.status) && (!q.results_only || row.is_result))
      rows.push_back(row);
  }
  return rows;
}

Result<std::vector<core::LogRow>> MemoryReader::logs(const AttemptRef& ref, std::uint8_t stream, std::uint64_t offset,
                                                     std::size_t max_bytes) {
  STINT_TRY(auto tail, log_tail(ref, 0, std::numeric_limits<std::size_t>::max()));
  std::vector<core::LogRow> rows;
  std::size_t bytes = 0;
  for (auto& [_, row] : tail) {
    if (bytes >= max_bytes) break;
    if (stream != 0 && (row.stream != stream || row.offset + row.bytes.size() <= offset)) continue;
    bytes += row.bytes.size();
    rows.push_back(std::move(row));
  }
  return rows;
}

Result<ports::StoreReader::LogEnds> MemoryReader::log_ends(const AttemptRef& ref) {
  LogEnds ends;
  for (auto it = tables_->logs_.lower_bound({ref, 0, 0}); it != tables_->logs_.end() && std::get<0>(it->first) == ref; ++it) {
    const auto& row = it->second.second;
    (row.stream == 1 ? ends.out : ends.err) = row.offset + row.bytes.size();
  }
  return ends;
}

Result<std::vector<std::pair<std::uint64_t, core::LogRow>>> MemoryReader::log_tail(const AttemptRef& ref, std::uint64_t after,
                                                                                   std::size_t max_bytes) {
  std::vector<std::pair<std::uint64_t, core::LogRow>> rows;
  for (auto it = tables_->logs_.lower_bound({ref, 0, 0}); it != tables_->logs_.end() && std::get<0>(it->first) == ref; ++it)
    if (it->second.first > after) rows.push_back(it->second);
  std::sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::size_t bytes = 0, kept = 0;
  while (kept < rows.size() && bytes < max_bytes) bytes += rows[kept++].second.bytes.size();
  rows.erase(rows.begin() + static_cast<std::ptrdiff_t>(kept), rows.end());
  return rows;
}

Result<std::vector<std::pair<std::uint64_t, core::LogRow>>> MemoryReader::log_newest(const AttemptRef& ref, std::size_t max_bytes) {
  STINT_TRY(const auto all, log_tail(ref, 0, std::numeric_limits<std::size_t>::max()));
  std::vector<std::pair<std::uint64_t, core::LogRow>> rows;
  std::array<std::size_t, 3> bytes{};
  for (auto it = all.rbegin(); it != all.rend(); ++it) {
    std::size_t& taken = bytes.at(it->second.stream);
    if (taken < max_bytes) rows.push_back(*it);
    taken += it->second.bytes.size();
  }
  std::reverse(rows.begin(), rows.end());
  return rows;
}

Result<std::vector<core::EventRow>> MemoryReader::events(std::uint64_t after_seq, JobId job_or_zero, std::size_t limit) {
  std::vector<core::EventRow> rows;
  for (auto it = tables_->events_.upper_bound(after_seq); it != tables_->events_.end() && rows.size() < limit; ++it)
    if (!job_or_zero || it->second.job == job_or_zero) rows.push_back(it->second);
  return rows;
}

Result<std::uint64_t> MemoryReader::last_event_seq() { return tables_->events_.empty() ? 0 : tables_->events_.rbegin()->first; }

Result<std::vector<core::ReportRow>> MemoryReader::reports(const AttemptRef& ref, std::uint32_t after_seq, std::size_t limit) {
  std::vector<core::ReportRow> rows;
  for (auto it = tables_->reports_.upper_bound({ref, after_seq});
       it != tables_->reports_.end() && it->first.first == ref && rows.size() < limit; ++it)
    rows.push_back(it->second);
  return rows;
}

Result<std::vector<core::ReportRow>> MemoryReader::last_reports(const std::vector<AttemptRef>& refs) {
  std::vector<core::ReportRow> rows;
  for (const AttemptRef& ref : refs) {
    const auto after = tables_->reports_.upper_bound({ref, std::numeric_limits<std::uint32_t>::max()});
    if (after != tables_->reports_.begin() && std::prev(after)->first.first == ref) rows.push_back(std::prev(after)->second);
  }
  return rows;
}

Result<std::vector<core::TaskMarkRow>> MemoryReader::marks(JobId job) {
  std::vector<core::TaskMarkRow> rows;
  for (auto it = tables_->marks_.lower_bound({job, 0, 0}); it != tables_->marks_.end() && std::get<0>(it->first) == job; ++it)
    rows.push_back(it->second);
  return rows;
}

Result<std::vector<core::OutputRow>> MemoryReader::outputs(const OutputQuery& q) {
  std::vector<core::OutputRow> rows;
  TaskRef from = q.from;
  from.job = q.job;
  for (auto it = tables_->outputs_.upper_bound({from, q.after_path});
       it != tables_->outputs_.end() && it->first.first.job == q.job && rows.size() < q.limit; ++it)
    if (!q.group || it->first.first.group == *q.group) rows.push_back(it->second);
  return rows;
}

Result<std::vector<core::ResultRow>> MemoryReader::results(JobId job, std::uint32_t group, std::uint32_t from_index, std::size_t limit) {
  std::vector<core::ResultRow> rows;
  for (auto it = tables_->results_.lower_bound({job, group, from_index}); it != tables_->results_.end() && rows.size() < limit; ++it) {
    if (it->first.job != job || it->first.group != group) break;
    rows.push_back(it->second);
  }
  return rows;
}

Result<std::vector<TaskRef>> MemoryReader::find_with_result(const std::vector<TaskRef>& tasks) {
  std::vector<TaskRef> found;
  for (const TaskRef& task : tasks)
    if (tables_->results_.contains(task)) found.push_back(task);
  return found;
}

Result<std::optional<core::CheckpointRow>> MemoryReader::find_checkpoint(const TaskRef& task) {
  const auto at = tables_->checkpoints_.find(task);
  if (at == tables_->checkpoints_.end()) return std::nullopt;
  return at->second;
}

Result<std::vector<BlobId>> MemoryReader::find_referenced(const std::vector<BlobId>& blobs) {
  std::vector<BlobId> found;
  const auto is_in = [](const auto& table, const auto& names) {
    return std::any_of(table.begin(), table.end(), [&](const auto& entry) { return names(entry.second); });
  };
  for (const BlobId& blob : blobs) {
    if (is_in(tables_->outputs_, [&](const core::OutputRow& row) { return row.file.blob == blob; }) ||
        is_in(tables_->checkpoints_, [&](const core::CheckpointRow& row) { return row.blob == blob; }) ||
        is_in(tables_->groups_, [&](const core::GroupRow& row) { return row.items == blob || row.needs_inputs == blob; }))
      found.push_back(blob);
  }
  return found;
}

}  // namespace stint::memory
