#include "bench/scale/swarm_loop.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "adapters/server/clock.hpp"
#include "protocol/limits.hpp"

namespace stint::bench {
namespace {

constexpr std::size_t kDialsAtOnce = 128;                        ///< well below what the scheduler takes at once
constexpr Duration kRedialPause = std::chrono::milliseconds{10};
constexpr int kNapMs = 20;                                       ///< between two looks at who is to dial
constexpr std::size_t kReadBytes = std::size_t{256} << 10;
constexpr std::uint64_t kWakeKey = ~std::uint64_t{0};

Result<sockaddr_in> parse_server(const std::string& server) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  const auto colon = server.rfind(':');
  if (colon == std::string::npos || ::inet_pton(AF_INET, server.substr(0, colon).c_str(), &address.sin_addr) != 1)
    return fail(Errc::invalid_argument, server + ": not IPV4:PORT");
  address.sin_port = htons(static_cast<std::uint16_t>(std::stoul(server.substr(colon + 1))));
  return address;
}

protocol::AgentInfo info_of(const SwarmAgent& agent, std::uint32_t window) {
  protocol::AgentInfo info;
  info.name = "swarm-" + std::to_string(agent.number.value);
  info.host = "swarm";
  info.version = STINT_VERSION;
  info.resources.cpu_millis = std::int64_t{1000} * window;
  info.drivers = {"noop"};
  info.window = window;
  return info;
}

protocol::StatusUpdate completed(const AttemptRef& ref, Now now) {
  protocol::StatusUpdate update;
  update.ref = ref;
  update.number = 1;
  update.status = TaskStatus::completed;
  update.reason = EndReason::exit;
  update.started_ms = update.ended_ms = to_ms(now.wall);
  return update;
}

}  // namespace

SwarmLoop::SwarmLoop(SwarmOptions options, std::vector<SwarmAgent> agents, SwarmCounters& counters, int wake_fd)
    : options_(std::move(options)),
      shared_(counters),
      wake_fd_(wake_fd),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      random_(static_cast<std::uint64_t>(server::read_clocks().mono.time_since_epoch().count())),
      in_(kReadBytes) {
  members_.resize(agents.size());
  for (std::size_t i = 0; i < agents.size(); ++i) {
    members_[i].agent = agents[i];
    to_dial_.emplace_back(Instant{}, MemberId{i});
  }
}

SwarmLoop::~SwarmLoop() {
  for (const Member& member : members_)
    if (member.fd >= 0) ::close(member.fd);
  ::close(epoll_);
}

Status SwarmLoop::run() {
  if (!options_.pins.empty()) {
    net::Trust trust;
    trust.pins = options_.pins;
    STINT_TRY(auto tls, net::TlsClient::make(std::move(trust), net::kAlpnFrames));
    tls_ = std::make_unique<net::TlsClient>(std::move(tls));
  }
  epoll_event wake{};
  wake.events = EPOLLIN;
  wake.data.u64 = kWakeKey;
  ::epoll_ctl(epoll_, EPOLL_CTL_ADD, wake_fd_, &wake);
  for (std::array<epoll_event, 512> ready;;) {
    const int count = ::epoll_wait(epoll_, ready.data(), static_cast<int>(ready.size()), kNapMs);
    const Now now = server::read_clocks();
    for (int i = 0; i < count; ++i) {
      const auto key = ready[static_cast<std::size_t>(i)].data.u64;
      if (key != kWakeKey) {
        serve(MemberId{key}, now);
      } else if (!take_wakes()) {
        return {};
      }
    }
    std::vector<MemberId> due;
    deadlines_.take_due(now.mono, due);
    for (const MemberId id : due) {
      Member& member = members_[id.value];
      member.session->on_timer(now);
      flush(id, member, now);
    }
    complete_some(now);
    dial_some(now);
    shared_.frames_out = session_counters_.frames_out;
    shared_.bytes = session_counters_.bytes_in + session_counters_.bytes_out;
  }
}

bool SwarmLoop::take_wakes() {
  std::array<char, 64> bytes{};
  const auto got = ::read(wake_fd_, bytes.data(), bytes.size());
  return got > 0 || (got < 0 && errno == EAGAIN);
}

// Dialling.

void SwarmLoop::dial_some(Now now) {
  while (!to_dial_.empty() && to_dial_.front().first <= now.mono && on_their_way_ < kDialsAtOnce) {
    const MemberId id = to_dial_.front().second;
    to_dial_.pop_front();
    dial(id, now);
  }
}

