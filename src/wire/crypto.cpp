#include "wire/crypto.hpp"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "base/assert.hpp"
#include "wire/limits.hpp"

namespace stint::wire {
namespace {

template <auto kFree>
struct Freed {
  template <class T>
  void operator()(T* object) const {
    kFree(object);
  }
};
using MdContext = std::unique_ptr<EVP_MD_CTX, Freed<EVP_MD_CTX_free>>;
using KdfContext = std::unique_ptr<EVP_KDF_CTX, Freed<EVP_KDF_CTX_free>>;
using SigningContext = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, Freed<EVP_CIPHER_CTX_free>>;

constexpr std::size_t kInfoMax = 1024;

OSSL_PARAM octets(const char* name, ByteView bytes) {
  // The parameter is read only, in spite of its type.
  return OSSL_PARAM_construct_octet_string(name, const_cast<std::uint8_t*>(bytes.data()), bytes.size());
}

bool hkdf(int mode, ByteView key, const char* other_name, ByteView other, std::span<std::uint8_t> out) {
  EVP_KDF* const kdf = EVP_KDF_fetch(nullptr, OSSL_KDF_NAME_HKDF, nullptr);
  STINT_ASSERT(kdf != nullptr);
  const KdfContext context(EVP_KDF_CTX_new(kdf));
  EVP_KDF_free(kdf);  // the context holds its own reference
  STINT_ASSERT(context != nullptr);

  std::array<char, 7> digest{"SHA256"};
  std::vector<OSSL_PARAM> params{OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest.data(), 0),
                                 OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode), octets(OSSL_KDF_PARAM_KEY, key)};
  if (!other.empty()) params.push_back(octets(other_name, other));
  params.push_back(OSSL_PARAM_construct_end());
  return EVP_KDF_derive(context.get(), out.data(), out.size(), params.data()) == 1;
}

int size_of(ByteView bytes) { return static_cast<int>(bytes.size()); }

}  // namespace

Digest sha256(ByteView data) { return sha256(data, {}); }

Digest sha256(ByteView a, ByteView b) {
  // Fetched once: EVP_sha256() has libcrypto look for it each time, which takes longer than the hash of a token.
  static const EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  const MdContext context(EVP_MD_CTX_new());
  STINT_ASSERT(context != nullptr && EVP_DigestInit_ex2(context.get(), algorithm, nullptr) == 1);
  STINT_ASSERT(EVP_DigestUpdate(context.get(), a.data(), a.size()) == 1);
  STINT_ASSERT(EVP_DigestUpdate(context.get(), b.data(), b.size()) == 1);
  Digest digest;
  unsigned size = 0;
  STINT_ASSERT(EVP_DigestFinal_ex(context.get(), digest.data(), &size) == 1 && size == kDigestSize);
  return digest;
}

bool equal_in_constant_time(const Digest& a, const Digest& b) { return CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0; }

void wipe(std::span<std::uint8_t> secret) { OPENSSL_cleanse(secret.data(), secret.size()); }

Secret32<PrkTag> hkdf_extract(ByteView salt, ByteView ikm) {
  STINT_ASSERT(!ikm.empty());
  Secret32<PrkTag> prk;
  STINT_ASSERT(hkdf(EVP_KDF_HKDF_MODE_EXTRACT_ONLY, ikm, OSSL_KDF_PARAM_SALT, salt, prk.bytes));
  return prk;
}

Status hkdf_expand(ByteView prk, ByteView info, std::span<std::uint8_t> out) {
  STINT_ASSERT(!prk.empty() && info.size() <= kInfoMax);
  if (out.empty() || out.size() > limits::kHkdfOutputMax) {
    return fail(Errc::out_of_range,
                "HKDF output of " + std::to_string(out.size()) + " bytes, limit " + std::to_string(limits::kHkdfOutputMax));
  }
  STINT_ASSERT(hkdf(EVP_KDF_HKDF_MODE_EXPAND_ONLY, prk, OSSL_KDF_PARAM_INFO, info, out));
  return {};
}

