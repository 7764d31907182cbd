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

constexpr std::string_view kLabelEnrolA2s = "stint enrol a2s";
constexpr std::string_view kLabelEnrolS2a = "stint enrol s2a";
constexpr std::string_view kLabelEnrolWrap = "stint enrol wrap";
constexpr std::string_view kLabelRekeyWrap = "stint rekey wrap";
constexpr std::string_view kLabelEnrolProof = "stint enrol proof";

template <class Key>
Key expand(ByteView prk, std::string_view label, ByteView context) {
  Bytes info(label.begin(), label.end());
  info.insert(info.end(), context.begin(), context.end());
  Key key;
  STINT_ASSERT(hkdf_expand(prk, info, key.bytes));
  return key;
}

std::array<std::uint8_t, 2 * kNonceSize> joined(const Nonce& nonce_c, const Nonce& nonce_s) {
  std::array<std::uint8_t, 2 * kNonceSize> both;
  std::copy(nonce_s.begin(), nonce_s.end(), std::copy(nonce_c.begin(), nonce_c.end(), both.begin()));
  return both;
}

std::array<std::uint8_t, 14> associated(const AgentKeyAddress& address) {
  std::array<std::uint8_t, 14> data;
  store_le(data.data(), address.agent.value);
  store_le(data.data() + 8, address.epoch.value);
  store_le(data.data() + 10, address.generation);
  return data;
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
  const auto prk = hkdf_extract(joined(nonce_c, nonce_s), key.view());
  return {.a2s = expand<FrameKey>(prk.view(), kLabelSessionA2s, transcript),
          .s2a = expand<FrameKey>(prk.view(), kLabelSessionS2a, transcript)};
}

EnrolPrk derive_enrol_prk(std::uint64_t token, ByteView secret) {
  std::array<std::uint8_t, sizeof token> salt;
  store_le(salt.data(), token);
  return EnrolPrk(hkdf_extract(salt, secret).bytes);
}

DirectionKeys derive_enrol_keys(const EnrolPrk& prk) {
  return {.a2s = expand<FrameKey>(prk.view(), kLabelEnrolA2s, {}), .s2a = expand<FrameKey>(prk.view(), kLabelEnrolS2a, {})};
}

AeadKey derive_enrol_wrap_key(const EnrolPrk& prk, const Nonce& nonce_c, const Nonce& nonce_s, const Digest& enrol) {
  return expand<AeadKey>(hkdf_extract(joined(nonce_c, nonce_s), prk.view()).view(), kLabelEnrolWrap, enrol);
}

AeadKey derive_rekey_wrap_key(const AgentKey& key, const Nonce& nonce) {
  return expand<AeadKey>(hkdf_extract(nonce, key.view()).view(), kLabelRekeyWrap, {});
}

WrappedKey wrap_agent_key(const AeadKey& wrap, const AgentKeyAddress& address, const AgentKey& key) {
  const Bytes sealed = aead_seal(wrap, AeadNonce{}, associated(address), key.view());
  WrappedKey wrapped;
  STINT_ASSERT(sealed.size() == wrapped.size());
  std::copy(sealed.begin(), sealed.end(), wrapped.begin());
  return wrapped;
}

Result<AgentKey> unwrap_agent_key(const AeadKey& wrap, const AgentKeyAddress& address, const WrappedKey& wrapped) {
  STINT_TRY(auto plain, aead_open(wrap, AeadNonce{}, associated(address), wrapped));
  AgentKey key;
  STINT_ASSERT(plain.size() == key.bytes.size());
  std::copy(plain.begin(), plain.end(), key.bytes.begin());
  wipe(plain);
  return key;
}

Bytes enrol_proof_text(std::uint64_t token, const Nonce& nonce, const PublicKey& key, const Digest& cell) {
  Bytes text(kLabelEnrolProof.begin(), kLabelEnrolProof.end());
  std::array<std::uint8_t, sizeof token> id;
  store_le(id.data(), token);
  for (const ByteView part : {ByteView(id), ByteView(nonce), ByteView(key), ByteView(cell)})
    text.insert(text.end(), part.begin(), part.end());
  return text;
}

}  // namespace stint::wire
