// The half of Keeper that speaks with agents; keeper.cpp has the half that looks after attempts.

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <variant>

#include "adapters/exec/keeper.hpp"
#include "adapters/exec/system.hpp"

namespace stint::exec {
namespace {

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};
template <class... F>
Overloaded(F...) -> Overloaded<F...>;

constexpr std::size_t index_of(Attempt::Stream stream) { return static_cast<std::size_t>(stream); }

}  // namespace

void Keeper::accept_connections(Instant now) {
  for (;;) {
    UniqueFd socket{::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)};
    if (!socket) return;
    const auto user = peer_user(socket.get());
    if (!user || (*user != ::geteuid() && *user != 0)) {
      log_.warn("connection of " + (user ? "user " + std::to_string(*user) : user.error().detail) + " refused");
      continue;
    }
    if (connections_.size() >= limits::kConnectionsMax) {
      log_.warn("connection refused: " + std::to_string(connections_.size()) + " are open");
      continue;
    }
    const Number number = next_number_++;
    const int fd = socket.get();
    const auto at = connections_.emplace(number, std::move(socket)).first;
    at->second.since = now;
    if (!epoll_.add(fd, EPOLLIN, tag(Source::connection, number))) connections_.erase(at);
  }
}

void Keeper::on_connection(Number number, std::uint32_t events, Instant now) {
  const auto at = connections_.find(number);
  if (at == connections_.end() || at->second.closing || (events & ~std::uint32_t{EPOLLOUT}) == 0) return;  // flush_connections writes
  Connection& connection = at->second;
  const auto received = connection.stream.receive();
  while (!connection.closing) {
    auto message = connection.stream.take();
    if (!message) {
      refuse(connection, message.error().detail);
      return;
    }
    if (!*message) break;
    on_message(number, std::move(**message), now);
  }
  if (!received) {
    connection.closing = true;
    if (agent_ == number) {
      lose_agent();
      log_.info("the agent is gone; " + std::to_string(by_pid_.size()) + " tasks run on");
    }
  }
}

void Keeper::flush_connections() {
  for (auto at = connections_.begin(); at != connections_.end();) {
    auto& [number, connection] = *at;
    const bool broken = !connection.stream.flush();
    const bool wants_write = connection.stream.unsent() > 0;
    if (broken || (connection.closing && !wants_write)) {
      if (agent_ == number) lose_agent();
      epoll_.remove(connection.stream.fd());  // a child that has not come to exec yet holds a copy
      at = connections_.erase(at);
      continue;
    }
    if (wants_write != connection.wants_write) {
      connection.wants_write = wants_write;
      epoll_.modify(connection.stream.fd(), wants_write ? EPOLLIN | EPOLLOUT : EPOLLIN, tag(Source::connection, number));
    }
    ++at;
  }
}

/// Nobody else says how long the tasks have been alone, unless the agent has: what it said of the time to come no longer holds.
void Keeper::lose_agent() {
  agent_ = 0;
  forget_prepared();
  if (const Instant now = now_boottime(); !alone_since_ || *alone_since_ > now) set_alone_since(now);
}

void Keeper::set_alone_since(std::optional<Instant> since) {
  alone_since_ = since;
  for (auto& [number, held] : held_) {
    if (!held.attempt->set_alone_since(since)) continue;
    changed(number, held);
  }
}

void Keeper::refuse(Connection& connection, std::string detail) {
  log_.warn("connection ended: " + detail);
  connection.stream.send(message::Refused{std::move(detail)});
  connection.closing = true;
}

void Keeper::on_message(Number number, Message message, Instant now) {
  Connection& connection = connections_.at(number);
  if (!connection.role) {
    const auto* hello = std::get_if<message::Hello>(&message);
    if (hello == nullptr) return refuse(connection, "the first message is no hello");
    on_hello(number, *hello);
  } else if (std::holds_alternative<message::Shutdown>(message)) {
    begin_shutdown(now);
  } else if (number == agent_) {
    on_agent_message(std::move(message), now);
  } else {
    refuse(connection, "a control only says shutdown");
  }
}

void Keeper::on_hello(Number number, const message::Hello& hello) {
  Connection& connection = connections_.at(number);
  if (hello.magic != kProtocolMagic) return refuse(connection, "this is a stint keeper");
  if (hello.version < kProtocolVersionNeeded || hello.version > kProtocolVersion) {
    return refuse(connection, "keeper protocol " + std::to_string(hello.version) + " wanted, this keeper speaks " +
                                  std::to_string(kProtocolVersion) + ": drain the agent before the upgrade");
  }
  if (hello.role != Role::agent && hello.role != Role::control) return refuse(connection, "unknown role");
  connection.role = hello.role;
  connection.stream.send(message::Welcome{kProtocolVersion, identify(::getpid()), cgroups_.notes()});
  if (hello.role == Role::agent) attach(number);
}

void Keeper::attach(Number number) {
  if (const auto earlier = connections_.find(agent_); earlier != connections_.end()) {
    refuse(earlier->second, "another agent took over");
    lose_agent();  // the session was that one's
  }
  agent_ = number;
  MessageStream& stream = connections_.at(number).stream;
  for (auto& [id, held] : held_) {
    stream.send(ports::DriverHeld{held.attempt->ref(), held.attempt->has_ended()});
    held.told_started = held.told_ended = false;
    held.requests = {};
    held.attempt->report().rewind();
    held.report_changed = true;
    changed(id, held);
  }
  stream.send(ports::DriverReady{});
  log_.info("an agent is connected; " + std::to_string(held_.size()) + " attempts are held");
}

