#include "sim/situations.hpp"

#include <algorithm>
#include <cstring>

#include "core/model/limits.hpp"
#include "protocol/codec.hpp"
#include "wire/limits.hpp"
#include "wire/lz4_block.hpp"

namespace stint::sim {
namespace {

constexpr std::size_t kReasons = 32;  // room in a pair of status and reason

constexpr std::array kRows{"job",        "job_state", "group",      "attempt",     "task_mark",   "agent",
                           "master_key", "event",     "log",        "report",      "meta",        "token",
                           "output",     "result",    "checkpoint", "job_removal", "enrol_token", "enrol_token_removal"};
constexpr std::array kMessages{"AssignmentList", "UpdateList", "StatusAck", "AgentInfo", "Resume", "Reconcile", "Heartbeat", "HeartbeatAck",
                               "Cancel",         "LogChunk",   "Credit",    "Error",     "Close",  "Rekey",     "CellPins"};
constexpr std::array kEvents{"agent_connected",      "agent_disconnected", "agent_draining", "agent_registered", "agent_revoked",
                             "attempt_conflict",     "attempt_failed",     "attempt_lost",   "attempt_recalled", "group_sized",
                             "job_cancel_requested", "job_ended",          "job_removed",    "job_submitted",    "key_retired",
                             "key_rotated",          "tasks_ended",        "token_created",  "token_revoked",    "agent_token_created",
                             "agent_token_revoked"};
constexpr std::array kVerdicts{"", "keep", "stop", "forget"};
constexpr std::array kCloses{"", "normal", "leaving", "displaced", "identity_in_use", "revoked", "overloaded", "protocol", "time"};

/// What no word of the schema says: found from several rows together.
enum class Named : std::uint8_t {
  joined,
  joined_by_third,
  earlier_won,
  later_won,
  stop_after_given_up,
  replaced,
  late_end,
  waits_for_retry,
  failed_after_retries,
  failed_after_losses,
  came_back_without,
  assigned_again,
  claimed,
  claim_ran_out,
  drained,
  drain_deadline,
  offer_changed,
  shrunk_below_use,
  no_items,
  items_counted,
  inputs_of_needs,
  collected,
  key_removed,
  provisional,
  confirmed,
  given_again_unconfirmed,
  kept_unconfirmed,
  given_up_unconfirmed,
};
constexpr std::array kNamed{"another attempt joined one out of reach",
                            "a third attempt joined",
                            "an earlier attempt won over a later one",
                            "a later attempt won over an earlier one",
                            "given up by stop_after",
                            "given up by replace",
                            "an attempt that was given up was let go by its agent",
                            "a retry waits",
                            "failed after its retries",
                            "failed after its reschedules",
                            "an agent came back without it",
                            "assigned once more",
                            "claimed by a person",
                            "a claim ran out or was given back",
                            "drained",
                            "drained with a deadline",
                            "an offer changed",
                            "an offer below what is in use",
                            "an entry without items",
                            "items counted from what an entry left",
                            "inputs made from what needs left",
                            "collected",
                            "a key was removed",
                            "given before it was durable",
                            "confirmed",
                            "given again after it was not confirmed",
                            "kept after it was not confirmed",
                            "given up before it was durable"};

using Pair = std::pair<TaskStatus, EndReason>;

constexpr std::array kAttemptEnds{Pair{TaskStatus::completed, EndReason::exit},      Pair{TaskStatus::failed, EndReason::exit},
                                  Pair{TaskStatus::failed, EndReason::signal},       Pair{TaskStatus::failed, EndReason::oom},
                                  Pair{TaskStatus::failed, EndReason::timeout},      Pair{TaskStatus::failed, EndReason::lost},
                                  Pair{TaskStatus::failed, EndReason::refused},      Pair{TaskStatus::failed, EndReason::start_failed},
                                  Pair{TaskStatus::cancelled, EndReason::cancelled}, Pair{TaskStatus::cancelled, EndReason::superseded},
                                  Pair{TaskStatus::cancelled, EndReason::max_fails}, Pair{TaskStatus::cancelled, EndReason::recalled}};
constexpr std::array kMarks{EndReason::cancelled, EndReason::needs_failed,       EndReason::max_fails,
                            EndReason::skipped,   EndReason::preparation_failed, EndReason::reused};
constexpr std::array kJobEnds{Pair{TaskStatus::completed, EndReason::none},
                              Pair{TaskStatus::failed, EndReason::exit},
                              Pair{TaskStatus::failed, EndReason::signal},
                              Pair{TaskStatus::failed, EndReason::oom},
                              Pair{TaskStatus::failed, EndReason::timeout},
                              Pair{TaskStatus::failed, EndReason::start_failed},
                              Pair{TaskStatus::failed, EndReason::lost},
                              Pair{TaskStatus::failed, EndReason::max_fails},
                              Pair{TaskStatus::failed, EndReason::preparation_failed},
                              Pair{TaskStatus::cancelled, EndReason::cancelled}};
constexpr std::array kDooms{EndReason::needs_failed, EndReason::skipped, EndReason::cancelled, EndReason::preparation_failed};

std::size_t item_of(TaskStatus status, EndReason reason) {
  const std::size_t ended = static_cast<std::size_t>(status) - static_cast<std::size_t>(TaskStatus::completed);
  return ended * kReasons + static_cast<std::size_t>(reason);
}

template <class Names>
std::string name_at(const Names& names, std::size_t item) {
  return item < names.size() ? names[item] : "number " + std::to_string(item);
}

std::string words_of(std::size_t item) {
  const auto status = static_cast<TaskStatus>(item / kReasons + static_cast<std::size_t>(TaskStatus::completed));
  return std::string(to_string(status)) + ' ' + std::string(to_string(static_cast<EndReason>(item % kReasons)));
}

bool is_releasing(const core::AttemptRow& row) { return !row.live && row.ended_at == UnixMillis{}; }

}  // namespace

std::string Situations::name_of(Kind kind, std::size_t item) {
  switch (kind) {
    case Kind::row: return "row " + name_at(kRows, item);
    case Kind::attempt: return "attempt " + words_of(item);
    case Kind::task_mark: return "tasks without an attempt: " + std::string(to_string(static_cast<EndReason>(item)));
    case Kind::entry: return "entry " + std::string(to_string(static_cast<EndReason>(item)));
    case Kind::job: return "job " + words_of(item);
    case Kind::to_agent: return "to an agent: " + name_at(kMessages, item);
    case Kind::to_scheduler: return "to the scheduler: " + name_at(kMessages, item);
    case Kind::verdict: return "verdict " + name_at(kVerdicts, item);
    case Kind::cancel: return "cancel " + std::string(to_string(static_cast<EndReason>(item)));
    case Kind::close: return "close " + name_at(kCloses, item);
    default: return name_at(kNamed, item);
  }
}

std::set<std::string> Situations::known() {
  std::set<std::string> names;
  const auto add = [&names](Kind kind, std::size_t item) { names.insert(name_of(kind, item)); };
  for (std::size_t i = 0; i < kRows.size(); ++i) add(Kind::row, i);
  for (const auto& event : kEvents) names.insert(std::string("event ") + event);
  for (const auto& [status, reason] : kAttemptEnds) add(Kind::attempt, item_of(status, reason));
  for (const auto reason : kMarks) add(Kind::task_mark, static_cast<std::size_t>(reason));
  for (const auto reason : kDooms) add(Kind::entry, static_cast<std::size_t>(reason));
  for (const auto& [status, reason] : kJobEnds) add(Kind::job, item_of(status, reason));
  for (const std::size_t message : {0, 2, 5, 7, 8, 10, 11, 12, 13}) add(Kind::to_agent, message);
  for (const std::size_t message : {1, 3, 4, 6, 9, 12}) add(Kind::to_scheduler, message);
  for (const std::size_t verdict : {1, 2, 3}) add(Kind::verdict, verdict);
  for (const auto reason : {EndReason::cancelled, EndReason::superseded, EndReason::recalled})
    add(Kind::cancel, static_cast<std::size_t>(reason));
  for (std::size_t close = 1; close < kCloses.size(); ++close) add(Kind::close, close);
  for (std::size_t i = 0; i < kNamed.size(); ++i) add(Kind::named, i);
  return names;
}

std::set<std::string> Situations::reached() const {
  std::set<std::string> names;
  for (const auto& event : events_) names.insert("event " + event);
  for (std::size_t kind = 0; kind < kKinds; ++kind)
    for (std::size_t item = 0; item < kItems; ++item)
      if (reached_[kind][item]) names.insert(name_of(static_cast<Kind>(kind), item));
  return names;
}

// Rows.

void Situations::note_batch(const std::vector<core::Row>& batch, const Durable& durable) {
  for (const auto& row : batch) {
    reach(Kind::row, row.index());
    if (const auto* event = std::get_if<core::EventRow>(&row)) events_.insert(event->kind);
    if (const auto* attempt = std::get_if<core::AttemptRow>(&row)) note(*attempt, durable);
    if (const auto* mark = std::get_if<core::TaskMarkRow>(&row)) reach(Kind::task_mark, static_cast<std::size_t>(mark->reason));
    if (const auto* agent = std::get_if<core::AgentRow>(&row)) note(*agent, durable);
    if (const auto* group = std::get_if<core::GroupRow>(&row)) note(*group);
    if (const auto* key = std::get_if<core::MasterKeyRow>(&row)) note(*key);
    if (const auto* job = std::get_if<core::JobStateRow>(&row); job != nullptr && has_ended(job->status))
      reach(Kind::job, item_of(job->status, job->reason));
  }
}

void Situations::note(const core::AttemptRow& row, const Durable& durable) {
  const auto* job = durable.find_job(row.ref.task.job);
  const auto before = durable.attempts().find(row.ref);
  if (before == durable.attempts().end()) note_new(row, durable);
  if (has_ended(row.status)) reach(Kind::attempt, item_of(row.status, row.reason));
  if (row.retry_at > UnixMillis{}) reach(Kind::named, static_cast<std::size_t>(Named::waits_for_retry));
  if (before == durable.attempts().end() || job == nullptr) return;
  note_end(row, before->second, job->spec->tasks.at(row.ref.task.group));
  if (row.is_result && row.status == TaskStatus::completed) {
    const bool has_later = durable.attempts().contains({row.ref.task, row.ref.attempt + 1});
    const auto earlier = durable.attempts().find({row.ref.task, row.ref.attempt - 1});
    if (has_later) reach(Kind::named, static_cast<std::size_t>(Named::earlier_won));
    if (earlier != durable.attempts().end() && earlier->second.live) reach(Kind::named, static_cast<std::size_t>(Named::later_won));
  }
}

void Situations::note_new(const core::AttemptRow& row, const Durable& durable) {
  std::size_t live = 0;
  for (std::uint32_t attempt = 1; attempt < row.ref.attempt; ++attempt) {
    const auto other = durable.attempts().find({row.ref.task, attempt});
    live += other != durable.attempts().end() && other->second.live ? 1 : 0;
  }
  if (live == 1) reach(Kind::named, static_cast<std::size_t>(Named::joined));
  if (live == 2) reach(Kind::named, static_cast<std::size_t>(Named::joined_by_third));
  if (row.lease_until > UnixMillis{}) reach(Kind::named, static_cast<std::size_t>(Named::claimed));
}

void Situations::note_end(const core::AttemptRow& row, const core::AttemptRow& before, const core::TaskSpec& spec) {
  const auto named = [this](Named name) { reach(Kind::named, static_cast<std::size_t>(name)); };
  const bool is_given_up = before.live && is_releasing(row) && row.reason == EndReason::lost;
  if (is_given_up && spec.on_disconnect == core::DisconnectPolicy::stop_after) named(Named::stop_after_given_up);
  if (is_given_up && spec.on_disconnect == core::DisconnectPolicy::replace) named(Named::replaced);
  if (is_releasing(before) && !is_releasing(row)) named(Named::late_end);
  if (before.live && row.detail == "the agent came back without it") named(Named::came_back_without);
  if (row.lease_until > UnixMillis{} && row.reason == EndReason::lost) named(Named::claim_ran_out);
  if (!row.is_result || row.status != TaskStatus::failed) return;
  named(row.reason == EndReason::lost ? Named::failed_after_losses : Named::failed_after_retries);
}

void Situations::note(const core::AgentRow& row, const Durable& durable) {
  if (row.draining) reach(Kind::named, static_cast<std::size_t>(Named::drained));
  if (row.drain_by > UnixMillis{}) reach(Kind::named, static_cast<std::size_t>(Named::drain_deadline));
  const auto* before = durable.find_agent(row.number);
  const bool is_known = before != nullptr && !before->offer.drivers.empty();
  if (is_known && !(before->offer == row.offer)) reach(Kind::named, static_cast<std::size_t>(Named::offer_changed));
  if (is_known && !row.offer.resources.covers(before->offer.resources))
    reach(Kind::named, static_cast<std::size_t>(Named::shrunk_below_use));
}

void Situations::note(const core::GroupRow& row) {
  if (row.doom != EndReason::none) reach(Kind::entry, static_cast<std::size_t>(row.doom));
  if (row.is_prepared && row.count == 0) reach(Kind::named, static_cast<std::size_t>(Named::no_items));
  if (row.is_prepared && row.items) reach(Kind::named, static_cast<std::size_t>(Named::items_counted));
  if (row.is_prepared && row.needs_inputs) reach(Kind::named, static_cast<std::size_t>(Named::inputs_of_needs));
  if (row.is_collected) reach(Kind::named, static_cast<std::size_t>(Named::collected));
}

void Situations::note(const core::MasterKeyRow& row) {
  if (row.sealed.empty()) reach(Kind::named, static_cast<std::size_t>(Named::key_removed));
}

// Messages.

void Situations::overhear(ConnectionId id, Side side, ByteView bytes) {
  wire::FrameReader& reader = readers_[{id, side}];
  reader.set_limit(wire::limits::kBodyMax);
  reader.feed(bytes);
  while (const auto frame = reader.next())
    if (frame->header.kind == wire::FrameKind::data) hear(*frame, side);
}

/// Nobody forges frames here: what they say is read without their keys.
void Situations::hear(const wire::RawFrame& frame, Side side) {
  ByteView body = frame.body_and_tag();
  if (frame.header.is_compressed()) {
    const std::size_t raw = frame.header.raw_length;
    scratch_.reserve(raw + wire::kTagSize);
    const ByteView block = frame.body().first(frame.body().size() - frame.header.pad());
    if (!wire::decompress_block(block, {scratch_.data(), raw})) return;
    std::memcpy(scratch_.data() + raw, frame.tag().data(), wire::kTagSize);
    body = {scratch_.data(), raw + wire::kTagSize};
  }
  const auto envelope = protocol::open_envelope(body);
  if (!envelope) return;
  const auto message = protocol::decode_message(*envelope);
  if (!message) return;
  reach(side == Side::agent ? Kind::to_agent : Kind::to_scheduler, message->index());
  hear(*message);
}

void Situations::hear(const protocol::Message& message) {
  if (const auto* reconcile = std::get_if<protocol::Reconcile>(&message)) hear(*reconcile);
  if (const auto* cancel = std::get_if<protocol::Cancel>(&message))
    for (const auto& item : cancel->items)
      reach(Kind::cancel, static_cast<std::size_t>(item.mode == protocol::CancelMode::recall ? EndReason::recalled : item.reason));
  if (const auto* close = std::get_if<protocol::Close>(&message)) reach(Kind::close, static_cast<std::size_t>(close->reason));
  if (const auto* list = std::get_if<protocol::AssignmentList>(&message)) hear(*list);
}

void Situations::hear(const protocol::Reconcile& reconcile) {
  for (const auto& item : reconcile.items) {
    reach(Kind::verdict, static_cast<std::size_t>(item.verdict));
    if (unconfirmed_.erase(item.ref) == 0) continue;
    const bool is_kept = item.verdict == protocol::Verdict::keep;
    reach(Kind::named, static_cast<std::size_t>(is_kept ? Named::kept_unconfirmed : Named::given_up_unconfirmed));
  }
}

void Situations::hear(const protocol::AssignmentList& list) {
  for (const auto& ref : list.confirmed)
    if (unconfirmed_.erase(ref) > 0) reach(Kind::named, static_cast<std::size_t>(Named::confirmed));
  for (const auto& item : list.items) {
    if (!given_.insert(item.ref).second) reach(Kind::named, static_cast<std::size_t>(Named::assigned_again));
    if (list.is_provisional) {
      unconfirmed_.insert(item.ref);
      reach(Kind::named, static_cast<std::size_t>(Named::provisional));
    } else if (unconfirmed_.erase(item.ref) > 0) {
      reach(Kind::named, static_cast<std::size_t>(Named::given_again_unconfirmed));
    }
  }
}

}  // namespace stint::sim
