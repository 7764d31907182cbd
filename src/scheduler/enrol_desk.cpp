#include "scheduler/enrol_desk.hpp"

#include <algorithm>
#include <utility>

#include "scheduler/limits.hpp"

namespace stint::scheduler {
namespace {

constexpr std::size_t kKindAt = 3;  // magic(2) ‖ frame version(1) ‖ kind(1)

}  // namespace

EnrolDesk::EnrolDesk(EnrolDeskOptions options, const protocol::EnrolKeyLookup& keys, SessionHub& hub, ports::Links& links,
                     ports::Entropy& entropy, Log& log, EnrolRequests& up)
    : options_(std::move(options)), keys_(keys), hub_(hub), out_(links), entropy_(entropy), log_(log), up_(up) {}

void EnrolDesk::on_link_open(ports::LinkId id, std::string peer, Now now) {
  opening_.emplace(id, Opening{peer, {}, {}});
  hub_.on_link_open(id, std::move(peer), now);
}

void EnrolDesk::on_link_bytes(ports::LinkId id, ByteView bytes, Now now, Instant empty_since) {
  if (auto enrolling = links_.find(id); enrolling != links_.end()) {
    enrolling->second.enrol->on_bytes(bytes, now, empty_since);
    return settle(id, now);
  }
  const auto opening = opening_.find(id);
  if (opening == opening_.end()) return hub_.on_link_bytes(id, bytes, now, empty_since);
  Bytes& head = opening->second.head;
  if (head.empty()) opening->second.empty_since = empty_since;
  if (head.size() + bytes.size() <= kKindAt) {
    head.insert(head.end(), bytes.begin(), bytes.end());
    return;
  }
  Opening first = std::move(opening_.extract(opening).mapped());
  decide(id, std::move(first), bytes, now, empty_since);
}

void EnrolDesk::decide(ports::LinkId id, Opening opening, ByteView bytes, Now now, Instant empty_since) {
  const std::size_t kept = opening.head.size();
  const auto kind = static_cast<wire::FrameKind>(bytes[kKindAt - kept]);
  const bool is_ours = kind == wire::FrameKind::enrol && links_.size() < limits::kEnrolmentsAtOnce && hub_.release(id);
  if (!is_ours) {
    if (kept > 0) hub_.on_link_bytes(id, opening.head, now, opening.empty_since);
    return hub_.on_link_bytes(id, bytes, now, empty_since);
  }
  protocol::SchedulerEnrolOptions options;
  entropy_.fill(options.nonce);
  options.cells = options_.cells;
  options.session_time_offset_ms = options_.session_time_offset_ms;
  options.counters = &hub_.counters();
  options.scratch = scratch_;
  Link& link = links_[id];
  link.peer = std::move(opening.peer);
  link.enrol = std::make_unique<protocol::SchedulerEnrol>(keys_, std::move(options), now);
  if (kept > 0) link.enrol->on_bytes(opening.head, now, opening.empty_since);
  link.enrol->on_bytes(bytes, now, empty_since);
  settle(id, now);
}

void EnrolDesk::on_link_closed(ports::LinkId id, Now now) {
  opening_.erase(id);
  deadlines_.erase(id);
  if (links_.erase(id) == 0) hub_.on_link_closed(id, now);
}

void EnrolDesk::take_link_output(ports::LinkId id, Now now, std::size_t budget, Bytes& out) {
  const auto at = links_.find(id);
  if (at == links_.end()) return hub_.take_link_output(id, now, budget, out);
  at->second.enrol->take_output(now, budget, out);
}

bool EnrolDesk::has_link_output(ports::LinkId id) const {
  const auto at = links_.find(id);
  return at == links_.end() ? hub_.has_link_output(id) : at->second.enrol->has_output();
}

void EnrolDesk::on_timer(Now now) {
  std::vector<ports::LinkId> due;
  deadlines_.take_due(now.mono, due);
  for (const auto id : due) {
    links_.at(id).enrol->on_timer(now);
    settle(id, now);
  }
}

void EnrolDesk::tell(const EnrolAnswer& answer, Now now) {
  const auto at = links_.find(answer.link);
  if (at == links_.end() || at->second.is_gone) return;
  auto& enrol = *at->second.enrol;
  if (const auto* grant = std::get_if<protocol::EnrolGrant>(&answer.what)) {
    log_.info("agent " + std::to_string(grant->address.agent.value) + " (" + grant->name + ") has enrolled from " + at->second.peer);
    enrol.grant(*grant);
  } else {
    enrol.refuse(std::get<protocol::EnrolRefusal>(answer.what));
  }
  settle(answer.link, now);
}

void EnrolDesk::close_all(Now now) {
  for (auto& [id, link] : links_) {
    link.enrol->close(protocol::CloseReason::leaving, "the scheduler takes no enrolments now");
    settle(id, now);
  }
}

/// Passes a request up, wakes the link for output, and closes it when nothing follows.
void EnrolDesk::settle(ports::LinkId id, Now now) {
  Link& link = links_.at(id);
  if (link.is_gone) return;
  if (const auto* asked = link.enrol->asked(); asked != nullptr && !std::exchange(link.is_asked, true)) up_.on_enrol(id, *asked, now);
  if (link.enrol->has_output()) out_.wake(id);
  deadlines_.set(id, link.enrol->next_deadline());
  if (!link.enrol->ended()) return;
  link.is_gone = true;
  protocol::SessionEvent event;
  while (link.enrol->next(event))
    if (const auto* ended = std::get_if<protocol::Ended>(&event)) log_end(link, *ended);
  out_.close(id);
}

void EnrolDesk::log_end(const Link& link, const protocol::Ended& ended) {
  if (!ended.code.empty()) log_.warn("enrolment from " + link.peer + " refused: " + ended.code + ": " + ended.detail);
}

}  // namespace stint::scheduler
