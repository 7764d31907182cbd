#include "base/pin.hpp"

#include <algorithm>

#include "base/bytes.hpp"

namespace stint {
namespace {

constexpr std::string_view kPrefix = "sha256:";

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\n' || text.back() == '\r')) text.remove_suffix(1);
  return text;
}

}  // namespace

bool Pin::operator==(const Pin& other) const {
  volatile std::uint8_t difference = 0;
  for (std::size_t i = 0; i < spki_sha256.size(); ++i)
    difference = static_cast<std::uint8_t>(difference | (spki_sha256[i] ^ other.spki_sha256[i]));
  return difference == 0;
}

std::string to_text(const Pin& pin) { return std::string(kPrefix) + to_hex(pin.spki_sha256); }

std::string to_text(const std::vector<Pin>& pins) {
  std::string text;
  for (const Pin& pin : pins) text += (text.empty() ? "" : ",") + to_text(pin);
  return text;
}

Result<Pin> parse_pin(std::string_view text) {
  Pin pin;
  Bytes bytes;
  if (!text.starts_with(kPrefix) || !from_hex(text.substr(kPrefix.size()), bytes) || bytes.size() != pin.spki_sha256.size())
    return fail(Errc::invalid_argument, "\"" + std::string(text) + "\" is no pin: expected sha256: and 64 hexadecimal digits");
  std::copy(bytes.begin(), bytes.end(), pin.spki_sha256.begin());
  return pin;
}

Result<std::vector<Pin>> parse_pins(std::string_view text) {
  std::vector<Pin> pins;
  for (text = trimmed(text); !text.empty();) {
    const auto comma = std::min(text.find(','), text.size());
    STINT_TRY(const Pin pin, parse_pin(trimmed(text.substr(0, comma))));
    pins.push_back(pin);
    if (pins.size() > kPinsMax) return fail(Errc::out_of_range, "more than " + std::to_string(kPinsMax) + " pins");
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return pins;
}

}  // namespace stint
