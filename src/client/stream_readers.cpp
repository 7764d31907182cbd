#include "client/stream_readers.hpp"

#include <charconv>
#include <utility>

namespace stint::client {

bool LineReader::feed(std::string_view bytes, const OnLine& on_line) {
  while (true) {
    const std::size_t end = bytes.find('\n');
    if (end == std::string_view::npos) break;
    partial_.append(bytes.substr(0, end));
    bytes.remove_prefix(end + 1);
    if (!partial_.empty() && partial_.back() == '\r') partial_.pop_back();
    const std::string line = std::move(partial_);
    partial_.clear();
    if (!on_line(line)) return false;
  }
  partial_.append(bytes);
  return true;
}

bool EventReader::feed(std::string_view bytes, const OnEvent& on_event) {
  return lines_.feed(bytes, [&](std::string_view line) { return on_line(line, on_event); });
}

bool EventReader::on_line(std::string_view line, const OnEvent& on_event) {
  if (line.empty()) {
    const ServerEvent event = std::exchange(event_, {});
    return !std::exchange(has_data_, false) || on_event(event);
  }
  const std::size_t colon = line.find(':');
  const std::string_view field = line.substr(0, colon);
  std::string_view value = colon == std::string_view::npos ? std::string_view() : line.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (field == "id") {
    std::uint64_t id = 0;
    if (std::from_chars(value.data(), value.data() + value.size(), id).ec == std::errc()) event_.id = id;
  } else if (field == "event") {
    event_.kind = value;
  } else if (field == "data") {
    if (has_data_) event_.data += '\n';
    event_.data += value;
    has_data_ = true;
  }
  return true;
}

static int base64_value(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '+') return 62;
  return c == '/' ? 63 : -1;
}

std::optional<std::string> decode_base64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  std::size_t padding = 0;
  while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=') ++padding;
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3);
  std::uint32_t bits = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool is_padding = i >= text.size() - padding;
    const int value = is_padding ? 0 : base64_value(text[i]);
    if (value < 0) return std::nullopt;
    bits = bits << 6 | static_cast<std::uint32_t>(value);
    if (i % 4 != 3) continue;
    for (int shift = 16; shift >= 0; shift -= 8) bytes.push_back(static_cast<char>(bits >> shift & 0xFF));
    bits = 0;
  }
  bytes.resize(bytes.size() - padding);
  return bytes;
}

}  // namespace stint::client
