#include "apps/stint-conform/scheduler_subject.hpp"

#include <algorithm>
#include <cstdlib>

#include "apps/stint-conform/process.hpp"

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

Checked<Peer> SchedulerSubject::connect() const {
  auto socket = Socket::connect(target_.host, target_.port);
  if (!socket) return differ("a connection", socket.error().detail);
  return Peer{*std::move(socket)};
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

Checked<Session> SchedulerSubject::establish_for_work() {
  if (target_.submit.empty()) return skip("--submit, a command that makes the scheduler hand out one exec task");
  if (!work_.owns_lock()) work_.lock();
  return establish(make_hello(), working_resume());
}

Checked<AttemptRef> SchedulerSubject::take_work(Session& session) {
  const auto output = run_command(replace_names(target_.submit, {{"agent", identity_.name}}));
  if (!output) return skip("--submit that succeeds: " + output.error().detail);
  const std::uint64_t job = first_number(*output);
  const Instant deadline = now() + limits::kPatience;
  for (;;) {
    CONFORM_TRY(const auto list, session.take<protocol::AssignmentList>("an assignment", deadline - now()));
    for (const auto& item : list.items)
      if (job == 0 || item.ref.task.job.value == job) return item.ref;
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
