#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

/// What the two streams of the API are made of, fed as the bytes come, in pieces of any size.
namespace stint::client {

/// Lines ended by LF (a CR before it is dropped). What follows the last LF is kept for the next piece.
class LineReader {
 public:
  /// `on_line` may say false: the rest of `bytes` is dropped and the result is false.
  using OnLine = std::function<bool(std::string_view line)>;
  bool feed(std::string_view bytes, const OnLine& on_line);

 private:
  std::string partial_;
};

/// One event of a text/event-stream.
struct ServerEvent {
  std::optional<std::uint64_t> id;
  std::string kind = "message";
  std::string data;
};

/// The event-stream format of the HTML standard, as far as our scheduler speaks it: id, event, data, comments.
class EventReader {
 public:
  using OnEvent = std::function<bool(const ServerEvent& event)>;
  bool feed(std::string_view bytes, const OnEvent& on_event);

 private:
  bool on_line(std::string_view line, const OnEvent& on_event);

  LineReader lines_;
  ServerEvent event_;
  bool has_data_ = false;
};

/// RFC 4648 with padding; nothing if `text` is not base64.
[[nodiscard]] std::optional<std::string> decode_base64(std::string_view text);

}  // namespace stint::client
