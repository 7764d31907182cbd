#include "apps/stint-conform/web_socket.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>
#include <utility>

#include "apps/stint-conform/limits.hpp"
#include "apps/stint-conform/process.hpp"
#include "wire/frame.hpp"

namespace stint::conform {
namespace {

constexpr std::string_view kGuid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
constexpr std::size_t kHeadMax = 16 * 1024;
constexpr std::size_t kShortMax = 125;
constexpr std::uint8_t kLength16 = 126, kLength64 = 127, kMasked = 0x80, kLast = 0x80;

std::string to_base64(ByteView bytes) {
  std::string text(bytes.size() * 4 / 3 + 8, '\0');
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), bytes.data(), static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(size));
  return text;
}

std::string accept_key_of(const std::string& key) {
  const std::string text = key + std::string(kGuid);
  std::array<std::uint8_t, 20> digest{};
  EVP_Digest(text.data(), text.size(), digest.data(), nullptr, EVP_sha1(), nullptr);
  return to_base64(digest);
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

/// The value of a field of a head; empty: none.
std::string field_of(const std::string& head, const std::string& name) {
  const auto at = lower(head).find("\r\n" + lower(name) + ":");
  if (at == std::string::npos) return {};
  const auto begin = head.find_first_not_of(' ', at + name.size() + 3);
  return head.substr(begin, head.find("\r\n", begin) - begin);
}

class WebLayer final : public Layer {
 public:
  explicit WebLayer(std::unique_ptr<Layer> below) : below_(std::move(below)) {}

  [[nodiscard]] Status send(ByteView bytes) override {
    return below_->send(to_bytes(WebFrame{.payload = Bytes(bytes.begin(), bytes.end())}));
  }
  [[nodiscard]] Status send_raw(ByteView bytes) { return below_->send(bytes); }

  [[nodiscard]] Got receive(Bytes& out, Instant deadline) override {
    for (;;) {
      WebFrame frame;
      while (!take(frame)) {
        const auto got = below_->receive(input_, deadline);
        if (got != Got::bytes) return got;
      }
      if (frame.opcode == kPing) {
        if (const auto sent = below_->send(to_bytes({.opcode = kPong, .payload = frame.payload})); !sent) return Got::closed;
      } else if (frame.opcode == kPong) {
        pong_ = frame.payload;
        if (std::exchange(wants_pong_, false)) return Got::nothing;
      } else if (frame.opcode == kWebClose) {
        return Got::closed;
      } else if (const auto problem = gather(frame); !problem.empty()) {
        problem_ = problem;
        return Got::closed;
      } else if (frame.is_last) {
        out.insert(out.end(), message_.begin(), message_.end());
        message_.clear();
        return Got::bytes;
      }
    }
  }

  [[nodiscard]] Instant empty_since() const override { return below_->empty_since(); }
  [[nodiscard]] std::string problem() const override { return problem_; }
  Bytes wait_for_pong(Instant deadline) {
    Bytes ignored;
    wants_pong_ = true;
    while (wants_pong_ && receive(ignored, deadline) == Got::bytes) {
    }
    return std::exchange(pong_, {});
  }

 private:
  /// The next frame of the input, if it is whole.
  bool take(WebFrame& frame) {
    if (input_.size() < 2) return false;
    std::size_t at = 2;
    std::uint64_t size = input_[1] & 0x7FU;
    if (size >= kLength16) {
      const std::size_t more = size == kLength16 ? 2 : 8;
      if (input_.size() < at + more) return false;
      for (size = 0; at < 2 + more; ++at) size = size << 8 | input_[at];
    }
    if (input_.size() - at < size) return false;
    frame.opcode = input_[0] & 0x0FU;
    frame.is_last = (input_[0] & kLast) != 0;
    frame.is_masked = (input_[1] & kMasked) != 0;
    const auto begin = input_.begin() + static_cast<std::ptrdiff_t>(at);
    frame.payload.assign(begin, begin + static_cast<std::ptrdiff_t>(size));
    input_.erase(input_.begin(), begin + static_cast<std::ptrdiff_t>(size));
    return true;
  }

  /// What is wrong with it; empty: nothing.
  std::string gather(const WebFrame& frame) {
    if (frame.is_masked) return "a masked frame from a server";
    if (frame.opcode != (message_.empty() ? kBinary : kContinuation)) return "a message of opcode " + std::to_string(frame.opcode);
    message_.insert(message_.end(), frame.payload.begin(), frame.payload.end());
    if (!frame.is_last) return {};
    const bool has_header = message_.size() >= wire::kFrameOverhead;
    const std::size_t size = has_header ? wire::kFrameOverhead + load_le<std::uint32_t>(message_.data() + 8) : 0;
    if (size != message_.size()) return "a message of " + std::to_string(message_.size()) + " bytes that is not one frame";
    return {};
  }

  std::unique_ptr<Layer> below_;
  Bytes input_;
  Bytes message_;
  Bytes pong_;
  bool wants_pong_ = false;
  std::string problem_;
};

/// Runs `use` on the layer of an upgraded socket.
template <class Use>
auto with_web_layer(Socket& socket, Use use) {
  auto layer = socket.take_layer();
  auto result = use(dynamic_cast<WebLayer&>(*layer));
  socket.set_layer(std::move(layer));
  return result;
}

}  // namespace

