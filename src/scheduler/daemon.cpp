#include "scheduler/daemon.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/bytes.hpp"
#include "scheduler/api/api.hpp"
#include "scheduler/cell.hpp"
#include "scheduler/convert.hpp"
#include "scheduler/enrolment.hpp"
#include "scheduler/limits.hpp"
#include "scheduler/live_blobs.hpp"
#include "scheduler/work_book.hpp"

namespace stint::scheduler {
namespace {

std::vector<wire::Digest> digests_of(const std::vector<Pin>& pins) {
  std::vector<wire::Digest> digests;
  for (const Pin& pin : pins) digests.push_back(pin.spki_sha256);
  return digests;
}

wire::Digest shown_key(const std::vector<Pin>& pins) { return pins.empty() ? wire::Digest{} : pins.front().spki_sha256; }

}  // namespace

/// What the daemon remembers beside the core: ends of logs, latest reports, newest events, who may ask, who may join.
struct Books {
  Books(ports::StoreReader& reader, const DaemonOptions& options)
      : logs(reader),
        events(reader),
        tokens(options.api_token_sha256),
        enrol_tokens(options.key_encryption_key, shown_key(options.tls_pins)) {}
  LogBook logs;
  ReportBook reports;
  EventRing events;
  TokenBook tokens;
  EnrolBook enrol_tokens;
};

Daemon::Daemon(DaemonOptions options, DaemonPorts ports)
    : options_(std::move(options)),
      ports_(ports),
      keys_(options_.key_encryption_key,
            [this](AgentNumber number) -> std::optional<std::uint32_t> {
              const auto* agent = core_.find_agent(number);
              if (agent == nullptr || agent->revoked) return std::nullopt;
              return agent->generation;
            }),
      journal_(
          ports.store, [this](Turn&& turn) { tell(std::move(turn)); }, [this](const Error& error) { on_store_failed(error); }),
      hub_({options_.session_time_offset_ms, options_.heartbeat_interval, options_.tls_pins}, keys_, ports.links, ports.entropy, ports.log,
           *this),
      books_(std::make_unique<Books>(ports.reader, options_)),
      desk_({options_.session_time_offset_ms, digests_of(options_.tls_pins)}, books_->enrol_tokens, hub_, ports.links, ports.entropy,
            ports.log, *this),
      blob_sweep_(ports.blobs, ports.log, options_.blob_grace,
                  {[this] { return std::make_shared<LiveBlobs>(core_, ports_.reader, ports_.blobs); },
                   [this](const std::vector<BlobId>& blobs) { return ports_.reader.find_referenced(blobs); }}),
      attempt_tokens_(options_.key_encryption_key),
      preparer_(core_, ports.reader, ports.blobs, ports.log),
      assignments_(core_, ports.reader, preparer_.items(), attempt_tokens_),
      work_(std::make_unique<WorkBook>(core_)),
      retention_(options_.retention, ports.store, ports.log),
      rotation_(options_.keys, keys_, ports.entropy, ports.log) {}

Daemon::~Daemon() = default;

ports::HttpHandler& Daemon::http() { return *api_; }

Status Daemon::start(const ports::Store::Opened& opened, Now now) {
  now_ = now;
  journal_.set_announce([this](const Turn& turn) { announce(turn); });
  journal_.restart(opened.last_batch);
  CellFacts facts;
  facts.version = STINT_VERSION;
  facts.state_dir = options_.state_dir;
  facts.server = options_.server;
  facts.addresses = options_.addresses;
  if (facts.addresses.empty()) facts.addresses.push_back(options_.server);
  facts.tls_pins = options_.tls_pins;
  facts.listener = options_.listener;
  facts.started_at = now.wall;
  cell_ = std::make_unique<Cell>(Cell{core_,
                                      journal_,
                                      keys_,
                                      rotation_,
                                      ports_.reader,
                                      books_->events,
                                      books_->reports,
                                      books_->tokens,
                                      books_->enrol_tokens,
                                      attempt_tokens_,
                                      preparer_.items(),
                                      *work_,
                                      ports_.blobs,
                                      ports_.entropy,
                                      [this](AgentNumber agent) { return hub_.find_skew_ms(agent); },
                                      std::move(facts),
                                      {}});
  api_ = std::make_unique<api::Api>(*cell_, ports_.replies, [this] { return api::metrics_text(*cell_, hub_.counters(), hub_.sessions()); });
  blob_sweep_.start(now);
  STINT_TRY_VOID(load(now));
  hub_.on_keys_changed(keys_.current_epoch(), now);
  return {};
}

/// Memory is exactly what the rows give: also after a full disk has undone what memory had decided.
Status Daemon::load(Now now) {
  core_ = core::Scheduler();
  keys_.clear();
  meta_.clear();
  assignments_.clear();
  preparer_.restart();
  books_->tokens.clear();
  books_->enrol_tokens.clear();
  STINT_TRY_VOID(ports_.store.load([this](const core::Row& row) -> Status {
    if (const auto* key = std::get_if<core::MasterKeyRow>(&row)) return keys_.load(*key);
    if (const auto* fact = std::get_if<core::MetaRow>(&row)) meta_[fact->name] = fact->value;
    if (const auto* token = std::get_if<core::TokenRow>(&row)) return books_->tokens.load(*token);
    if (const auto* token = std::get_if<core::EnrolTokenRow>(&row)) return books_->enrol_tokens.load(*token);
    return core_.load(row);
  }));
  STINT_TRY(const auto last_event, ports_.reader.last_event_seq());
  core_.set_next_event_seq(last_event + 1);
  books_->events.restart(last_event);
  books_->logs.clear();
  books_->reports.clear();
  STINT_TRY_VOID(core_.finish_load(now, journal_.turn().effects));
  work_->restart(now);
  rotation_.restart(now);
  return ensure_identity(now);
}

Status Daemon::ensure_identity(Now now) {
  auto& rows = journal_.turn().effects.rows;
  for (auto& row : keys_.ensure_current_and_next(ports_.entropy, now.wall)) rows.emplace_back(std::move(row));
  auto& id = meta_["cell_id"];
  if (id.empty()) {
    std::array<std::uint8_t, 16> bytes{};
    ports_.entropy.fill(bytes);
    id = to_hex(bytes);
    rows.emplace_back(core::MetaRow{"cell_id", id});
  }
  cell_->facts.cell_id = id;
  return {};
}

void Daemon::end_turn(Now now) {
  now_ = now;
  api_->tell(due_replies_);
  if (fatal_) return;
  if (cell_->not_ready.empty()) {
    preparer_.pump(now, journal_.turn().effects);
    core_.place(now, journal_.turn().effects);
    if (const auto ready = assignments_.take_ready(); !ready.empty()) tell_agents(ready, {});
  }
  journal_.flush();
  api_->tell(due_replies_);  // to questions: nothing had to be written before
  if (journal_.idle()) books_->logs.trim_when_idle();
}

void Daemon::on_committed(BatchNumber number, const Status& status, Now now) {
  now_ = now;
  journal_.on_committed(number, status);
}

void Daemon::on_timer(Now now) {
  now_ = now;
  if (fatal_) return;
  hub_.on_timer(now);
  desk_.on_timer(now);
  if (now.mono >= reopen_at_) try_reopen(now);
  blob_sweep_.on_timer(now);
  if (core_.next_deadline() <= now.mono && cell_->not_ready.empty()) core_.on_timer(now, journal_.turn().effects);
  if (cell_->not_ready.empty()) work_->on_timer(now, journal_.turn().effects);
  if (cell_->not_ready.empty()) rotation_.on_timer(core_, now, journal_.turn());
  books_->reports.store_changed(now, journal_.turn().effects);
  api_->streams().close_expired(now);
  if (cell_->not_ready.empty()) retention_.on_timer(core_, now, journal_.turn().effects, [this](JobId job) { forget(job); });
  if (now.mono >= forget_tokens_at_ && cell_->not_ready.empty()) forget_enrol_tokens(now);
  if (now.mono >= keep_alive_at_) {
    api_->streams().keep_alive();
    keep_alive_at_ = now.mono + options_.heartbeat_interval;
  }
}

void Daemon::forget_enrol_tokens(Now now) {
  forget_tokens_at_ = now.mono + limits::kEnrolForgetPeriod;
  for (const auto id : books_->enrol_tokens.forget_old(now.wall)) journal_.turn().effects.rows.emplace_back(core::EnrolTokenRemovalRow{id});
}

void Daemon::forget(JobId job) {
  assignments_.forget(job);
  preparer_.forget(job);
}

Instant Daemon::next_deadline() const {
  Instant next =
      std::min({hub_.next_deadline(), desk_.next_deadline(), reopen_at_, books_->reports.next_deadline(), blob_sweep_.next_deadline()});
  if (cell_->not_ready.empty()) {
    next = std::min(
        {next, core_.next_deadline(), work_->next_deadline(), retention_.next_deadline(), rotation_.next_deadline(), forget_tokens_at_});
    next = std::min(next, preparer_.next_deadline(now_.mono));
  }
  if (!api_->streams().empty()) next = std::min({next, keep_alive_at_, api_->streams().next_deadline()});
  return next;
}

void Daemon::close_sessions(Now now) {
  desk_.close_all(now);
  hub_.close_all(protocol::CloseReason::leaving, "the scheduler stops", now);
}

void Daemon::on_resume(const protocol::HelloInfo& hello, const protocol::Resume& resume, Now now) {
  core::AgentConnected event;
  event.agent = hello.agent;
  event.instance = hello.instance;
  event.key_epoch = hello.key_epoch;
  event.offer = to_offer(resume.info);
  for (const auto& held : resume.held) event.held.push_back({held.ref, held.status, held.last_update});
  core_.on_agent_connected(event, now, journal_.turn().effects);
}

void Daemon::on_info(AgentNumber agent, const protocol::AgentInfo& info, Now now) {
  core_.on_agent_offer(agent, to_offer(info), now, journal_.turn().effects);
}

void Daemon::on_updates(AgentNumber agent, const protocol::UpdateList& updates, Now now) {
  auto& effects = journal_.turn().effects;
  for (const auto& update : updates.items) {
    if (update.number == 0) {
      const auto attempt = core_.find_attempt(update.ref);
      if (attempt && attempt->live && attempt->agent == agent) books_->reports.on_report(update, now);
      continue;
    }
    core_.on_attempt_report(to_report(agent, update), now, effects);
    if (has_ended(update.status)) books_->reports.finish(update.ref, effects);
  }
}

std::string Daemon::on_log(AgentNumber agent, const protocol::LogChunk& chunk, Now now) {
  if (!core_.may_write_log(agent, chunk.ref)) return "this attempt is not this agent's";
  auto taken = books_->logs.take(chunk);
  if (!taken) return taken.error().detail;
  auto& turn = journal_.turn();
  if (taken->row) {
    taken->row->at = now.wall;
    turn.effects.rows.emplace_back(std::move(*taken->row));
  }
  turn.logs.push_back({agent, chunk.ref, static_cast<std::uint8_t>(chunk.stream), taken->end});
  return {};
}

void Daemon::on_disconnected(AgentNumber agent, Now now) { core_.on_agent_disconnected(agent, now, journal_.turn().effects); }

void Daemon::fill_log_ends(protocol::AttemptVerdict& verdict) {
  if (verdict.verdict != protocol::Verdict::keep) return;
  if (const auto ends = books_->logs.ends(verdict.ref)) {
    verdict.stdout_acked = ends->out;
    verdict.stderr_acked = ends->err;
  }
}

void Daemon::on_enrol(ports::LinkId link, const protocol::Enrol& request, Now now) {
  auto& turn = journal_.turn();
  turn.enrolments.push_back({link, decide_enrolment(request, books_->enrol_tokens, core_, keys_, now, turn.effects)});
}

void Daemon::tell(Turn&& turn) {
  for (auto& event : turn.events) books_->events.push(std::move(event));
  for (const JobId job : turn.ended_jobs) forget(job);
  std::erase_if(turn.effects.sends, [this](const core::Send& send) { return keep_back(send); });
  tell_agents(turn.effects.sends, turn.logs);
  if (turn.newest_key) hub_.on_keys_changed(turn.newest_key, now_);
  for (const auto& answer : turn.enrolments) desk_.tell(answer, now_);
  std::move(turn.replies.begin(), turn.replies.end(), std::back_inserter(due_replies_));
  api_->streams().pump();
}

/// What is for the preparer, and assignments that cannot be made yet.
bool Daemon::keep_back(const core::Send& send) {
  if (const auto* assign = std::get_if<core::Assign>(&send)) {
    if (assignments_.is_ready(assign->ref)) return false;
    assignments_.hold_back(*assign);
    return true;
  }
  if (const auto* prepare = std::get_if<core::Prepare>(&send)) {
    preparer_.on_send(*prepare);
    return true;
  }
  const auto* collect = std::get_if<core::Collect>(&send);
  if (collect != nullptr) preparer_.on_send(*collect);
  return collect != nullptr;
}

void Daemon::announce(const Turn& turn) {
  std::vector<core::Send> ready;
  for (const auto& send : turn.effects.sends)
    if (const auto* assign = std::get_if<core::Assign>(&send); assign != nullptr && assignments_.is_ready(assign->ref))
      ready.push_back(send);
  if (!ready.empty()) hub_.announce(ready, assignment_source());
}

void Daemon::tell_agents(const std::vector<core::Send>& sends, const std::vector<LogTaken>& logs) {
  hub_.tell(sends, logs, assignment_source(), now_);
}

SessionHub::AssignmentSource Daemon::assignment_source() {
  return {[this](JobId job, std::uint32_t group) { return assignments_.find_template(job, group); },
          [this](const AttemptRef& ref) { return assignments_.find_extra(ref); }};
}

void Daemon::on_store_failed(const Error& error) {
  ports_.log.error("store: " + error.detail);
  const auto problem = error.code == Errc::no_space
                           ? api::Problem{507, "no_space", error.detail,
                                          "",  "",         "free space on the disk of the state directory; nothing acknowledged was lost"}
                           : api::Problem{503, "unavailable", "the scheduler restarts: " + error.detail, "", "", "ask again"};
  auto waiting = journal_.take_replies();
  api_->refuse_all(waiting, problem);
  if (error.code != Errc::no_space) {
    fatal_ = error;
    return;
  }
  cell_->not_ready = error.detail;
  hub_.set_accepting(false);
  desk_.close_all(now_);
  hub_.close_all(protocol::CloseReason::overloaded, "the scheduler's disk is full", now_);
  close_until_reopened(now_);
}

/// Memory holds what the disk refused: it is made anew from what is durable. Nothing that the load would write may leave yet.
void Daemon::close_until_reopened(Now now) {
  reopen_at_ = now.mono + limits::kReopenPeriod;
  journal_.restart({});
  if (const auto loaded = load(now); !loaded) fatal_ = loaded.error();
  journal_.restart({});
}

void Daemon::try_reopen(Now now) {
  reopen_at_ = now.mono + limits::kReopenPeriod;
  const auto opened = ports_.store.reopen();
  if (!opened) {
    if (opened.error().code != Errc::no_space) fatal_ = opened.error();
    return;
  }
  journal_.restart(opened->last_batch);
  if (const auto loaded = load(now); !loaded) {
    fatal_ = loaded.error();
    return;
  }
  ports_.log.info("store: the disk takes writes again");
  cell_->not_ready.clear();
  hub_.set_accepting(true);
  reopen_at_ = Instant::max();
}

}  // namespace stint::scheduler
