#pragma once

#include <string>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "base/time.hpp"

namespace stint::conform {

[[nodiscard]] Instant now();
[[nodiscard]] std::int64_t wall_ms();
void sleep_for(Duration length);

/// A TCP connection whose every wait has an end.
class Socket {
 public:
  explicit Socket(int fd) : fd_(fd) {}
  Socket(Socket&& other) noexcept;
  Socket& operator=(Socket&& other) noexcept;
  ~Socket();

  [[nodiscard]] static Result<Socket> connect(const std::string& host, const std::string& port);

  /// Errors:  unavailable  the other side has closed, or takes nothing for limits::kPatience.
  [[nodiscard]] Status send(ByteView bytes);

  enum class Got { bytes, closed, nothing };
  /// Appends to `out` what is there, or comes until `deadline`.
  [[nodiscard]] Got receive(Bytes& out, Instant deadline);
  /// When a read last found nothing: whatever was read since then came after it.
  [[nodiscard]] Instant empty_since() const { return empty_since_; }

  void end_sending();
  /// Closes with RST: what is on its way is lost.
  void reset();
  void close();

 private:
  int fd_;
  Instant empty_since_ = now();
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
