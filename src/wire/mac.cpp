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

void MacKey::tag(ByteView a, ByteView b, std::span<std::uint8_t, kTagSize> out) {
  // Without a key, init goes back to the state after the key schedule.
  STINT_ASSERT(EVP_MAC_init(context_.get(), nullptr, 0, nullptr) == 1);
  STINT_ASSERT(EVP_MAC_update(context_.get(), a.data(), a.size()) == 1);
  if (!b.empty()) STINT_ASSERT(EVP_MAC_update(context_.get(), b.data(), b.size()) == 1);
  std::size_t size = 0;
  STINT_ASSERT(EVP_MAC_final(context_.get(), out.data(), &size, out.size()) == 1 && size == kTagSize);
}

bool MacKey::check(ByteView a, ByteView b, std::span<const std::uint8_t, kTagSize> tag) {
  std::array<std::uint8_t, kTagSize> expected;
  this->tag(a, b, expected);
  return CRYPTO_memcmp(expected.data(), tag.data(), kTagSize) == 0;
}

}  // namespace stint::wire
