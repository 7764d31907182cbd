#pragma once

#include <memory>

#include "base/blob_id.hpp"
#include "base/bytes.hpp"

struct evp_md_ctx_st;

namespace stint {

/// SHA-256 of bytes that come in pieces. libcrypto running out of memory is an assertion.
class Sha256 {
 public:
  Sha256();
  void update(ByteView bytes);
  /// The name of everything since the start or the last call; then starts anew.
  [[nodiscard]] BlobId finish();

 private:
  struct Free {
    void operator()(evp_md_ctx_st* context) const;
  };
  std::unique_ptr<evp_md_ctx_st, Free> context_;
};

[[nodiscard]] BlobId blob_id_of(ByteView bytes);

}  // namespace stint
