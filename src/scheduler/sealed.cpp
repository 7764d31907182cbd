#include "scheduler/sealed.hpp"

#include <algorithm>
#include <string>

#include "wire/crypto.hpp"

namespace stint::scheduler {
namespace {

Bytes associated_data(const SealedAs& as) {
  Bytes data(as.label.begin(), as.label.end());
  std::array<std::uint8_t, sizeof as.id> id{};
  store_le(id.data(), as.id);
  data.insert(data.end(), id.begin(), id.end());
  return data;
}

}  // namespace

Bytes seal_secret(const KekBytes& kek, const SealedAs& as, ByteView secret, ports::Entropy& entropy) {
  wire::AeadNonce nonce{};
  entropy.fill(nonce);
  Bytes sealed(nonce.begin(), nonce.end());
  const Bytes closed = wire::aead_seal(wire::AeadKey(kek), nonce, associated_data(as), secret);
  sealed.insert(sealed.end(), closed.begin(), closed.end());
  return sealed;
}

Result<std::array<std::uint8_t, 32>> open_secret(const KekBytes& kek, const SealedAs& as, ByteView sealed) {
  std::array<std::uint8_t, 32> secret{};
  const std::string who = std::string(as.label) + " " + std::to_string(as.id);
  if (sealed.size() != wire::kAeadNonceSize + secret.size() + wire::kAeadTagSize)
    return fail(Errc::corrupt, who + ": not of the right size");
  wire::AeadNonce nonce;
  std::copy_n(sealed.begin(), nonce.size(), nonce.begin());
  auto plain = wire::aead_open(wire::AeadKey(kek), nonce, associated_data(as), sealed.subspan(nonce.size()));
  if (!plain) return fail(Errc::corrupt, who + " does not open with this key-encryption key: is the `kek` file the one of this database?");
  std::copy(plain->begin(), plain->end(), secret.begin());
  wire::wipe(*plain);
  return secret;
}

}  // namespace stint::scheduler
