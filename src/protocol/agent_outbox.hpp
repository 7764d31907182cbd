#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <utility>

#include "protocol/messages.hpp"

namespace stint::protocol {

/// What an agent wants to say and may not say yet: updates and logs before Reconcile, reports and logs without credit.
/// A change of state (number > 0) needs no credit. Order within each kind is kept; a report that waits may be overtaken by a change of
/// state, so one whose attempt has ended meanwhile is dropped.
class AgentOutbox {
 public:
  /// Takes a list; take_updates() gives back what may leave.
  void add(UpdateList list);
  void add(LogChunk chunk);
  /// The scheduler's Reconcile came: work may flow.
  void open() { is_open_ = true; }
  void grant(std::uint32_t log_chunks, std::uint32_t reports);

  /// Everything that may leave now, credit taken; nullopt if nothing.
  [[nodiscard]] std::optional<UpdateList> take_updates();
  [[nodiscard]] std::optional<LogChunk> take_chunk();

  /// What could be added and would leave at once.
  [[nodiscard]] std::uint32_t log_credit() const;
  [[nodiscard]] std::uint32_t report_credit() const;
  [[nodiscard]] std::size_t waiting_log_bytes() const { return waiting_log_bytes_; }
  /// Reports thrown away since the last call, because too many waited.
  [[nodiscard]] std::uint64_t take_dropped() { return std::exchange(dropped_, 0); }

 private:
  void hold_report(StatusUpdate report);
  void drop_reports_of(const AttemptRef& ref);

  bool is_open_ = false;
  std::uint32_t log_credit_ = 0;
  std::uint32_t report_credit_ = 0;
  UpdateList ready_;  // in order, reports among them paid for; before open() only changes of state
  std::deque<StatusUpdate> reports_;  // at most limits::kHeldReports
  std::deque<LogChunk> chunks_;
  std::size_t waiting_log_bytes_ = 0;
  std::uint64_t dropped_ = 0;
};

}  // namespace stint::protocol