void Keeper::on_agent_message(Message message, Instant now) {
  const auto with = [&](const AttemptRef& ref, auto&& action) {
    const auto at = by_ref_.find(ref);
    if (at == by_ref_.end()) return;  // released meanwhile
    Held& held = held_.at(at->second);
    action(held);
    changed(at->second, held);
  };
  std::visit(Overloaded{
                 [&](message::Start& m) { start(std::move(m.spec)); },
                 [&](message::Prepare& m) { prepare(std::move(m.spec)); },
                 [&](message::Proceed& m) { proceed(m.ref); },
                 [&](message::Stop& m) { with(m.ref, [&](Held& held) { held.attempt->stop(m.mode, now); }); },
                 [&](message::RequestOutput& m) {
                   if (m.stream < 1 || m.stream > Attempt::kStreams.size()) return;
                   with(m.ref, [&](Held& held) { held.requests[m.stream - 1U] = {m.offset, m.max_bytes}; });
                 },
                 [&](message::Leash& m) {
                   with(m.ref, [&](Held& held) {
                     held.attempt->set_leash(m.stop_after);
                     static_cast<void>(held.attempt->set_alone_since(alone_since_));
                   });
                 },
                 [&](message::Alone& m) { set_alone_since(m.since_ns == 0 ? std::nullopt : std::optional(Instant{Duration{m.since_ns}})); },
                 [&](message::Release& m) { release(m.ref); },
                 [&](message::ReportSeen& m) { with(m.ref, [&](Held& held) { held.attempt->report().seen(m.end); }); },
                 [&](auto&) { refuse(connections_.at(agent_), "a message that agents do not send"); },
             },
             message);
}

void Keeper::tell_in_time(Instant now) {
  const bool has_many = by_pid_.size() + spawning_.size() >= limits::kTellTogether;
  tell_at_.reset();
  if (dirty_.empty()) return;
  if (has_many && now < told_at_ + limits::kTellPause) {
    tell_at_ = told_at_ + limits::kTellPause;
    return;
  }
  told_at_ = now;
  tell();
}

/// Attempts take turns, a chunk each: one that prints without end does not keep the others' results waiting.
void Keeper::tell() {
  const auto at = connections_.find(agent_);
  const bool nobody_listens = at == connections_.end() || at->second.closing;
  while (!dirty_.empty()) {
    if (!nobody_listens && at->second.stream.unsent() >= limits::kUnsentHigh) {
      if (!at->second.stream.flush() || at->second.stream.unsent() > 0) return;  // goes on when the socket takes more
    }
    const Number number = dirty_.front();
    dirty_.pop_front();
    const auto held = held_.find(number);
    if (held == held_.end()) continue;
    held->second.is_dirty = false;
    if (!nobody_listens && tell_about(held->second, at->second)) changed(number, held->second);
  }
}

bool Keeper::tell_about(Held& held, Connection& agent) {
  const Attempt& attempt = *held.attempt;
  if (!held.told_started && attempt.pid() != 0) {
    agent.stream.send(ports::DriverStarted{attempt.ref(), attempt.started_ms(), attempt.pid()});
    held.told_started = true;
  }
  bool more = false;
  for (const Attempt::Stream stream : Attempt::kStreams) more |= tell_output(held, agent, stream);
  if (attempt.has_ended() && !held.told_ended) held.report_changed = true;  // what is behind the last line's end counts now
  more |= tell_report(held, agent);
  if (attempt.has_ended() && !held.told_ended && !held.report_changed) {
    agent.stream.send(attempt.ended());
    held.told_ended = true;
  }
  return more;
}

bool Keeper::tell_output(Held& held, Connection& agent, Attempt::Stream stream) {
  Request& request = held.requests[index_of(stream)];
  const SpooledStream& spooled = held.attempt->output(stream);
  if (request.bytes == 0 || request.offset >= spooled.size()) return false;
  const std::uint64_t wanted = std::min({request.bytes, spooled.size() - request.offset, std::uint64_t{limits::kOutputChunk}});
  ports::DriverOutput output{held.attempt->ref(), static_cast<std::uint8_t>(index_of(stream) + 1), request.offset, Bytes(wanted)};
  output.bytes.resize(spool_.read(spooled, request.offset, output.bytes));
  if (output.bytes.empty()) {
    log_.error("the spool cannot be read");
    return false;
  }
  request.offset += output.bytes.size();
  request.bytes -= output.bytes.size();
  agent.stream.send(std::move(output));
  return request.bytes > 0 && request.offset < spooled.size();
}

bool Keeper::tell_report(Held& held, Connection& agent) {
  if (!held.report_changed || !held.attempt->report().may_read()) return false;  // ReportSeen brings us back
  ReportLines read = held.attempt->read_report(host_);
  held.report_changed = !read.lines.empty();
  if (held.report_changed) agent.stream.send(message::Report{held.attempt->ref(), read.end, read.cut_lines, std::move(read.lines)});
  return held.report_changed;
}

}  // namespace stint::exec
