#pragma once

#include <memory>
#include <string>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "base/time.hpp"

namespace stint::conform {

[[nodiscard]] Instant now();
[[nodiscard]] std::int64_t wall_ms();
void sleep_for(Duration length);

/// What our bytes go through: the socket itself, TLS on it, WebSocket messages on either.
class Layer {
 public:
  virtual ~Layer() = default;
  /// Errors:  unavailable  the other side has closed, or takes nothing for limits::kPatience.
  [[nodiscard]] virtual Status send(ByteView bytes) = 0;
  enum class Got { bytes, closed, nothing };
  /// Appends to `out` what is there, or comes until `deadline`.
  [[nodiscard]] virtual Got receive(Bytes& out, Instant deadline) = 0;
  /// When a read last found nothing: whatever was read since then came after it.
  [[nodiscard]] virtual Instant empty_since() const = 0;
  /// What the other side has got wrong in this layer; it counts as closed then. Empty: nothing.
  [[nodiscard]] virtual std::string problem() const { return {}; }
};

/// False: not until `deadline`. `events` as of poll(2).
[[nodiscard]] bool wait_for(int fd, short events, Instant deadline);

/// A TCP connection whose every wait has an end.
class Socket {
 public:
  explicit Socket(int fd);
  Socket(Socket&& other) noexcept;
  Socket& operator=(Socket&& other) noexcept;
  ~Socket();

  [[nodiscard]] static Result<Socket> connect(const std::string& host, const std::string& port);

  /// Errors:  unavailable  as Layer::send, or this side has closed.
  [[nodiscard]] Status send(ByteView bytes);
  using Got = Layer::Got;
  [[nodiscard]] Got receive(Bytes& out, Instant deadline) { return fd_ < 0 ? Got::closed : layer_->receive(out, deadline); }
  [[nodiscard]] Instant empty_since() const { return layer_->empty_since(); }
  [[nodiscard]] std::string problem() const { return layer_->problem(); }

  [[nodiscard]] int fd() const { return fd_; }
  /// A new layer may own the one that was there.
  [[nodiscard]] std::unique_ptr<Layer> take_layer() { return std::move(layer_); }
  void set_layer(std::unique_ptr<Layer> layer) { layer_ = std::move(layer); }

  void end_sending();
  /// Closes with RST: what is on its way is lost.
  void reset();
  void close();

 private:
  int fd_;
  std::unique_ptr<Layer> layer_;
};

/// A listening socket on 127.0.0.1, its port chosen by the system.
class Listener {
 public:
  Listener() = default;
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  ~Listener();
  [[nodiscard]] Status open();
  [[nodiscard]] int port() const { return port_; }
  /// Errors:  unavailable  nobody came until `deadline`.
  [[nodiscard]] Result<Socket> accept(Instant deadline);

 private:
  int fd_ = -1;
  int port_ = 0;
};

}  // namespace stint::conform