Bytes aead_seal(const AeadKey& key, const AeadNonce& nonce, ByteView associated, ByteView plain) {
  const CipherContext context(EVP_CIPHER_CTX_new());
  STINT_ASSERT(context != nullptr);
  STINT_ASSERT(EVP_EncryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, key.bytes.data(), nonce.data()) == 1);
  Bytes sealed(plain.size() + kAeadTagSize);
  int written = 0;
  if (!associated.empty()) {
    STINT_ASSERT(EVP_EncryptUpdate(context.get(), nullptr, &written, associated.data(), size_of(associated)) == 1);
  }
  STINT_ASSERT(EVP_EncryptUpdate(context.get(), sealed.data(), &written, plain.data(), size_of(plain)) == 1);
  STINT_ASSERT(EVP_EncryptFinal_ex(context.get(), sealed.data() + written, &written) == 1);
  STINT_ASSERT(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, static_cast<int>(kAeadTagSize), sealed.data() + plain.size()) ==
               1);
  return sealed;
}

Result<Bytes> aead_open(const AeadKey& key, const AeadNonce& nonce, ByteView associated, ByteView sealed) {
  const auto refuse = [] { return fail(Errc::unauthenticated, "sealed bytes do not open under this key"); };
  if (sealed.size() < kAeadTagSize) return refuse();
  const ByteView cipher = sealed.first(sealed.size() - kAeadTagSize);
  std::array<std::uint8_t, kAeadTagSize> tag;
  std::copy_n(sealed.last(kAeadTagSize).begin(), kAeadTagSize, tag.begin());

  const CipherContext context(EVP_CIPHER_CTX_new());
  STINT_ASSERT(context != nullptr);
  STINT_ASSERT(EVP_DecryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, key.bytes.data(), nonce.data()) == 1);
  STINT_ASSERT(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG, static_cast<int>(kAeadTagSize), tag.data()) == 1);
  Bytes plain(cipher.size() + kAeadTagSize);  // never empty, so that data() is never null, which would mean associated data
  int written = 0;
  if (!associated.empty()) {
    STINT_ASSERT(EVP_DecryptUpdate(context.get(), nullptr, &written, associated.data(), size_of(associated)) == 1);
  }
  STINT_ASSERT(EVP_DecryptUpdate(context.get(), plain.data(), &written, cipher.data(), size_of(cipher)) == 1);
  if (EVP_DecryptFinal_ex(context.get(), plain.data() + written, &written) != 1) {
    wipe(plain);
    return refuse();
  }
  plain.resize(cipher.size());
  return plain;
}

namespace {

SigningContext open_key(const SigningKey& key) {
  SigningContext opened(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, key.bytes.data(), key.bytes.size()));
  STINT_ASSERT(opened != nullptr);
  return opened;
}

}  // namespace

PublicKey public_key_of(const SigningKey& key) {
  PublicKey out;
  std::size_t size = out.size();
  STINT_ASSERT(EVP_PKEY_get_raw_public_key(open_key(key).get(), out.data(), &size) == 1 && size == out.size());
  return out;
}

Signature sign(const SigningKey& key, ByteView text) {
  const auto opened = open_key(key);
  const MdContext context(EVP_MD_CTX_new());
  STINT_ASSERT(context != nullptr && EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, opened.get()) == 1);
  Signature out;
  std::size_t size = out.size();
  STINT_ASSERT(EVP_DigestSign(context.get(), out.data(), &size, text.data(), text.size()) == 1 && size == out.size());
  return out;
}

bool is_signed_by(const PublicKey& key, ByteView text, const Signature& signature) {
  const SigningContext opened(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, key.data(), key.size()));
  if (opened == nullptr) return false;
  const MdContext context(EVP_MD_CTX_new());
  STINT_ASSERT(context != nullptr);
  return EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, opened.get()) == 1 &&
         EVP_DigestVerify(context.get(), signature.data(), signature.size(), text.data(), text.size()) == 1;
}

}  // namespace stint::wire
