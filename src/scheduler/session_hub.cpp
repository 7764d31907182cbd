#include "scheduler/session_hub.hpp"

#include <algorithm>
#include <utility>

#include "scheduler/convert.hpp"
#include "scheduler/heartbeat_rule.hpp"
#include "scheduler/limits.hpp"

namespace stint::scheduler {
namespace {

std::uint64_t random_id(ports::Entropy& entropy) {
  std::array<std::uint8_t, 8> bytes{};
  entropy.fill(bytes);
  return load_le<std::uint64_t>(bytes.data()) | 1;  // never zero
}

bool is_same_start(const protocol::Session& one, const protocol::Session& other) {
  return one.hello()->instance == other.hello()->instance && one.hello()->boot == other.hello()->boot;
}

}  // namespace

SessionHub::SessionHub(SessionHubOptions options, const AgentKeys& keys, ports::Links& links, ports::Entropy& entropy, Log& log,
                       AgentMessages& up)
    : options_(std::move(options)), keys_(keys), out_(links), entropy_(entropy), log_(log), up_(up) {}

SessionHub::~SessionHub() = default;

void SessionHub::on_link_open(ports::LinkId id, std::string peer, Now now) {
  if (!accepting_ || links_.size() >= limits::kLinksMax) {
    out_.close(id);  // nothing is promised to a stranger; an agent tries again with backoff
    return;
  }
  protocol::SchedulerSessionOptions options;
  options.session = SessionId{random_id(entropy_)};
  entropy_.fill(options.nonce);
  options.session_time_offset_ms = options_.session_time_offset_ms;
  std::array<std::uint8_t, 2> random{};
  if (links_.size() >= limits::kHeartbeatJitterFrom) entropy_.fill(random);
  options.heartbeat_interval = heartbeat_for(options_.heartbeat_interval, links_.size(), load_le<std::uint16_t>(random.data()));
  options.log_chunk_credit = limits::kLogCredit;
  options.report_credit = limits::kReportCredit;
  options.counters = &counters_;
  options.scratch = scratch_;
  Link link;
  link.id = options.session;
  link.peer = std::move(peer);
  link.session = protocol::make_scheduler_session(keys_, std::move(options), now);
  by_session_[link.id] = id;
  watch(id, links_.emplace(id, std::move(link)).first->second);
}

/// After whatever may have moved the link's deadlines.
void SessionHub::watch(ports::LinkId id, const Link& link) {
  deadlines_.set(id, link.gone ? Instant::max() : std::min(link.session->next_deadline(), link.rekey_at));
}

void SessionHub::on_link_bytes(ports::LinkId id, ByteView bytes, Now now, Instant empty_since) {
  auto it = links_.find(id);
  if (it == links_.end() || it->second.gone) return;
  const Instant heard_before = it->second.session->last_heard();
  it->second.session->on_bytes(bytes, now, empty_since);
  const bool heard = it->second.session->last_heard() != heard_before;
  const AgentNumber agent = it->second.agent;
  drain(id, now);
  watch(id, it->second);
  if (heard && agent) apply(registry_.on_heard(agent, it->second.id, now), now);
}

void SessionHub::on_link_closed(ports::LinkId id, Now now) {
  auto it = links_.find(id);
  if (it == links_.end()) return;
  if (!it->second.gone) {
    it->second.session->on_closed(now);
    drain(id, now);
    finish(id, now);
  }
  by_session_.erase(it->second.id);
  links_.erase(it);
}

bool SessionHub::release(ports::LinkId id) {
  const auto it = links_.find(id);
  if (it == links_.end() || it->second.gone) return false;
  by_session_.erase(it->second.id);
  links_.erase(it);
  deadlines_.erase(id);
  return true;
}

void SessionHub::take_link_output(ports::LinkId id, Now now, std::size_t budget, Bytes& out) {
  if (auto it = links_.find(id); it != links_.end()) it->second.session->take_output(now, budget, out);
}

bool SessionHub::has_link_output(ports::LinkId id) const {
  const auto it = links_.find(id);
  return it != links_.end() && it->second.session->has_output();
}

void SessionHub::on_timer(Now now) {
  std::vector<ports::LinkId> due;
  deadlines_.take_due(now.mono, due);
  for (const auto id : due) {
    const auto it = links_.find(id);
    if (it == links_.end() || it->second.gone) continue;  // the end of another took it along
    Link& link = it->second;
    if (link.session->next_deadline() <= now.mono) {
      link.session->on_timer(now);
      drain(id, now);
    }
    if (!link.gone && link.rekey_at <= now.mono) offer_key(id, now);
    watch(id, link);
  }
  for (const auto& outcome : registry_.on_timer(now)) apply(outcome, now);
}

Instant SessionHub::next_deadline() const { return std::min(registry_.next_deadline(), deadlines_.next()); }

void SessionHub::drain(ports::LinkId id, Now now) {
  Link& link = links_.at(id);
  protocol::SessionEvent event;
  if (!link.agent && link.session->hello() != nullptr) {
    link.agent = link.session->hello()->agent;
    link.skew_ms = link.session->hello()->wall_ms - to_ms(now.wall);
    if (const auto older = registry_.on_hello(link.agent, link.id))
      if (const auto other = link_of(*older)) finish(other, now);
  }
  while (!link.gone && link.session->next(event)) {
    if (auto* established = std::get_if<protocol::Established>(&event)) {
      if (!takes_work(established->hello.key_epoch)) {
        send_away(id, now);
      } else {
        apply(id, registry_.on_established(established->hello, link.id, now), now);
      }
    } else if (auto* received = std::get_if<protocol::Received>(&event)) {
      if (link.speaking)
        on_message(link, received->message, now);
      else
        link.held.push_back(std::move(received->message));
    } else {
      const auto& ended = std::get<protocol::Ended>(event);
      if (!ended.code.empty() && ended.reason != protocol::CloseReason::normal && ended.reason != protocol::CloseReason::leaving)
        log_.warn("session with " + link.peer + (link.agent ? " (agent " + std::to_string(link.agent.value) + ")" : "") +
                  " ended: " + ended.code + ": " + ended.detail);
      finish(id, now);
    }
  }
  if (link.session->has_output()) out_.wake(id);
}

void SessionHub::on_message(Link& link, protocol::Message& message, Now now) {
  const AgentNumber agent = link.agent;
  if (auto* updates = std::get_if<protocol::UpdateList>(&message)) {
    up_.on_updates(agent, *updates, now);
    const auto reports = std::count_if(updates->items.begin(), updates->items.end(), [](const auto& update) { return update.number == 0; });
    if (reports > 0) link.session->send(protocol::Credit{0, static_cast<std::uint32_t>(reports), {}});
  } else if (auto* chunk = std::get_if<protocol::LogChunk>(&message)) {
    if (auto problem = up_.on_log(agent, *chunk, now); !problem.empty()) {
      link.session->send(protocol::ErrorMessage{"log_gap", std::move(problem), 0, 0});
      link.session->send(protocol::Credit{1, 0, {}});
    }
  } else if (auto* resume = std::get_if<protocol::Resume>(&message)) {
    link.knows_provisional = resume->info.knows_provisional;
    ++agents_[agent].reconciles_due;
    up_.on_resume(*link.session->hello(), *resume, now);
  } else if (auto* info = std::get_if<protocol::AgentInfo>(&message)) {
    link.knows_provisional = info->knows_provisional;
    up_.on_info(agent, *info, now);
  } else if (const auto* error = std::get_if<protocol::ErrorMessage>(&message)) {
    log_.warn("agent " + std::to_string(agent.value) + " says " + error->code + ": " + error->detail);
  }
  // Heartbeats are answered by the session; Close needs nothing here.
}

void SessionHub::take_over(ports::LinkId id, Now now) {
  Link& link = links_.at(id);
  link.speaking = true;
  Agent& agent = agents_[link.agent];
  agent.link = id;
  agent.reconciled = false;
  agent.verdicts.clear();
  for (auto& message : std::exchange(link.held, {})) on_message(link, message, now);
}

/// The same process goes on over another connection: its agent was never out of reach, and no task's disconnect policy has a say.
void SessionHub::hand_over(ports::LinkId from) { links_.at(from).speaking = false; }

/// Its key is retired: good for a newer one, and for nothing else.
void SessionHub::send_away(ports::LinkId id, Now now) {
  Link& link = links_.at(id);
  const std::string epoch = "key epoch " + std::to_string(link.session->hello()->key_epoch.value);
  if (auto rekey = keys_.make_rekey(link.agent, link.session->hello()->key_epoch, newest_epoch_, entropy_))
    link.session->send(*std::move(rekey));
  link.session->close(protocol::CloseReason::normal, epoch + " is retired: come again with the newer key");
  log_.info("agent " + std::to_string(link.agent.value) + " came with a retired key (" + epoch + ") and got a newer one");
  finish(id, now);
}

void SessionHub::offer_key(ports::LinkId id, Now now) {
  Link& link = links_.at(id);
  link.rekey_at = Instant::max();
  const KeyEpoch epoch = link.session->hello()->key_epoch;
  if (!link.speaking || epoch >= newest_epoch_) return;
  auto rekey = keys_.make_rekey(link.agent, epoch, newest_epoch_, entropy_);
  if (!rekey) return;
  link.session->send(*std::move(rekey));
  link.rekey_at = now.mono + limits::kRekeyPeriod;
  watch(id, link);
  out_.wake(id);
}

/// Of the newest that agents may be told, whatever is decided and not durable yet: there is no newer one to give them.
bool SessionHub::takes_work(KeyEpoch epoch) const { return epoch >= newest_epoch_ || keys_.takes_work(epoch); }

void SessionHub::on_keys_changed(KeyEpoch newest, Now now) {
  newest_epoch_ = newest;
  std::vector<ports::LinkId> over;
  for (const auto& [id, link] : links_)
    if (!link.gone && link.agent && !takes_work(link.session->hello()->key_epoch)) over.push_back(id);
  close_all_of(std::move(over), protocol::CloseReason::normal, "its key epoch takes no work any more: connect anew", now);
  for (const auto& [number, agent] : agents_)
    if (agent.link && agent.reconciled) offer_key(agent.link, now);
}

/// Nothing this agent says counts any more, on whatever connection and however far that has come.
void SessionHub::cut(AgentNumber agent, Now now) {
  std::vector<ports::LinkId> over;
  for (const auto& [id, link] : links_)
    if (!link.gone && link.agent == agent) over.push_back(id);
  close_all_of(std::move(over), protocol::CloseReason::revoked, "this agent's key was revoked", now);
}

/// Those that speak last: at their end one that waits would take over.
void SessionHub::close_all_of(std::vector<ports::LinkId> over, protocol::CloseReason reason, const std::string& detail, Now now) {
  const auto order = [this](ports::LinkId id) { return std::pair(links_.at(id).speaking, id); };
  std::sort(over.begin(), over.end(), [&](ports::LinkId a, ports::LinkId b) { return order(a) < order(b); });
  for (const auto id : over) {
    if (links_.at(id).gone) continue;
    links_.at(id).session->close(reason, detail);
    finish(id, now);
  }
}

void SessionHub::apply(ports::LinkId id, const protocol::RegistryDecision& decision, Now now) {
  using Kind = protocol::RegistryDecision::Kind;
  const auto other = decision.other ? link_of(decision.other) : ports::LinkId{};
  switch (decision.kind) {
    case Kind::accept_and_close:
      if (other) {
        if (is_same_start(*links_.at(other).session, *links_.at(id).session)) hand_over(other);
        links_.at(other).session->close(protocol::CloseReason::displaced, "the same agent has connected anew");
        finish(other, now);
      }
      take_over(id, now);
      return;
    case Kind::accept: take_over(id, now); return;
    case Kind::wait_probe:
      if (other) {
        links_.at(other).session->probe();
        out_.wake(other);
      }
      return;
    case Kind::refuse:
      log_.warn("agent " + std::to_string(links_.at(id).agent.value) + " from " + links_.at(id).peer + " refused: " + decision.detail);
      links_.at(id).session->close(decision.reason, decision.detail);
      finish(id, now);
      return;
  }
}

void SessionHub::apply(const std::optional<protocol::RegistryOutcome>& outcome, Now now) {
  if (!outcome) return;
  if (const auto id = link_of(outcome->session)) {
    apply(id, outcome->decision, now);
    if (links_.at(id).session->has_output()) out_.wake(id);
  }
}

/// The session is over: its agent is out of reach, unless another session has taken over. What is queued (Close, Error) still leaves.
void SessionHub::finish(ports::LinkId id, Now now) {
  Link& link = links_.at(id);
  if (std::exchange(link.gone, true)) return;
  deadlines_.erase(id);
  if (link.speaking) {
    link.speaking = false;
    Agent& agent = agents_[link.agent];
    if (agent.link == id) {
      agent.link = {};
      agent.reconciled = false;
      agent.verdicts.clear();
      up_.on_disconnected(link.agent, now);
    }
  }
  out_.close(id);
  if (link.agent) apply(registry_.on_closed(link.agent, link.id), now);
}

std::optional<std::int64_t> SessionHub::find_skew_ms(AgentNumber number) const {
  auto it = agents_.find(number);
  if (it == agents_.end() || !it->second.link) return std::nullopt;
  return links_.at(it->second.link).skew_ms;
}

ports::LinkId SessionHub::link_of(SessionId session) const {
  auto it = by_session_.find(session);
  return it == by_session_.end() ? ports::LinkId{} : it->second;
}

protocol::Session* SessionHub::reconciled_session(AgentNumber number) {
  auto it = agents_.find(number);
  if (it == agents_.end() || !it->second.link || !it->second.reconciled) return nullptr;
  return links_.at(it->second.link).session.get();
}

/// Verdicts gathered for a session that has gone meanwhile are dropped: the newer session has asked again, and its answer is on its way.
void SessionHub::tell_reconciled(AgentNumber number, Now now) {
  Agent& agent = agents_[number];
  auto verdicts = std::exchange(agent.verdicts, {});
  if (agent.reconciles_due == 0) return;
  --agent.reconciles_due;
  if (agent.reconciles_due > 0 || !agent.link) return;
  agent.reconciled = true;
  for (auto& verdict : verdicts) up_.fill_log_ends(verdict);
  auto& session = *links_.at(agent.link).session;
  session.send(protocol::Reconcile{std::move(verdicts)});
  protocol::CellPins pins;
  for (auto pin = options_.cell_pins.rbegin(); pin != options_.cell_pins.rend(); ++pin) pins.pins.push_back(pin->spki_sha256);
  if (!pins.pins.empty()) session.send(pins);
  offer_key(agent.link, now);
}

namespace {

/// What one tell() has for one agent, in the order in which it leaves: acknowledgements, cancels, assignments.
struct Outgoing {
  protocol::StatusAck acks;
  protocol::Cancel cancels;
  protocol::AssignmentList assignments;
  std::map<std::pair<JobId, std::uint32_t>, std::uint32_t> template_index;
  protocol::Credit credit;
};

void add_assignment(Outgoing& out, const AttemptRef& ref, const SessionHub::AssignmentSource& source) {
  const auto key = std::pair{ref.task.job, ref.task.group};
  auto it = out.template_index.find(key);
  if (it == out.template_index.end()) {
    const protocol::TaskTemplate* found = source.template_of(key.first, key.second);
    if (found == nullptr) return;
    it = out.template_index.emplace(key, static_cast<std::uint32_t>(out.assignments.templates.size())).first;
    out.assignments.templates.push_back(*found);
  }
  if (auto extra = source.extra_of(ref)) {
    extra->index = static_cast<std::uint32_t>(out.assignments.items.size());
    out.assignments.extras.push_back(*std::move(extra));
  }
  out.assignments.items.push_back({ref, it->second});
}

void send_all(protocol::Session& session, Outgoing& out) {
  if (!out.acks.items.empty()) session.send(std::move(out.acks));
  if (!out.credit.log_acks.empty()) session.send(std::move(out.credit));
  if (!out.cancels.items.empty()) session.send(std::move(out.cancels));
  if (!out.assignments.items.empty() || !out.assignments.confirmed.empty()) session.send(std::move(out.assignments));
  out = {};
}

}  // namespace

/// At most one list for each agent; what does not go into it is left to tell().
void SessionHub::announce(const std::vector<core::Send>& sends, const AssignmentSource& source) {
  std::map<AgentNumber, Outgoing> outgoing;
  for (const auto& send : sends) {
    const auto* assign = std::get_if<core::Assign>(&send);
    if (assign == nullptr || reconciled_session(assign->agent) == nullptr) continue;
    const Link& link = links_.at(agents_[assign->agent].link);
    if (!link.knows_provisional) continue;
    Outgoing& out = outgoing[assign->agent];
    if (out.assignments.items.size() < limits::kAssignmentsPerMessage) add_assignment(out, assign->ref, source);
  }
  for (auto& [agent, out] : outgoing) {
    if (out.assignments.items.empty()) continue;
    const auto id = agents_[agent].link;
    Link& link = links_.at(id);
    for (const auto& item : out.assignments.items) link.announced.insert(item.ref);
    out.assignments.is_provisional = true;
    send_all(*link.session, out);
    out_.flush(id);
  }
}

void SessionHub::tell(const std::vector<core::Send>& sends, const std::vector<LogTaken>& logs, const AssignmentSource& source, Now now) {
  std::map<AgentNumber, Outgoing> outgoing;
  // What was decided for an earlier session never reaches a later one before its Reconcile: the core decides it anew there.
  const auto open = [&](AgentNumber agent) -> Outgoing* { return reconciled_session(agent) != nullptr ? &outgoing[agent] : nullptr; };
  for (const auto& send : sends) {
    if (const auto* assign = std::get_if<core::Assign>(&send)) {
      if (auto* out = open(assign->agent)) {
        if (links_.at(agents_[assign->agent].link).announced.erase(assign->ref) > 0) {
          out->assignments.confirmed.push_back(assign->ref);
        } else {
          add_assignment(*out, assign->ref, source);
        }
        if (out->assignments.items.size() >= limits::kAssignmentsPerMessage) send_all(*reconciled_session(assign->agent), *out);
      }
    } else if (const auto* ack = std::get_if<core::Ack>(&send)) {
      if (auto* out = open(ack->agent)) out->acks.items.push_back({ack->ref, ack->number});
    } else if (const auto* stop = std::get_if<core::Stop>(&send)) {
      if (auto* out = open(stop->agent)) out->cancels.items.push_back({stop->ref, to_cancel_mode(stop->mode), stop->reason});
    } else if (const auto* verdict = std::get_if<core::Verdict>(&send)) {
      agents_[verdict->agent].verdicts.push_back({verdict->ref, to_verdict(verdict->verdict), verdict->acked_update, 0, 0});
    } else if (const auto* reconciled = std::get_if<core::Reconciled>(&send)) {
      tell_reconciled(reconciled->agent, now);
      if (auto it = agents_.find(reconciled->agent); it->second.link) out_.wake(it->second.link);
    } else if (const auto* revoked = std::get_if<core::CutSession>(&send)) {
      cut(revoked->agent, now);
    }
  }
  for (const auto& log : logs)
    if (auto* out = open(log.agent)) {
      ++out->credit.log_chunks;
      out->credit.log_acks.push_back({log.ref, static_cast<protocol::LogStream>(log.stream), log.end});
    }
  for (auto& [agent, out] : outgoing)
    if (auto* session = reconciled_session(agent)) {
      send_all(*session, out);
      out_.wake(agents_[agent].link);
    }
}

void SessionHub::close_all(protocol::CloseReason reason, const std::string& detail, Now now) {
  std::vector<ports::LinkId> open;
  for (const auto& [id, link] : links_)
    if (!link.gone) open.push_back(id);
  std::sort(open.begin(), open.end());
  for (const auto id : open) {
    links_.at(id).session->close(reason, detail);
    finish(id, now);
  }
  for (auto& [_, agent] : agents_) {
    agent.reconciles_due = 0;
    agent.verdicts.clear();
  }
}

}  // namespace stint::scheduler
