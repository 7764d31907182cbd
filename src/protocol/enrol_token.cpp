#include "protocol/enrol_token.hpp"

#include <algorithm>
#include <cstring>

#include "base/bytes.hpp"

namespace stint::protocol {
namespace {

constexpr std::string_view kPrefix = "st1_";
constexpr std::size_t kIdAt = 0;
constexpr std::size_t kSecretAt = 8;
constexpr std::size_t kCellAt = kSecretAt + kEnrolSecretSize;
constexpr std::size_t kCheckAt = kCellAt + wire::kDigestSize;
constexpr std::size_t kCheckSize = 4;
constexpr std::size_t kSize = kCheckAt + kCheckSize;  // a multiple of 3: the text needs no padding
constexpr std::size_t kLetters = kSize / 3 * 4;
using Packed = std::array<std::uint8_t, kSize>;

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";  // RFC 4648, section 5

wire::Digest check_of(const Packed& bytes) { return wire::sha256(ByteView(bytes).first(kCheckAt)); }

tl::unexpected<Error> wrong(const std::string& why) {
  return fail(Errc::invalid_argument, "the token " + why + "; copy the whole line that `stint agent token` printed");
}

bool unpack(std::string_view letters, Packed& out) {
  for (std::size_t i = 0; i < kSize; i += 3) {
    std::uint32_t group = 0;
    for (const char c : letters.substr(i / 3 * 4, 4)) {
      const auto value = kAlphabet.find(c);
      if (value == std::string_view::npos) return false;
      group = group << 6 | static_cast<std::uint32_t>(value);
    }
    out[i] = static_cast<std::uint8_t>(group >> 16);
    out[i + 1] = static_cast<std::uint8_t>(group >> 8);
    out[i + 2] = static_cast<std::uint8_t>(group);
  }
  return true;
}

}  // namespace

std::string to_text(const EnrolToken& token) {
  Packed bytes{};
  store_le(bytes.data() + kIdAt, token.id);
  std::copy(token.secret.begin(), token.secret.end(), bytes.begin() + kSecretAt);
  std::copy(token.cell.begin(), token.cell.end(), bytes.begin() + kCellAt);
  std::copy_n(check_of(bytes).begin(), kCheckSize, bytes.begin() + kCheckAt);
  std::string text(kPrefix);
  for (std::size_t i = 0; i < kSize; i += 3) {
    const std::uint32_t group = std::uint32_t{bytes[i]} << 16 | std::uint32_t{bytes[i + 1]} << 8 | bytes[i + 2];
    for (const unsigned shift : {18U, 12U, 6U, 0U}) text += kAlphabet[group >> shift & 63];
  }
  wire::wipe(bytes);
  return text;
}

Result<EnrolToken> parse_enrol_token(std::string_view text) {
  if (!text.starts_with(kPrefix)) return wrong("does not begin with st1_");
  text.remove_prefix(kPrefix.size());
  if (text.size() != kLetters)
    return wrong("has " + std::to_string(text.size() + kPrefix.size()) + " characters instead of " +
                 std::to_string(kLetters + kPrefix.size()));
  Packed bytes{};
  if (!unpack(text, bytes)) return wrong("has a character that is no letter, digit, - or _");
  if (std::memcmp(check_of(bytes).data(), bytes.data() + kCheckAt, kCheckSize) != 0)
    return wrong("was mistyped: its last letters do not fit the others");
  EnrolToken token;
  token.id = load_le<std::uint64_t>(bytes.data() + kIdAt);
  std::copy_n(bytes.begin() + kSecretAt, token.secret.size(), token.secret.begin());
  std::copy_n(bytes.begin() + kCellAt, token.cell.size(), token.cell.begin());
  wire::wipe(bytes);
  if (token.id == 0) return wrong("has no id");
  return token;
}

std::string enrol_token_name(std::uint64_t id) {
  std::array<std::uint8_t, sizeof id> bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(id >> (8 * (bytes.size() - 1 - i)));
  return to_hex(bytes);
}

}  // namespace stint::protocol
