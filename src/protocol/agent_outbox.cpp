#include "protocol/agent_outbox.hpp"

#include <algorithm>

#include "protocol/limits.hpp"

namespace stint::protocol {
namespace {

std::uint32_t add_credit(std::uint32_t have, std::uint32_t more) {
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(std::uint64_t{have} + more, limits::kCreditMax));
}

std::uint32_t left_over(std::uint32_t credit, std::size_t waiting) {
  return waiting >= credit ? 0 : credit - static_cast<std::uint32_t>(waiting);
}

}  // namespace

void AgentOutbox::add(UpdateList list) {
  const bool has_reports = std::any_of(list.items.begin(), list.items.end(), [](const StatusUpdate& update) { return update.number == 0; });
  if (!has_reports && reports_.empty() && ready_.items.empty()) {
    ready_ = std::move(list);  // the hot path: a thousand completed tasks at once
    return;
  }
  for (StatusUpdate& update : list.items) {
    if (update.number == 0 && (!is_open_ || report_credit_ == 0 || !reports_.empty())) {
      hold_report(std::move(update));
      continue;
    }
    if (update.number == 0) --report_credit_;
    if (has_ended(update.status)) drop_reports_of(update.ref);
    ready_.items.push_back(std::move(update));
  }
}

void AgentOutbox::add(LogChunk chunk) {
  waiting_log_bytes_ += chunk.bytes.size();
  chunks_.push_back(std::move(chunk));
}

void AgentOutbox::grant(std::uint32_t log_chunks, std::uint32_t reports) {
  log_credit_ = add_credit(log_credit_, log_chunks);
  report_credit_ = add_credit(report_credit_, reports);
}

std::optional<UpdateList> AgentOutbox::take_updates() {
  if (!is_open_) return std::nullopt;
  while (!reports_.empty() && report_credit_ > 0) {
    --report_credit_;
    ready_.items.push_back(std::move(reports_.front()));
    reports_.pop_front();
  }
  if (ready_.items.empty()) return std::nullopt;
  return std::exchange(ready_, {});
}

std::optional<LogChunk> AgentOutbox::take_chunk() {
  if (!is_open_ || log_credit_ == 0 || chunks_.empty()) return std::nullopt;
  --log_credit_;
  LogChunk chunk = std::move(chunks_.front());
  chunks_.pop_front();
  waiting_log_bytes_ -= chunk.bytes.size();
  return chunk;
}

std::uint32_t AgentOutbox::log_credit() const { return is_open_ ? left_over(log_credit_, chunks_.size()) : 0; }
std::uint32_t AgentOutbox::report_credit() const { return is_open_ ? left_over(report_credit_, reports_.size()) : 0; }

void AgentOutbox::hold_report(StatusUpdate report) {
  if (reports_.size() == limits::kHeldReports) {
    reports_.pop_front();
    ++dropped_;
  }
  reports_.push_back(std::move(report));
}

void AgentOutbox::drop_reports_of(const AttemptRef& ref) {
  std::erase_if(reports_, [&](const StatusUpdate& report) { return report.ref == ref; });
}

}  // namespace stint::protocol
