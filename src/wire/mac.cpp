#include "wire/mac.hpp"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <array>

#include "base/assert.hpp"

namespace stint::wire {

void MacKey::Free::operator()(EVP_MAC_CTX* context) const { EVP_MAC_CTX_free(context); }

MacKey::MacKey(ByteView key) {
  STINT_ASSERT(!key.empty());
  EVP_MAC* const hmac = EVP_MAC_fetch(nullptr, OSSL_MAC_NAME_HMAC, nullptr);
  STINT_ASSERT(hmac != nullptr);
  context_.reset(EVP_MAC_CTX_new(hmac));
  EVP_MAC_free(hmac);  // the context holds its own reference
  STINT_ASSERT(context_ != nullptr);

  std::array<char, 7> digest{"SHA256"};
  const std::array<OSSL_PARAM, 2> params{OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest.data(), 0),
                                         OSSL_PARAM_construct_end()};
  STINT_ASSERT(EVP_MAC_init(context_.get(), key.data(), key.size(), params.data()) == 1);
}

void MacKey::begin() {
  // Without a key, init goes back to the state after the key schedule.
  STINT_ASSERT(EVP_MAC_init(context_.get(), nullptr, 0, nullptr) == 1);
}

void MacKey::update(ByteView piece) {
  if (!piece.empty()) STINT_ASSERT(EVP_MAC_update(context_.get(), piece.data(), piece.size()) == 1);
}

void MacKey::finish(std::span<std::uint8_t, kTagSize> out) {
  std::size_t size = 0;
  STINT_ASSERT(EVP_MAC_final(context_.get(), out.data(), &size, out.size()) == 1 && size == kTagSize);
}

void MacKey::tag(ByteView a, ByteView b, std::span<std::uint8_t, kTagSize> out) {
  begin();
  update(a);
  update(b);
  finish(out);
}

bool MacKey::check(ByteView a, ByteView b, std::span<const std::uint8_t, kTagSize> tag) {
  std::array<std::uint8_t, kTagSize> expected;
  this->tag(a, b, expected);
  return CRYPTO_memcmp(expected.data(), tag.data(), kTagSize) == 0;
}

}  // namespace stint::wire
