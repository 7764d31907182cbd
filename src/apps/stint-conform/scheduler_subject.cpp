#include "apps/stint-conform/scheduler_subject.hpp"

#include <algorithm>
#include <cstdlib>

#include "apps/stint-conform/process.hpp"
#include "apps/stint-conform/web_socket.hpp"

namespace stint::conform {
namespace {

constexpr std::int64_t kManyCores = 1'000'000;  // millicores: no task of the submit command is too large
constexpr std::int64_t kMuch = std::int64_t{1} << 40;

/// The first number of a text; 0: none.
std::uint64_t first_number(const std::string& text) {
  const auto at = text.find_first_of("0123456789");
  return at == std::string::npos ? 0 : std::strtoull(text.c_str() + at, nullptr, 10);
}

}  // namespace

AgentStart make_start() {
  AgentStart start;
  fill_random(start.instance);
  fill_random(start.boot);
  start.connect = static_cast<std::uint64_t>(wall_ms());
  return start;
}

Checked<Socket> SchedulerSubject::dial() const {
  auto socket = Socket::connect(target_.host, target_.port);
  if (!socket) return differ("a connection", socket.error().detail);
  return *std::move(socket);
}

Checked<Peer> SchedulerSubject::connect() const {
  CONFORM_TRY(auto socket, dial());
  const bool is_web = way_ == Way::web_socket;
  if (way_ == Way::tls || (is_web && target_.is_tls)) {
    const auto outcome = begin_tls(socket, {.alpn = {is_web ? "http/1.1" : "stint/1"}});
    if (!outcome.is_done) return differ("TLS 1.3 with ALPN stint/1", describe(outcome));
  }
  if (is_web) {
    const auto upgrade = upgrade_to_web_socket(socket, target_.host);
    if (!upgrade.is_right) return differ("101 with the right Sec-WebSocket-Accept", upgrade.answer.head);
  }
  return Peer{std::move(socket)};
}

// ---- by commands

Checked<std::string> SchedulerSubject::run(const char* option, const std::string& command,
                                           const std::vector<std::pair<std::string, std::string>>& values) {
  if (command.empty()) return skip(option);
  auto output = run_command(replace_names(command, values));
  if (!output) return differ(std::string(option) + " succeeds", output.error().detail);
  return *std::move(output);
}

Checked<Ticket> SchedulerSubject::make_token(std::int64_t ttl_s) const {
  CONFORM_TRY(const auto output, run("--token", target_.token, {{"ttl", std::to_string(ttl_s)}}));
  constexpr std::size_t kTokenSize = 84;
  const auto at = output.find("st1_");
  const auto token = protocol::parse_enrol_token(at == std::string::npos ? "" : output.substr(at, kTokenSize));
  if (!token) return differ("--token prints a token", token.error().detail);
  return make_ticket(*token);
}

Check SchedulerSubject::revoke_token(const Ticket& ticket) const {
  CONFORM_TRY(const auto output, run("--revoke-token", target_.revoke_token, {{"token", protocol::enrol_token_name(ticket.token.id)}}));
  (void)output;
  return {};
}

Checked<Identity> SchedulerSubject::enrol() const {
  CONFORM_TRY(const auto ticket, make_token());
  const auto request = make_enrol(ticket, random_signing_key());
  const Bytes frame = enrol_frame(ticket, request);
  CONFORM_TRY(auto peer, connect());
  peer.send(frame);
  CONFORM_TRY(const auto ack, read_enrol_ack(peer, ticket, request));
  return open_grant(ticket, request, frame, ack);
}

Check SchedulerSubject::revoke(const Identity& agent) const {
  CONFORM_TRY(const auto output, run("--revoke", target_.revoke, {{"agent", agent.name}}));
  (void)output;
  return {};
}

Check SchedulerSubject::rotate(std::int64_t grace_s) const {
  CONFORM_TRY(const auto output, run("--rotate", target_.rotate, {{"grace", std::to_string(grace_s)}}));
  (void)output;
  return {};
}

Check SchedulerSubject::retire(std::uint16_t key_epoch) const {
  CONFORM_TRY(const auto output, run("--retire", target_.retire, {{"key_epoch", std::to_string(key_epoch)}}));
  (void)output;
  return {};
}

Check SchedulerSubject::remove(std::uint16_t key_epoch) const {
  CONFORM_TRY(const auto output, run("--remove", target_.remove, {{"key_epoch", std::to_string(key_epoch)}}));
  (void)output;
  return {};
}

protocol::Hello SchedulerSubject::make_hello(AgentStart& start) const {
  protocol::Hello hello;
  hello.info = {AgentNumber{identity_.agent}, KeyEpoch{identity_.key_epoch}, start.instance, start.boot, ++start.connect, wall_ms()};
  fill_random(hello.nonce);
  hello.clock_boot_ns = now().time_since_epoch().count();
  return hello;
}

Checked<Session> SchedulerSubject::shake_hands(const protocol::Hello& hello) {
  CONFORM_TRY(auto peer, connect());
  said_hello_ = hello_frame(identity_, hello);
  const Instant sent = now();
  peer.send(said_hello_);
  CONFORM_TRY(greeted_, read_hello_ack(peer, identity_, hello));
  const Instant read = now();
  ack_ = greeted_.ack;
  auto secrets = derive_secrets(OurSide::agent, identity_, hello, said_hello_, ack_, greeted_.frame.bytes);
  const std::int64_t t0 = to_ms(sent.time_since_epoch());
  const std::int64_t t3 = to_ms(read.time_since_epoch());
  secrets.time_offset_ms = ((ack_.received_ms - t0) + (greeted_.timestamp_ms - t3)) / 2;
  return Session{std::move(peer), secrets};
}

protocol::Resume SchedulerSubject::idle_resume() const {
  protocol::Resume resume;
  resume.info.name = identity_.name.empty() ? "conform" : identity_.name;
  resume.info.version = "conform";
  resume.info.window = 1;
  return resume;
}

protocol::Resume SchedulerSubject::working_resume() const {
  auto resume = idle_resume();
  resume.info.drivers = {"exec", "noop"};
  resume.info.resources = {kManyCores, kMuch, 0, kMuch};
  resume.info.shared_paths = {"/"};  // whatever directory the task wants, it is here
  resume.info.window = 64;
  return resume;
}

Checked<Session> SchedulerSubject::establish(const protocol::Hello& hello, const protocol::Resume& resume) {
  CONFORM_TRY(auto session, shake_hands(hello));
  session.send(resume);
  CONFORM_TRY(const auto reconcile, session.take<protocol::Reconcile>("Reconcile"));
  (void)reconcile;
  return session;
}

Checked<Session> SchedulerSubject::establish_for_work(const protocol::Resume& resume) {
  if (target_.submit.empty()) return skip("--submit, a command that makes the scheduler hand out one exec task");
  if (!work_.owns_lock()) work_.lock();
  return establish(make_hello(), resume);
}

Checked<AttemptRef> SchedulerSubject::take_work(Session& session) {
  CONFORM_TRY(const auto given, take_list(session));
  return given.ref;
}

Checked<SchedulerSubject::Given> SchedulerSubject::take_list(Session& session) {
  const auto output = run_command(replace_names(target_.submit, {{"agent", identity_.name}}));
  if (!output) return skip("--submit that succeeds: " + output.error().detail);
  const std::uint64_t job = first_number(*output);
  const Instant deadline = now() + limits::kPatience;
  for (;;) {
    CONFORM_TRY(auto list, session.take<protocol::AssignmentList>("an assignment", deadline - now()));
    const auto wanted =
        std::find_if(list.items.begin(), list.items.end(), [&](const auto& item) { return job == 0 || item.ref.task.job.value == job; });
    if (wanted == list.items.end()) continue;
    const AttemptRef ref = wanted->ref;
    return Given{std::move(list), ref};
  }
}

Check SchedulerSubject::cancel(const AttemptRef& ref) const {
  if (target_.cancel.empty()) return skip("--cancel, a command that cancels job {job}");
  const auto output = run_command(replace_names(target_.cancel, {{"job", std::to_string(ref.task.job.value)}}));
  return output ? Check{} : Check{skip("--cancel that succeeds: " + output.error().detail)};
}

Check SchedulerSubject::finish(Session& session, const AttemptRef& ref, std::uint32_t number) {
  session.send(protocol::UpdateList{{make_update(ref, number, TaskStatus::completed)}});
  return expect_ack(session, ref, number);
}

protocol::StatusUpdate make_update(const AttemptRef& ref, std::uint32_t number, TaskStatus status) {
  protocol::StatusUpdate update;
  update.ref = ref;
  update.number = number;
  update.status = status;
  if (status == TaskStatus::completed) update.reason = EndReason::exit;
  update.started_ms = wall_ms();
  if (has_ended(status)) update.ended_ms = update.started_ms;
  return update;
}

Check expect_ack(Session& session, const AttemptRef& ref, std::uint32_t number) {
  const Instant deadline = now() + limits::kPatience;
  for (;;) {
    CONFORM_TRY(const auto ack, session.take<protocol::StatusAck>("a StatusAck of the update", deadline - now()));
    const bool is_named =
        std::any_of(ack.items.begin(), ack.items.end(), [&](const auto& key) { return key.ref == ref && key.number == number; });
    if (is_named) return {};
  }
}

}  // namespace stint::conform
