#pragma once

#include <string>

#include "apps/stint-conform/socket.hpp"

/// A WebSocket client (RFC 6455) by hand, so that it can be got wrong.
namespace stint::conform {

inline constexpr std::uint8_t kContinuation = 0, kText = 1, kBinary = 2, kWebClose = 8, kPing = 9, kPong = 10;

struct WebFrame {
  std::uint8_t opcode = kBinary;
  bool is_last = true;
  bool is_masked = true;
  Bytes payload;
};
[[nodiscard]] Bytes to_bytes(const WebFrame& frame);

struct WebAnswer {
  int status = 0;    ///< of HTTP; 0: none came
  std::string head;  ///< up to the empty line
};
/// An HTTP request and the head of its answer; what follows is left on the connection.
[[nodiscard]] WebAnswer ask_http(Socket& socket, const std::string& request);

struct Upgrade {
  WebAnswer answer;
  bool is_right = false;  ///< 101, and the accept key is that of our key
};
/// GET /v1/agent. If it is right, the socket sends each piece as a binary message from then on, and gives the payloads of binary messages
/// that hold exactly one frame; any other message is the layer's problem().
[[nodiscard]] Upgrade upgrade_to_web_socket(Socket& socket, const std::string& host);
/// On an upgraded connection: these bytes as they are.
[[nodiscard]] Status send_raw(Socket& socket, ByteView bytes);
/// The payload of the next pong; empty: none came until the deadline, or the connection closed.
[[nodiscard]] Bytes wait_for_pong(Socket& socket, Instant deadline);

}  // namespace stint::conform
