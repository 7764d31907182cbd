#include "apps/stint-conform/agent_subject.hpp"

#include <algorithm>

namespace stint::conform {
namespace {

constexpr std::size_t kLogEnd = 600;  // bytes shown of an agent's log

Finding set_up_failed(const Error& error) { return {Finding::Kind::failed, "an agent that starts", error.detail}; }

}  // namespace

AgentSubject::AgentSubject(const AgentTarget& target) : target_(target) {
  std::array<std::uint8_t, 2> number{};
  fill_random(number);
  identity_.agent = 1U + load_le<std::uint16_t>(number.data());
  identity_.key_epoch = 3;
  identity_.name = "conform";
  fill_random(identity_.key);
}

std::string AgentSubject::server() const { return (show_ ? "https://127.0.0.1:" : "127.0.0.1:") + std::to_string(listener_.port()); }

Check AgentSubject::prepare() {
  if (is_prepared_) return {};
  if (auto made = folder_.make(); !made) return tl::unexpected(set_up_failed(made.error()));
  if (auto opened = listener_.open(); !opened) return tl::unexpected(set_up_failed(opened.error()));
  is_prepared_ = true;
  return {};
}

Check AgentSubject::start_command(const std::string& command, const std::string& token) {
  const auto line = replace_names(command, {{"server", server()},
                                            {"pins", to_text(pins_)},
                                            {"token", token},
                                            {"key_file", folder_.path() + "/key"},
                                            {"state_dir", folder_.path() + "/state"}});
  if (auto started = process_.start(line, folder_.path() + "/log"); !started) return tl::unexpected(set_up_failed(started.error()));
  return {};
}

Check AgentSubject::start() {
  CONFORM_CHECK(prepare());
  if (!is_joined_ && !has_key_file()) {
    std::string pins;
    for (const Pin& pin : pins_) pins += (pins.empty() ? "\"" : ",\"") + to_text(pin) + "\"";
    const std::string key_file = "{\"server\":\"" + server() + "\",\"agent\":" + std::to_string(identity_.agent) + ",\"name\":\"" +
                                 identity_.name + "\",\"key_epoch\":" + std::to_string(identity_.key_epoch) + ",\"key\":\"" +
                                 to_hex(identity_.key) + "\",\"tls_pins\":[" + pins + "]}\n";
    if (auto written = write_file(folder_.path() + "/key", key_file); !written) return tl::unexpected(set_up_failed(written.error()));
  }
  return start_command(target_.start, "");
}

bool AgentSubject::has_key_file() const { return !read_file(folder_.path() + "/key").empty(); }

void AgentSubject::speak_tls(std::vector<Pin> pins, const TlsShow& show) {
  pins_ = std::move(pins);
  show_ = show;
}

Check AgentSubject::start_join(const std::string& token) {
  if (target_.join.empty()) return skip("--join, a command that joins a cell");
  CONFORM_CHECK(prepare());
  is_joining_ = true;
  return start_command(target_.join, token);
}

Checked<Asked> AgentSubject::accept_enrol(const Ticket& ticket) {
  CONFORM_TRY(auto peer, accept());
  return read_enrol(std::move(peer), ticket);
}

Checked<int> AgentSubject::join_ended(Duration patience) {
  if (!process_.wait(patience)) return differ("the end of the command that joins", "it still runs");
  return process_.exit_status();
}

void AgentSubject::become(const Identity& identity) {
  identity_ = identity;
  is_joining_ = false;
  is_joined_ = true;
}

std::string AgentSubject::log_end() const {
  std::string text = is_prepared_ ? read_file(folder_.path() + "/log") : "";
  if (text.empty()) return text;
  if (text.size() > kLogEnd) text.erase(0, text.size() - kLogEnd);
  return "; the end of the agent's log: " + text;
}

Checked<Socket> AgentSubject::accept_socket(Duration patience) {
  if (!is_joining_ && !process_.is_running()) CONFORM_CHECK(start());
  const Instant deadline = now() + patience;
  while (now() < deadline) {
    auto socket = listener_.accept(std::min(deadline, now() + Duration{std::chrono::seconds{1}}));
    if (socket) return *std::move(socket);
    if (!process_.is_running()) return differ("a connection of the agent", "its process ended");
  }
  return differ("a connection of the agent", "none within " + std::to_string(to_ms(patience)) + " ms");
}

Checked<Peer> AgentSubject::accept(Duration patience) {
  CONFORM_TRY(auto socket, accept_socket(patience));
  if (show_) {
    shaken_ = accept_tls(socket, *show_);
    if (!shaken_.is_done) return differ("TLS 1.3 with the key that is pinned", describe(shaken_));
  }
  return Peer{std::move(socket)};
}

bool AgentSubject::is_quiet(Duration length) { return !listener_.accept(now() + length); }

Checked<AgentSubject::Caller> AgentSubject::greet() {
  CONFORM_TRY(auto peer, accept());
  CONFORM_TRY(auto greeting, read_hello(peer, identity_));
  greeting_ = greeting;
  return Caller{std::move(peer), std::move(greeting)};
}

protocol::HelloAck AgentSubject::make_ack(const Greeting& greeting, const AckSpec& spec) const {
  protocol::HelloAck ack;
  std::array<std::uint8_t, 8> id{};
  fill_random(id);
  ack.session = SessionId{load_le<std::uint64_t>(id.data()) | 1};
  fill_random(ack.nonce);
  ack.nonce_echo = greeting.hello.nonce;
  ack.received_ms = wall_ms();
  ack.body_limit = spec.body_limit;
  ack.heartbeat_ms = spec.heartbeat_ms;
  ack.tolerance_ms = 5'000;
  ack.log_credit = spec.log_credit;
  ack.report_credit = spec.report_credit;
  return ack;
}

Bytes AgentSubject::ack_frame(const protocol::HelloAck& ack, Edit edit) const {
  auto key = hello_ack_key(identity_);
  const wire::Header header{wire::FrameKind::hello_ack, 0, identity_.key_epoch, 0, 0, ack.session.value, 0};
  return seal({header, handshake_body(ack, ack.received_ms), std::move(edit)}, key);
}

Checked<Session> AgentSubject::shake_hands(const AckSpec& spec) {
  CONFORM_TRY(auto caller, greet());
  const auto ack = make_ack(caller.greeting, spec);
  const Bytes frame = ack_frame(ack);
  caller.peer.send(frame);
  auto secrets = derive_secrets(OurSide::scheduler, identity_, caller.greeting.hello, caller.greeting.frame.bytes, ack, frame);
  secrets.time_offset_ms = wall_ms() - to_ms(now().time_since_epoch());
  return Session{std::move(caller.peer), secrets};
}

Checked<Session> AgentSubject::greet_and_resume(const AckSpec& spec) {
  CONFORM_TRY(auto session, shake_hands(spec));
  CONFORM_TRY(resume_, session.take<protocol::Resume>("Resume"));
  return session;
}

Checked<Session> AgentSubject::establish(const AckSpec& spec, std::uint32_t acked) {
  CONFORM_TRY(auto session, greet_and_resume(spec));
  protocol::Reconcile reconcile;
  for (const auto& held : resume_.held) reconcile.items.push_back({held.ref, protocol::Verdict::keep, acked, 0, 0});
  session.send(reconcile);
  return session;
}

Checked<protocol::TaskTemplate> AgentSubject::make_task(const std::string& kind) const {
  const auto found = target_.commands.find(kind);
  if (found == target_.commands.end()) return skip("--task " + kind + "=COMMAND for driver " + target_.driver);
  protocol::TaskTemplate task;
  task.job_name = "conform";
  task.task_name = "main";
  task.driver = target_.driver;
  task.command = found->second;
  task.workdir = "/";
  task.kill_grace = std::chrono::seconds{1};
  return task;
}

Checked<AttemptRef> AgentSubject::assign(Session& session, const std::string& kind) {
  CONFORM_TRY(auto task, make_task(kind));
  const auto ref = next_attempt();
  session.send(protocol::AssignmentList{{std::move(task)}, {{ref, 0}}, {}});
  return ref;
}

Checked<protocol::StatusUpdate> take_update(Session& session, const AttemptRef& ref) {
  const Instant deadline = now() + limits::kPatience;
  for (;;) {
    CONFORM_TRY(auto list, session.take<protocol::UpdateList>("an update of the attempt", deadline - now()));
    auto wanted = std::find_if(list.items.begin(), list.items.end(), [&](const auto& u) { return u.number > 0 && u.ref == ref; });
    if (wanted == list.items.end()) continue;
    protocol::StatusUpdate update = std::move(*wanted);
    list.items.erase(list.items.begin(), wanted + 1);
    if (!list.items.empty()) session.aside().push_front({std::move(list), session.time_ms(), {}});
    return update;
  }
}

Checked<protocol::StatusUpdate> take_end(Session& session, const AttemptRef& ref) {
  for (;;) {
    CONFORM_TRY(auto update, take_update(session, ref));
    acknowledge(session, update);
    if (has_ended(update.status)) return update;
  }
}

void acknowledge(Session& session, const protocol::StatusUpdate& update) {
  session.send(protocol::StatusAck{{{update.ref, update.number}}});
}

}  // namespace stint::conform
