#include "adapters/server/web_socket_server.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket.hpp>
#include <utility>

#include "adapters/server/clock.hpp"
#include "net/tcp_pace.hpp"

namespace stint::net {

// What Beast asks of a stream that it closes.

inline void teardown(boost::beast::role_type /*role*/, AsyncStream& stream, boost::system::error_code& error) {
  stream.close();
  error = {};
}
template <class Handler>
void async_teardown(boost::beast::role_type /*role*/, AsyncStream& stream, Handler&& handler) {
  stream.close();
  boost::asio::post(stream.get_executor(), [handler = std::forward<Handler>(handler)]() mutable { handler(boost::system::error_code{}); });
}
inline void beast_close_socket(AsyncStream& stream) { stream.close(); }

}  // namespace stint::net

namespace stint::server {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace websocket = boost::beast::websocket;
using boost::system::error_code;

// Of docs/protocol.md "Frame": all that this folder knows of frames is where one ends.
constexpr std::size_t kHeaderSize = 32, kTagSize = 32, kBodyLengthAt = 8;
constexpr std::size_t kMessageMax = (std::size_t{2} << 20) + kHeaderSize + kTagSize;
constexpr auto kPacePoll = std::chrono::milliseconds(5);
constexpr std::size_t kKeptCapacity = std::size_t{4} << 10;  ///< of a connection's buffers, while nothing is in them

/// Of the frame that begins there; 0 if it is not whole.
std::size_t frame_size(ByteView bytes) {
  if (bytes.size() < kHeaderSize) return 0;
  const std::size_t size = kHeaderSize + load_le<std::uint32_t>(bytes.data() + kBodyLengthAt) + kTagSize;
  return size <= bytes.size() ? size : 0;
}

}  // namespace

struct WebSocketServer::Link {
  Link(net::AsyncStream stream, ports::LinkId i) : socket(std::move(stream)), id(i), timer(socket.get_executor()) {}
  websocket::stream<net::AsyncStream> socket;
  ports::LinkId id;
  asio::steady_timer timer;  ///< while the kernel's queue is too long
  beast::flat_buffer input;
  Bytes output;              ///< whole frames
  std::size_t written = 0;   ///< of output
  Instant empty_since{};
  std::string peer;
  bool is_open = false;
  bool write_scheduled = false;
  bool writing = false;
  bool closing = false;
  bool dead = false;
};

WebSocketServer::WebSocketServer(std::function<void()> turn) : turn_(std::move(turn)) {}
WebSocketServer::~WebSocketServer() = default;

void WebSocketServer::adopt(net::AsyncStream stream, Request request) {
  error_code error;
  const auto remote = stream.socket().remote_endpoint(error);
  auto link = std::make_shared<Link>(std::move(stream), ports::LinkId{++last_id_});
  link->peer = error ? "unknown" : remote.address().to_string() + ":" + std::to_string(remote.port());
  link->socket.set_option(websocket::stream_base::timeout::suggested(beast::role_type::server));
  link->socket.read_message_max(kMessageMax);
  link->socket.binary(true);
  link->socket.auto_fragment(false);  // else each connection keeps a buffer for it
  auto kept = std::make_shared<Request>(std::move(request));
  link->socket.async_accept(*kept, [this, link, kept](error_code failed) {
    if (failed) return;  // the connection closes with its owner
    links_[link->id] = link;
    link->is_open = true;
    const Now now = read_clocks();
    link->empty_since = now.mono;
    handler_->on_link_open(link->id, link->peer, now);
    turn_();
    read(link);
  });
}

void WebSocketServer::read(const std::shared_ptr<Link>& link) {
  link->socket.async_read(link->input, [this, link](error_code error, std::size_t size) {
    if (link->dead) return;
    const ByteView bytes(static_cast<const std::uint8_t*>(link->input.data().data()), size);
    if (error || !link->socket.got_binary() || size == 0 || frame_size(bytes) != size) return drop(link);
    const Now now = read_clocks();
    handler_->on_link_bytes(link->id, bytes, now, link->empty_since);
    link->input.consume(size);
    if (link->input.capacity() > kKeptCapacity) link->input.shrink_to_fit();
    link->empty_since = now.mono;
    turn_();
    if (!link->dead) read(link);
  });
}

void WebSocketServer::wake(ports::LinkId id) {
  if (const auto it = links_.find(id); it != links_.end()) schedule_write(it->second);
}

void WebSocketServer::close(ports::LinkId id) {
  const auto it = links_.find(id);
  if (it == links_.end()) return;
  it->second->closing = true;
  schedule_write(it->second);
}

void WebSocketServer::schedule_write(const std::shared_ptr<Link>& link) {
  if (std::exchange(link->write_scheduled, true)) return;
  asio::post(link->socket.get_executor(), [this, link] {
    link->write_scheduled = false;
    if (!link->dead && !link->writing) write(link);
  });
}

void WebSocketServer::write(const std::shared_ptr<Link>& link) {
  link->output.clear();
  if (link->output.capacity() > kKeptCapacity) link->output.shrink_to_fit();
  link->written = 0;
  const std::size_t room = net::send_room(link->socket.next_layer().socket().native_handle());
  if (room > 0 || link->closing) handler_->take_link_output(link->id, read_clocks(), std::max(room, net::kKernelQueueMin), link->output);
  if (!link->output.empty()) return write_frame(link);
  if (link->closing) return drop(link);
  if (room > 0) return;
  link->timer.expires_after(kPacePoll);
  link->timer.async_wait([this, link](error_code error) {
    if (!error && !link->dead && !link->writing) write(link);
  });
}

void WebSocketServer::write_frame(const std::shared_ptr<Link>& link) {
  const ByteView rest = ByteView(link->output).subspan(link->written);
  const std::size_t size = frame_size(rest);
  if (size == 0) return drop(link);  // the daemon writes whole frames
  link->writing = true;
  link->socket.async_write(asio::buffer(rest.data(), size), [this, link, size](error_code error, std::size_t) {
    link->writing = false;
    if (link->dead) return;
    if (error) return drop(link);
    link->written += size;
    link->written == link->output.size() ? write(link) : write_frame(link);
  });
}

void WebSocketServer::drop(const std::shared_ptr<Link>& link) {
  if (std::exchange(link->dead, true)) return;
  link->timer.cancel();
  link->socket.next_layer().bytes().say_goodbye();
  link->socket.next_layer().close();
  links_.erase(link->id);
  handler_->on_link_closed(link->id, read_clocks());
  turn_();
}

void WebSocketServer::shut_down() {
  const auto open = links_;
  for (const auto& [_, link] : open) drop(link);
}

}  // namespace stint::server