Bytes to_bytes(const WebFrame& frame) {
  Bytes out{static_cast<std::uint8_t>(frame.opcode | (frame.is_last ? kLast : 0))};
  const std::size_t size = frame.payload.size();
  const std::uint8_t mask_bit = frame.is_masked ? kMasked : 0;
  if (size <= kShortMax) {
    out.push_back(static_cast<std::uint8_t>(size | mask_bit));
  } else {
    const int bytes = size <= 0xFFFF ? 2 : 8;
    out.push_back(static_cast<std::uint8_t>((bytes == 2 ? kLength16 : kLength64) | mask_bit));
    for (int i = bytes - 1; i >= 0; --i) out.push_back(static_cast<std::uint8_t>(size >> (8 * i)));
  }
  std::array<std::uint8_t, 4> mask{};
  if (frame.is_masked) {
    fill_random(mask);
    out.insert(out.end(), mask.begin(), mask.end());
  }
  for (std::size_t i = 0; i < size; ++i) out.push_back(frame.payload[i] ^ mask[i % mask.size()]);
  return out;
}

WebAnswer ask_http(Socket& socket, const std::string& request) {
  WebAnswer answer;
  if (const auto sent = socket.send(as_bytes(request)); !sent) return answer;
  Bytes bytes;
  const Instant deadline = now() + limits::kPatience;
  while (as_text(bytes).find("\r\n\r\n") == std::string_view::npos && bytes.size() < kHeadMax)
    if (socket.receive(bytes, deadline) != Socket::Got::bytes) break;
  answer.head = std::string(as_text(bytes));
  constexpr std::size_t kStatusAt = 9;
  if (answer.head.starts_with("HTTP/1.1 ")) answer.status = std::atoi(answer.head.c_str() + kStatusAt);
  return answer;
}

Upgrade upgrade_to_web_socket(Socket& socket, const std::string& host) {
  std::array<std::uint8_t, 16> random{};
  fill_random(random);
  const std::string key = to_base64(random);
  const std::string request = "GET /v1/agent HTTP/1.1\r\nHost: " + host +
                              "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + key +
                              "\r\n\r\n";
  Upgrade upgrade{ask_http(socket, request)};
  upgrade.is_right = upgrade.answer.status == 101 && field_of(upgrade.answer.head, "Sec-WebSocket-Accept") == accept_key_of(key);
  if (upgrade.is_right) socket.set_layer(std::make_unique<WebLayer>(socket.take_layer()));
  return upgrade;
}

Status send_raw(Socket& socket, ByteView bytes) {
  return with_web_layer(socket, [bytes](WebLayer& layer) { return layer.send_raw(bytes); });
}

Bytes wait_for_pong(Socket& socket, Instant deadline) {
  return with_web_layer(socket, [deadline](WebLayer& layer) { return layer.wait_for_pong(deadline); });
}

}  // namespace stint::conform
