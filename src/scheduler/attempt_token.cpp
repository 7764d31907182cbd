#include "scheduler/attempt_token.hpp"

#include <algorithm>
#include <charconv>
#include <vector>

#include "base/assert.hpp"
#include "wire/crypto.hpp"
#include "wire/mac.hpp"

namespace stint::scheduler {
namespace {

constexpr std::string_view kLabel = "stint attempt token";
constexpr std::string_view kHead = "attempt.";
constexpr std::size_t kNumbers = 4;

std::string name_of(const AttemptRef& ref) {
  return std::string(kHead) + std::to_string(ref.task.job.value) + '.' + std::to_string(ref.task.group) + '.' +
         std::to_string(ref.task.index) + '.' + std::to_string(ref.attempt);
}

std::optional<std::uint64_t> take_number(std::string_view& text, std::uint64_t most) {
  const std::string_view digits = text.substr(0, text.find('.'));
  std::uint64_t value = 0;
  const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (failed != std::errc{} || end != digits.data() + digits.size() || value > most) return std::nullopt;
  text.remove_prefix(std::min(text.size(), digits.size() + 1));
  return value;
}

}  // namespace

AttemptTokens::AttemptTokens(ByteView key_encryption_key) { STINT_ASSERT(wire::hkdf_expand(key_encryption_key, as_bytes(kLabel), key_)); }

std::string AttemptTokens::sign(std::string_view name) const {
  std::array<std::uint8_t, wire::kTagSize> tag{};
  wire::MacKey(key_).tag(as_bytes(name), {}, tag);
  return to_hex(tag);
}

std::string AttemptTokens::make(const AttemptRef& ref) const {
  const std::string name = name_of(ref);
  return name + '.' + sign(name);
}

std::optional<AttemptRef> AttemptTokens::check(std::string_view token) const {
  if (!token.starts_with(kHead)) return std::nullopt;
  const auto dot = token.rfind('.');
  const std::string_view name = token.substr(0, dot);
  // Digests of both are compared: their lengths differ in nothing then.
  if (!wire::equal_in_constant_time(wire::sha256(as_bytes(token.substr(dot + 1))), wire::sha256(as_bytes(sign(name))))) return std::nullopt;
  std::string_view rest = name.substr(kHead.size());
  std::array<std::uint64_t, kNumbers> numbers{};
  for (std::size_t i = 0; i < kNumbers; ++i) {
    const auto number = take_number(rest, i == 0 ? UINT64_MAX : UINT32_MAX);
    if (!number) return std::nullopt;
    numbers[i] = *number;
  }
  return AttemptRef{{JobId{numbers[0]}, static_cast<std::uint32_t>(numbers[1]), static_cast<std::uint32_t>(numbers[2])},
                    static_cast<std::uint32_t>(numbers[3])};
}

}  // namespace stint::scheduler
