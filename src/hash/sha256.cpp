#include "hash/sha256.hpp"

#include <openssl/evp.h>

#include "base/assert.hpp"

namespace stint {

void Sha256::Free::operator()(evp_md_ctx_st* context) const { EVP_MD_CTX_free(context); }

Sha256::Sha256() : context_(EVP_MD_CTX_new()) { STINT_ASSERT(context_ && EVP_DigestInit_ex2(context_.get(), EVP_sha256(), nullptr) == 1); }

void Sha256::update(ByteView bytes) { STINT_ASSERT(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) == 1); }

BlobId Sha256::finish() {
  BlobId id;
  STINT_ASSERT(EVP_DigestFinal_ex(context_.get(), id.bytes.data(), nullptr) == 1);
  STINT_ASSERT(EVP_DigestInit_ex2(context_.get(), nullptr, nullptr) == 1);  // the same algorithm, without looking for it
  return id;
}

BlobId blob_id_of(ByteView bytes) {
  Sha256 hash;
  hash.update(bytes);
  return hash.finish();
}

}  // namespace stint
