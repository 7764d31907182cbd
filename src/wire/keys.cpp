#include "wire/keys.hpp"

#include <algorithm>
#include <string_view>

#include "base/assert.hpp"

namespace stint::wire {
namespace {

constexpr std::string_view kLabelAgent = "stint agent";
constexpr std::string_view kLabelHelloA2s = "stint hello a2s";
constexpr std::string_view kLabelHelloS2a = "stint hello s2a";
constexpr std::string_view kLabelSessionA2s = "stint session a2s";
constexpr std::string_view kLabelSessionS2a = "stint session s2a";

template <class Key>
Key expand(ByteView prk, std::string_view label, ByteView context) {
  Bytes info(label.begin(), label.end());
  info.insert(info.end(), context.begin(), context.end());
  Key key;
  STINT_ASSERT(hkdf_expand(prk, info, key.bytes));
  return key;
}

}  // namespace

AgentKey derive_agent_key(const MasterKey& master, AgentNumber agent, std::uint32_t generation) {
  std::array<std::uint8_t, sizeof(std::uint64_t) + sizeof(std::uint32_t)> context;
  store_le(context.data(), agent.value);
  store_le(context.data() + sizeof(std::uint64_t), generation);
  return expand<AgentKey>(master.view(), kLabelAgent, context);
}

DirectionKeys derive_hello_keys(const AgentKey& key) {
  return {.a2s = expand<FrameKey>(key.view(), kLabelHelloA2s, {}), .s2a = expand<FrameKey>(key.view(), kLabelHelloS2a, {})};
}

Digest handshake_transcript(ByteView hello_frame, ByteView hello_ack_frame) { return sha256(hello_frame, hello_ack_frame); }

DirectionKeys derive_session_keys(const AgentKey& key, const Nonce& nonce_c, const Nonce& nonce_s, const Digest& transcript) {
  std::array<std::uint8_t, 2 * kNonceSize> salt;
  std::copy(nonce_s.begin(), nonce_s.end(), std::copy(nonce_c.begin(), nonce_c.end(), salt.begin()));
  const auto prk = hkdf_extract(salt, key.view());
  return {.a2s = expand<FrameKey>(prk.view(), kLabelSessionA2s, transcript),
          .s2a = expand<FrameKey>(prk.view(), kLabelSessionS2a, transcript)};
}

}  // namespace stint::wire
