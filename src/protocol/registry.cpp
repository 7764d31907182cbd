#include "protocol/registry.hpp"

#include <algorithm>
#include <utility>

#include "base/assert.hpp"
#include "protocol/limits.hpp"

namespace stint::protocol {
namespace {

std::string in_use_by(AgentNumber agent, SessionId session, const char* why) {
  return "identity of agent " + std::to_string(agent.value) + " in use by session " + std::to_string(session.value) + ": " + why;
}

RegistryDecision refuse(SessionId other, CloseReason reason, std::string detail) {
  return {RegistryDecision::Kind::refuse, other, reason, std::move(detail)};
}

}  // namespace

std::optional<SessionId> IdentityRegistry::on_hello(AgentNumber agent, SessionId session) {
  Entry& entry = agents_[agent];
  return std::exchange(entry.half_open, session);
}

RegistryDecision IdentityRegistry::on_established(const HelloInfo& hello, SessionId session, Now now) {
  Entry& entry = agents_[hello.agent];
  if (entry.half_open == session) entry.half_open.reset();
  if (!entry.live) {
    entry.live = Holder{session, hello};
    return {};
  }
  if (entry.live->hello.instance != hello.instance || entry.live->hello.boot != hello.boot) return probe(entry, {session, hello}, now);

  const SessionId old = entry.live->session;
  if (hello.connect <= entry.live->hello.connect) {
    return refuse(old, CloseReason::identity_in_use, in_use_by(hello.agent, old, "the same start of the agent with a newer connection"));
  }
  entry.live = Holder{session, hello};
  // The frame that established it answers a probe of its predecessor as well; on_timer says so to the twin that waits.
  if (entry.waiting) {
    entry.waiting->is_answered = true;
    entry.waiting->until = now.mono;
  }
  return {RegistryDecision::Kind::accept_and_close, old, CloseReason::displaced, "displaced by a newer connection of the same agent"};
}

RegistryDecision IdentityRegistry::probe(Entry& entry, Holder candidate, Now now) {
  const SessionId live = entry.live->session;
  if (entry.waiting) {
    // One waits already. A newer connection of the same start replaces nothing here: the first decision is at most a probe away.
    return refuse(live, CloseReason::identity_in_use,
                  in_use_by(candidate.hello.agent, live, "another connection is already asking for it"));
  }
  waiting_.insert(candidate.hello.agent);
  entry.waiting = Waiting{candidate, now.mono, now.mono + limits::kProbe, false};
  return {RegistryDecision::Kind::wait_probe, live, CloseReason::normal, {}};
}

std::optional<RegistryOutcome> IdentityRegistry::on_heard(AgentNumber agent, SessionId session, Now now) {
  if (waiting_.empty() || !waiting_.contains(agent)) return std::nullopt;
  Entry& entry = agents_[agent];
  const bool is_answer = entry.live && entry.live->session == session && now.mono >= entry.waiting->since;
  if (!is_answer) return std::nullopt;
  return dismiss(agent, entry);
}

RegistryOutcome IdentityRegistry::dismiss(AgentNumber agent, Entry& entry) {
  const SessionId waited = entry.waiting->holder.session;
  const SessionId live = entry.live->session;
  entry.waiting.reset();
  waiting_.erase(agent);
  return {waited, refuse(live, CloseReason::identity_in_use, in_use_by(agent, live, "it answers"))};
}

std::optional<RegistryOutcome> IdentityRegistry::on_closed(AgentNumber agent, SessionId session) {
  const auto found = agents_.find(agent);
  if (found == agents_.end()) return std::nullopt;
  Entry& entry = found->second;
  std::optional<RegistryOutcome> outcome;
  if (entry.half_open == session) entry.half_open.reset();
  if (entry.waiting && entry.waiting->holder.session == session) {
    entry.waiting.reset();
    waiting_.erase(agent);
  }
  if (entry.live && entry.live->session == session) {
    entry.live.reset();
    if (entry.waiting) outcome = promote(agent, entry, {});
  }
  if (entry.empty()) agents_.erase(found);
  return outcome;
}

RegistryOutcome IdentityRegistry::promote(AgentNumber agent, Entry& entry, RegistryDecision decision) {
  entry.live = entry.waiting->holder;
  entry.waiting.reset();
  waiting_.erase(agent);
  return {entry.live->session, std::move(decision)};
}

std::vector<RegistryOutcome> IdentityRegistry::on_timer(Now now) {
  std::vector<AgentNumber> due;
  for (const AgentNumber agent : waiting_) {
    if (agents_[agent].waiting->until <= now.mono) due.push_back(agent);
  }
  std::vector<RegistryOutcome> outcomes;
  for (const AgentNumber agent : due) {
    Entry& entry = agents_[agent];
    STINT_ASSERT(entry.live);
    if (entry.waiting->is_answered) {
      outcomes.push_back(dismiss(agent, entry));
      continue;
    }
    const RegistryDecision decision{RegistryDecision::Kind::accept_and_close, entry.live->session, CloseReason::displaced,
                                    "did not answer a probe while another start of the agent asked for its identity"};
    outcomes.push_back(promote(agent, entry, decision));
  }
  return outcomes;
}

Instant IdentityRegistry::next_deadline() const {
  Instant next = Instant::max();
  for (const AgentNumber agent : waiting_) next = std::min(next, agents_.at(agent).waiting->until);
  return next;
}

std::optional<SessionId> IdentityRegistry::find(AgentNumber agent) const {
  const auto found = agents_.find(agent);
  if (found == agents_.end() || !found->second.live) return std::nullopt;
  return found->second.live->session;
}

}  // namespace stint::protocol
