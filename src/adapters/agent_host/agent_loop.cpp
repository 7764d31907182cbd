#include "adapters/agent_host/agent_loop.hpp"

#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/connect.hpp>
#include <boost/asio/post.hpp>
#include <csignal>
#include <utility>

#include "adapters/agent_host/limits.hpp"
#include "adapters/agent_host/system.hpp"
#include "base/assert.hpp"
#include "base/loopback.hpp"
#include "net/tcp_pace.hpp"

namespace stint::agent_host {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

int make_timer() {
  const int fd = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
  STINT_ASSERT(fd >= 0);
  return fd;
}

using Socket = asio::ip::tcp::socket;

Socket::wait_type ready_for(net::Io what) { return what == net::Io::wants_write ? Socket::wait_write : Socket::wait_read; }

}  // namespace

AgentLoop::AgentLoop(asio::io_context& io, ports::LinkClient& client, Options options, Log& log)
    : io_(io),
      client_(client),
      options_(std::move(options)),
      log_(log),
      resolver_(io),
      stream_(Tcp::socket(io)),
      dial_timer_(io),
      pace_timer_(io),
      linger_timer_(io),
      leave_timer_(io),
      signals_(io),
      timer_(io, make_timer()),
      in_(limits::kReadBytes) {
  for (const int fd : options_.driver_fds) drivers_.emplace_back(io, fd);
}

AgentLoop::~AgentLoop() {
  for (auto& fd : drivers_) fd.release();
}

void AgentLoop::start() {
  if (options_.takes_signals) {
    signals_.add(SIGINT);
    signals_.add(SIGTERM);
    watch_signals();
  }
  watch_timer();
  for (auto& fd : drivers_) watch_driver(fd);
  turn();
}

// What the client wants after whatever has just happened.
void AgentLoop::turn() {
  look();
  if (options_.after_turn) options_.after_turn();
}

void AgentLoop::look_soon() {
  if (std::exchange(will_look_, true)) return;
  asio::post(io_, [this] {
    will_look_ = false;
    look();
  });
}

void AgentLoop::look() {
  if (link_ == Link::open) write_socket();
  if (link_ == Link::open && client_.wants_close()) finish_link();
  if (client_.is_finished()) {
    io_.stop();
    return;
  }
  if (link_ == Link::none && client_.wants_link(read_now())) dial();
  arm_timer();
}

// Dialling.

void AgentLoop::dial() {
  link_ = Link::dialing;
  client_.on_link_dialing();
  const auto generation = ++generation_;
  const auto server = options_.servers[next_server_++ % options_.servers.size()];
  const auto name = server.text();
  dial_timer_.expires_after(limits::kConnectTimeout);
  dial_timer_.async_wait([this, generation, name](const error_code& error) {
    if (!error && generation == generation_ && link_ == Link::dialing) fail_dial(name + ": no connection within 10 s");
  });
  const auto on_resolved = [this, generation, name, server](const error_code& error, const Tcp::resolver::results_type& found) {
    if (generation != generation_) return;
    if (error) return fail_dial(name + ": " + error.message());
    asio::async_connect(stream_.socket(), found, [this, generation, server](const error_code& failure, const Tcp::endpoint& /*endpoint*/) {
      if (generation == generation_) on_dialed(failure, server);
    });
  };
  // A literal address needs no resolver, whose first use starts a thread.
  error_code not_literal;
  const auto literal = asio::ip::make_address(server.host, not_literal);
  if (!not_literal) {
    const auto port = static_cast<std::uint16_t>(std::stoul(server.port));  // parse_address saw to it
    return on_resolved({}, Tcp::resolver::results_type::create(Tcp::endpoint{literal, port}, server.host, server.port));
  }
  resolver_.async_resolve(server.host, server.port, on_resolved);
}

void AgentLoop::fail_dial(const std::string& why) {
  ++generation_;
  link_ = Link::none;
  dial_timer_.cancel();
  resolver_.cancel();
  stream_.close();
  client_.on_link_failed(why, read_now());
  turn();
}

void AgentLoop::on_dialed(const error_code& error, const Address& server) {
  if (error) return fail_dial(server.text() + ": " + error.message());
  error_code failure;
  auto& socket = stream_.socket();
  socket.set_option(Tcp::no_delay{true}, failure);
  if (!failure) socket.non_blocking(true, failure);
  if (failure) return fail_dial(server.text() + ": " + failure.message());
  stream_.set_bytes(net::ByteStream(socket.native_handle()));
  if (server.transport != Transport::tls) return on_ready();
  const auto tls = options_.tls();
  if (!tls) return fail_dial(server.text() + ": " + tls.error().detail);
  stream_.set_bytes((*tls)->connect(socket.native_handle(), server.host));
  shake_hands(server);
}

void AgentLoop::shake_hands(const Address& server) {
  stream_.async_handshake([this, generation = generation_, server](const error_code& error, std::size_t /*bytes*/) {
    if (generation != generation_) return;
    if (error) return fail_dial(server.text() + ": " + stream_.bytes().problem());
    if (stream_.bytes().protocol() != net::kAlpnFrames)
      return fail_dial(server.text() + ": speaks TLS, but not " + std::string(net::kAlpnFrames) + " in it: it is no scheduler");
    on_ready();
  });
}

void AgentLoop::on_ready() {
  dial_timer_.cancel();
  next_server_ += options_.servers.size() - 1;  // this one again, next time
  const Address& server = options_.servers[next_server_ % options_.servers.size()];
  unheard_ = server.transport == Transport::tls || is_loopback(server.host) ? std::string{} : server.text();
  if (options_.on_connected) options_.on_connected(server);
  link_ = Link::open;
  out_.clear();
  waits_for_write_ = waits_for_pace_ = false;
  const auto now = read_now();
  empty_since_ = now.mono;
  client_.on_link_open(now);
  watch_socket();
  turn();
}

