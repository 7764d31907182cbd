#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "adapters/exec/fd.hpp"
#include "adapters/exec/keeper_protocol.hpp"

namespace stint::exec {

/// Messages over one connected, non-blocking socket: both ends of a keeper's connection.
/// Errors:  unavailable             the other side is gone; what it had sent before can still be taken.
///          out_of_range, corrupt   it sent what is no message: give the connection up.
class MessageStream {
 public:
  explicit MessageStream(UniqueFd socket);

  [[nodiscard]] int fd() const { return socket_.get(); }
  /// Queues a message; flush() hands it to the kernel.
  void send(const Message& message) { encode(message, out_); }
  [[nodiscard]] std::size_t unsent() const { return out_.size() - sent_; }
  [[nodiscard]] Status flush();
  /// Takes what has arrived, at most limits::kReceiveBudget bytes. True if there may be more.
  [[nodiscard]] Result<bool> receive();
  /// The next complete message received, if any.
  [[nodiscard]] Result<std::optional<Message>> take();

 private:
  UniqueFd socket_;
  Bytes out_;
  std::size_t sent_ = 0;  ///< of out_
  Bytes in_;
  std::size_t taken_ = 0;  ///< of in_
  /// Where the kernel puts bytes: never filled with zeros, which of so many would take longer than a message does.
  std::unique_ptr<std::uint8_t[]> landing_;
};

}  // namespace stint::exec