void SwarmLoop::dial(MemberId id, Now now) {
  Member& member = members_[id.value];
  member.fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const auto address = parse_server(options_.server);
  ++on_their_way_;
  member.is_counted = true;
  const int one = 1;
  if (member.fd < 0 || !address) return hang_up(id, member, now);
  ::setsockopt(member.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  const int outcome = ::connect(member.fd, reinterpret_cast<const sockaddr*>(&*address), sizeof *address);
  if (outcome != 0 && errno != EINPROGRESS) return hang_up(id, member, now);
  member.stage = Stage::connecting;
  member.waits_to_write = member.is_watched_for_room = true;
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT;
  event.data.u64 = id.value;
  ::epoll_ctl(epoll_, EPOLL_CTL_ADD, member.fd, &event);
}

void SwarmLoop::watch(MemberId id, Member& member) {
  if (std::exchange(member.is_watched_for_room, member.waits_to_write) == member.waits_to_write) return;
  epoll_event event{};
  event.events = EPOLLIN | (member.waits_to_write ? static_cast<std::uint32_t>(EPOLLOUT) : 0);
  event.data.u64 = id.value;
  ::epoll_ctl(epoll_, EPOLL_CTL_MOD, member.fd, &event);
}

void SwarmLoop::arrive(Member& member) {
  if (std::exchange(member.is_counted, false)) --on_their_way_;
}

void SwarmLoop::hang_up(MemberId id, Member& member, Now now) {
  arrive(member);
  if (member.stage == Stage::open) ++shared_.lost;
  if (member.fd >= 0) ::close(member.fd);
  member.fd = -1;
  member.stage = Stage::away;
  member.stream.reset();
  member.session.reset();
  member.output.clear();
  member.written = 0;
  member.held.clear();
  deadlines_.erase(id);
  to_dial_.emplace_back(now.mono + kRedialPause, id);
}

// One connection.

void SwarmLoop::serve(MemberId id, Now now) {
  Member& member = members_[id.value];
  if (member.fd < 0) return;
  if (member.stage == Stage::connecting || member.stage == Stage::shaking_hands) go_on_connecting(member, now);
  if (member.stage == Stage::open) read(member, now);
  if (member.stage == Stage::away) return hang_up(id, member, now);
  if (member.stage == Stage::open) return flush(id, member, now);
  watch(id, member);
}

void SwarmLoop::go_on_connecting(Member& member, Now now) {
  if (member.stage == Stage::connecting) {
    int error = 0;
    socklen_t size = sizeof error;
    ::getsockopt(member.fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) {
      member.stage = Stage::away;
      return;
    }
    if (tls_) {
      member.stream.emplace(tls_->connect(member.fd, options_.server.substr(0, options_.server.rfind(':'))));
    } else {
      member.stream.emplace(member.fd);
    }
    member.stage = Stage::shaking_hands;
  }
  const auto step = member.stream->handshake();
  member.waits_to_write = step.what == net::Io::wants_write;
  if (step.what == net::Io::done) return begin_session(member, now);
  if (step.what != net::Io::wants_read && step.what != net::Io::wants_write) member.stage = Stage::away;
}

void SwarmLoop::begin_session(Member& member, Now now) {
  protocol::AgentSessionOptions options;
  options.agent = member.agent.number;
  options.key_epoch = member.agent.epoch;
  options.key = member.agent.key;
  options.instance.fill(1);
  random_.fill(options.boot);
  options.connect = ++member.connects;
  random_.fill(options.nonce);
  options.counters = &session_counters_;
  options.scratch = scratch_;
  member.session = protocol::make_agent_session(std::move(options), now);
  member.empty_since = now.mono;
  member.stage = Stage::open;
}

void SwarmLoop::read(Member& member, Now now) {
  for (;;) {
    const auto got = member.stream->read(in_);
    if (got.what == net::Io::wants_read || got.what == net::Io::wants_write) break;
    if (got.what != net::Io::done) {
      member.session->on_closed(now);
      member.stage = Stage::away;
      ++shared_.lost;
      return;
    }
    member.session->on_bytes({in_.data(), got.bytes}, now, member.empty_since);
    take_events(member);
  }
  member.empty_since = now.mono;
}

void SwarmLoop::take_events(Member& member) {
  protocol::SessionEvent event;
  while (member.session->next(event)) {
    if (std::holds_alternative<protocol::Established>(event)) {
      arrive(member);
      member.session->send(protocol::Resume{info_of(member.agent, options_.window), {}});
    } else if (const auto* received = std::get_if<protocol::Received>(&event)) {
      take_message(member, received->message);
    }  // an end: the scheduler closes the connection
  }
}

void SwarmLoop::take_message(Member& member, const protocol::Message& message) {
  if (std::holds_alternative<protocol::Reconcile>(message)) ++shared_.connected;
  const auto* work = std::get_if<protocol::AssignmentList>(&message);
  if (work == nullptr) return;
  for (const auto& assignment : work->items) member.held.push_back(assignment.ref);
  shared_.last_assigned_ns = server::read_clocks().mono.time_since_epoch().count();
  shared_.assigned += work->items.size();
}

void SwarmLoop::flush(MemberId id, Member& member, Now now) {
  member.waits_to_write = false;
  for (;;) {
    if (member.written == member.output.size()) {
      member.output.clear();
      member.written = 0;
      member.session->take_output(now, kReadBytes, member.output);
      if (member.output.empty()) break;
    }
    const auto sent = member.stream->write(ByteView(member.output).subspan(member.written));
    if (sent.what == net::Io::wants_write || sent.what == net::Io::wants_read) {
      member.waits_to_write = sent.what == net::Io::wants_write;
      break;
    }
    if (sent.what != net::Io::done) return hang_up(id, member, now);
    member.written += sent.bytes;
  }
  if (member.output.empty()) member.output = {};
  watch(id, member);
  deadlines_.set(id, member.session->next_deadline());
}

// Work.

void SwarmLoop::complete_some(Now now) {
  const std::uint64_t wanted = shared_.to_complete;
  for (std::size_t i = 0; i < members_.size() && completed_ < wanted; ++i) {
    Member& member = members_[i];
    if (member.stage != Stage::open || member.held.empty()) continue;
    complete(member, wanted - completed_, now);
    flush(MemberId{i}, member, now);
  }
}

void SwarmLoop::complete(Member& member, std::uint64_t most, Now now) {
  for (std::uint64_t left = std::min<std::uint64_t>(most, member.held.size()); left > 0;) {
    protocol::UpdateList updates;
    for (; left > 0 && updates.items.size() < protocol::limits::kListItems; --left) {
      updates.items.push_back(completed(member.held.front(), now));
      member.held.pop_front();
      ++completed_;
    }
    member.session->send(std::move(updates));
  }
}

}  // namespace stint::bench
