#include "adapters/server/frame_server.hpp"

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <utility>

#include "adapters/server/clock.hpp"
#include "net/tcp_pace.hpp"

namespace stint::server {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

constexpr std::size_t kReadBuffer = std::size_t{256} << 10;
constexpr std::size_t kReadsPerTurn = 16;                ///< of one link, so that a loud one does not starve the others
constexpr auto kKernelQueuePoll = std::chrono::milliseconds(5);

asio::ip::tcp::socket::wait_type ready_for(net::Io what) {
  return what == net::Io::wants_read ? asio::ip::tcp::socket::wait_read : asio::ip::tcp::socket::wait_write;
}

}  // namespace

struct FrameServer::Link {
  Link(net::AsyncStream s, ports::LinkId i) : stream(std::move(s)), id(i), timer(stream.get_executor()) {}
  net::AsyncStream stream;
  ports::LinkId id;
  asio::steady_timer timer;          ///< while the kernel's queue is too long
  Instant empty_since{};
  Bytes output;                      ///< sealed, not yet taken by the kernel; mostly none
  std::size_t written = 0;           ///< of output
  bool flush_scheduled = false;
  bool waiting_to_write = false;
  bool closing = false;
  bool dead = false;
};

FrameServer::FrameServer(asio::io_context& io, std::function<void()> turn) : io_(io), turn_(std::move(turn)), read_buffer_(kReadBuffer) {}
FrameServer::~FrameServer() = default;

void FrameServer::adopt(net::AsyncStream stream) {
  error_code ignored;
  static_cast<void>(stream.socket().set_option(asio::ip::tcp::no_delay(true), ignored));
  const auto remote = stream.socket().remote_endpoint(ignored);
  const std::string peer = ignored ? "unknown" : remote.address().to_string() + ":" + std::to_string(remote.port());
  auto link = std::make_shared<Link>(std::move(stream), ports::LinkId{++last_id_});
  links_[link->id] = link;
  const Now now = read_clocks();
  link->empty_since = now.mono;
  handler_->on_link_open(link->id, peer, now);
  turn_();
  read_all(link);
}

void FrameServer::wait_to_read(const std::shared_ptr<Link>& link, net::Io what) {
  link->stream.socket().async_wait(ready_for(what), [this, link](error_code error) {
    if (link->dead) return;
    if (error) return drop(link);
    read_all(link);
  });
}

void FrameServer::read_all(const std::shared_ptr<Link>& link) {
  for (std::size_t reads = 0; reads < kReadsPerTurn; ++reads) {
    const auto got = link->stream.bytes().read(read_buffer_);
    const Now now = read_clocks();
    if (got.what == net::Io::wants_read || got.what == net::Io::wants_write) {
      link->empty_since = now.mono;
      return wait_to_read(link, got.what);
    }
    if (got.what != net::Io::done) return drop(link);
    handler_->on_link_bytes(link->id, {read_buffer_.data(), got.bytes}, now, link->empty_since);
    turn_();
    if (link->dead) return;
    if (link->stream.bytes().is_emptied()) {
      link->empty_since = now.mono;
      return wait_to_read(link, net::Io::wants_read);
    }
  }
  if (!link->stream.bytes().holds_bytes()) return wait_to_read(link, net::Io::wants_read);
  asio::post(io_, [this, link] {
    if (!link->dead) read_all(link);
  });
}

void FrameServer::wake(ports::LinkId id) {
  if (auto it = links_.find(id); it != links_.end()) schedule_flush(it->second);
}

/// What does not leave, for whatever reason, is left to the turn of the loop that wake() would have it written in.
void FrameServer::flush(ports::LinkId id) {
  const auto it = links_.find(id);
  if (it == links_.end()) return;
  const auto& link = it->second;
  if (!link->closing && !link->waiting_to_write && link->output.empty() && take_output(link)) {
    const auto sent = link->stream.bytes().write(write_buffer_);
    keep_rest(*link, write_buffer_, sent.bytes);
  }
  schedule_flush(link);
}

void FrameServer::close(ports::LinkId id) {
  auto it = links_.find(id);
  if (it == links_.end()) return;
  it->second->closing = true;
  schedule_flush(it->second);
}

void FrameServer::schedule_flush(const std::shared_ptr<Link>& link) {
  if (std::exchange(link->flush_scheduled, true)) return;
  asio::post(io_, [this, link] {
    link->flush_scheduled = false;
    if (!link->dead && !link->waiting_to_write) flush(link);
  });
}

void FrameServer::flush(const std::shared_ptr<Link>& link) {
  for (;;) {
    if (link->output.empty() && !take_output(link)) return;
    // What the session gives lies in the buffer of all links; a link has one of its own only while the kernel takes no more.
    const ByteView bytes = link->output.empty() ? ByteView(write_buffer_) : ByteView(link->output).subspan(link->written);
    const auto sent = link->stream.bytes().write(bytes);
    const bool must_wait = sent.what == net::Io::wants_write || sent.what == net::Io::wants_read;
    if (!must_wait && sent.what != net::Io::done) return drop(link);
    keep_rest(*link, bytes, sent.bytes);
    if (must_wait) return wait_to_write(link, sent.what);
  }
}

/// False: nothing is to be written now.
bool FrameServer::take_output(const std::shared_ptr<Link>& link) {
  write_buffer_.clear();
  if (!link->closing && !handler_->has_link_output(link->id)) return false;
  const std::size_t room = net::send_room(link->stream.socket().native_handle());
  if (room > 0 || link->closing) handler_->take_link_output(link->id, read_clocks(), std::max(room, net::kKernelQueueMin), write_buffer_);
  if (!write_buffer_.empty()) return true;
  if (link->closing) {
    drop(link);
  } else if (room == 0) {
    link->timer.expires_after(kKernelQueuePoll);
    link->timer.async_wait([this, link](error_code error) {
      if (!error && !link->dead) flush(link);
    });
  }
  return false;
}

void FrameServer::keep_rest(Link& link, ByteView bytes, std::size_t taken) {
  if (taken == bytes.size()) {
    link.output = {};
    link.written = 0;
  } else if (link.output.empty()) {
    link.output.assign(bytes.begin() + static_cast<std::ptrdiff_t>(taken), bytes.end());
  } else {
    link.written += taken;
  }
}

void FrameServer::wait_to_write(const std::shared_ptr<Link>& link, net::Io what) {
  link->waiting_to_write = true;
  link->stream.socket().async_wait(ready_for(what), [this, link](error_code error) {
    link->waiting_to_write = false;
    if (link->dead) return;
    if (error) return drop(link);
    flush(link);
  });
}

void FrameServer::drop(const std::shared_ptr<Link>& link) {
  if (std::exchange(link->dead, true)) return;
  link->timer.cancel();
  link->stream.bytes().say_goodbye();
  link->stream.close();
  links_.erase(link->id);
  handler_->on_link_closed(link->id, read_clocks());
  turn_();
}

void FrameServer::shut_down() {
  const auto open = links_;
  for (const auto& [_, link] : open) {
    link->closing = true;
    if (!link->waiting_to_write) flush(link);
    if (!link->dead) drop(link);
  }
}

}  // namespace stint::server