// The open link.

void AgentLoop::watch_socket(net::Io what) {
  stream_.socket().async_wait(ready_for(what), [this, generation = generation_](const error_code& error) {
    if (generation != generation_ || link_ != Link::open) return;
    if (error) return close_link();
    const auto next = read_socket();
    if (link_ == Link::open) watch_socket(next);
    turn();
  });
}

/// Gives what to wait for before the next read.
net::Io AgentLoop::read_socket() {
  for (int i = 0; i < limits::kReadsPerTurn && link_ == Link::open; ++i) {
    const auto before = read_now();
    const auto got = stream_.bytes().read(in_);
    if (got.what == net::Io::done) {
      unheard_.clear();
      client_.on_link_bytes(ByteView{in_}.first(got.bytes), read_now(), empty_since_);
    } else if (got.what == net::Io::wants_read || got.what == net::Io::wants_write) {
      empty_since_ = before.mono;  // everything that comes later arrives after this moment
      return got.what;
    } else {
      if (!unheard_.empty())
        log_.warn(unheard_ + ": closed the connection without a word; if it speaks TLS, as it should, leave --insecure-plaintext out");
      close_link();
    }
  }
  return net::Io::wants_read;  // a record of TLS is read whole: what is left waits in the socket
}

void AgentLoop::write_socket() {
  while (!waits_for_write_ && !waits_for_pace_) {
    if (out_.empty()) {
      if (!client_.has_link_output()) return;
      const auto allowance = std::min(net::send_room(stream_.socket().native_handle()), limits::kWriteBudget);
      if (allowance == 0) {
        waits_for_pace_ = true;
        pace_timer_.expires_after(limits::kPaceRetry);
        pace_timer_.async_wait([this, generation = generation_](const error_code& error) {
          if (error || generation != generation_) return;
          waits_for_pace_ = false;
          turn();
        });
        return;
      }
      written_ = 0;
      client_.take_link_output(read_now(), allowance, out_);
      if (out_.empty()) return;
    }
    const auto sent = stream_.bytes().write(ByteView{out_}.subspan(written_));
    if (sent.what == net::Io::done) {
      written_ += sent.bytes;
      if (written_ == out_.size()) out_.clear();
    } else if (sent.what == net::Io::wants_write || sent.what == net::Io::wants_read) {
      wait_to_write(sent.what);
    } else {
      return close_link();
    }
  }
}

void AgentLoop::wait_to_write(net::Io what) {
  waits_for_write_ = true;
  stream_.socket().async_wait(ready_for(what), [this, generation = generation_](const error_code& error) {
    if (error || generation != generation_) return;
    waits_for_write_ = false;
    turn();
  });
}

/// Closes once the last output has left; a peer that does not take it cannot hold us.
void AgentLoop::finish_link() {
  if (out_.empty() && !waits_for_pace_) return close_link();
  if (std::exchange(is_lingering_, true)) return;
  linger_timer_.expires_after(limits::kLingerTimeout);
  linger_timer_.async_wait([this, generation = generation_](const error_code& error) {
    if (error || generation != generation_ || link_ != Link::open) return;
    close_link();
    turn();
  });
}

void AgentLoop::close_link() {
  ++generation_;
  link_ = Link::none;
  out_.clear();
  waits_for_write_ = waits_for_pace_ = is_lingering_ = false;
  pace_timer_.cancel();
  linger_timer_.cancel();
  stream_.bytes().say_goodbye();
  stream_.close();
  client_.on_link_closed(read_now());
}

// Drivers, signals, time.

void AgentLoop::watch_driver(asio::posix::stream_descriptor& fd) {
  fd.async_wait(asio::posix::stream_descriptor::wait_read, [this, &fd](const error_code& error) {
    if (error) return;
    client_.on_driver_events(read_now());
    watch_driver(fd);
    turn();
  });
}

void AgentLoop::watch_signals() {
  signals_.async_wait([this](const error_code& error, int signal) {
    if (error) return;
    watch_signals();
    if (signal == SIGINT) {
      log_.info("interrupted: takes nothing new and ends when its tasks have; a second interrupt ends the tasks");
      client_.drain(read_now());
    } else {
      log_.info("terminated: leaves; tasks run on under the keeper");
      client_.leave(read_now());
      leave_timer_.expires_after(limits::kLeaveTimeout);
      leave_timer_.async_wait([this](const error_code& cancelled) {
        if (!cancelled) io_.stop();
      });
    }
    turn();
  });
}

void AgentLoop::watch_timer() {
  timer_.async_wait(asio::posix::stream_descriptor::wait_read, [this](const error_code& error) {
    if (error) return;
    std::uint64_t expirations = 0;
    [[maybe_unused]] const auto got = ::read(timer_.native_handle(), &expirations, sizeof expirations);
    armed_ = Instant::max();
    client_.on_timer(read_now());
    watch_timer();
    turn();
  });
}

void AgentLoop::arm_timer() {
  const auto deadline = client_.next_deadline();
  if (deadline == armed_) return;
  armed_ = deadline;
  itimerspec when{};  // all zero disarms
  if (deadline != Instant::max()) {
    const auto ns = std::max<std::int64_t>(deadline.time_since_epoch().count(), 1);
    when.it_value.tv_sec = ns / 1'000'000'000;
    when.it_value.tv_nsec = ns % 1'000'000'000;
  }
  STINT_ASSERT(timerfd_settime(timer_.native_handle(), TFD_TIMER_ABSTIME, &when, nullptr) == 0);
}

}  // namespace stint::agent_host
