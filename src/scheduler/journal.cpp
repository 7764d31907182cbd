#include "scheduler/journal.hpp"

#include <algorithm>
#include <utility>

#include "base/assert.hpp"

namespace stint::scheduler {
namespace {

constexpr std::size_t kRowsExpected = 16'384;

}  // namespace

Journal::Journal(ports::Store& store, std::function<void(Turn&&)> tell, std::function<void(const Error&)> failed)
    : store_(store), tell_(std::move(tell)), failed_(std::move(failed)) {}

void Journal::restart(BatchNumber last) {
  last_ = last;
  turn_ = {};
  writing_ = {};
  in_flight_ = false;
}

void Journal::flush() {
  if (in_flight_ || turn_.empty()) return;
  Turn turn = std::exchange(turn_, {});
  if (turn.effects.rows.empty()) {
    tell_(std::move(turn));
    return;
  }
  ports::Batch batch{BatchNumber{++last_.value}, std::exchange(turn.effects.rows, {})};
  turn_.effects.rows.reserve(std::min(batch.rows.size(), kRowsExpected));  // under load the next batch is as large
  for (const auto& row : batch.rows) {
    if (const auto* event = std::get_if<core::EventRow>(&row)) turn.events.push_back(*event);
    if (const auto* job = std::get_if<core::JobStateRow>(&row); job != nullptr && has_ended(job->status))
      turn.ended_jobs.push_back(job->job);
  }
  writing_ = std::move(turn);
  in_flight_ = true;
  if (announce_ && !writing_.effects.sends.empty() && store_.is_prompt(batch)) announce_(writing_);
  store_.commit(std::move(batch));
}

std::vector<PendingReply> Journal::take_replies() {
  auto replies = std::exchange(writing_.replies, {});
  for (auto& reply : turn_.replies) replies.push_back(std::move(reply));
  turn_.replies.clear();
  return replies;
}

void Journal::on_committed(BatchNumber number, const Status& status) {
  if (!in_flight_ || number != last_) return;  // an answer to a batch from before restart()
  in_flight_ = false;
  if (!status) {
    failed_(status.error());
    return;
  }
  tell_(std::exchange(writing_, {}));
  flush();
}

}  // namespace stint::scheduler
