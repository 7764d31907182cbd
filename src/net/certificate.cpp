#include "net/certificate.hpp"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>

#include "net/openssl.hpp"

namespace stint::net {
namespace {

constexpr std::size_t kSerialBytes = 16;
constexpr long kDaySeconds = 24 * 3600;

template <class Read>
auto read_pem(std::string_view text, Read read) {
  const BioPtr bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  return read(bio.get(), nullptr, nullptr, nullptr);
}

/// A passphrase would be asked for at a terminal that a daemon does not have.
int no_passphrase(char*, int, int, void*) { return 0; }

KeyPtr read_key(std::string_view text) {
  const BioPtr bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  return KeyPtr(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr));
}
CertificatePtr read_certificate(std::string_view text) { return CertificatePtr(read_pem(text, PEM_read_bio_X509)); }

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size)};
}

bool is_numeric(const std::string& name) {
  const std::unique_ptr<ASN1_OCTET_STRING, Freed<ASN1_OCTET_STRING_free>> address(a2i_IPADDRESS(name.c_str()));
  return address != nullptr;
}

bool has_name(X509* certificate, const std::string& name) {
  return is_numeric(name) ? X509_check_ip_asc(certificate, name.c_str(), 0) == 1
                          : X509_check_host(certificate, name.c_str(), name.size(), 0, nullptr) == 1;
}

bool set_serial(X509* certificate) {
  std::array<std::uint8_t, kSerialBytes> bytes{};
  if (RAND_bytes(bytes.data(), kSerialBytes) != 1) return false;
  bytes[0] = static_cast<std::uint8_t>((bytes[0] & 0x7F) | 0x40);  // positive, and never shorter
  const std::unique_ptr<BIGNUM, Freed<BN_free>> number(BN_bin2bn(bytes.data(), kSerialBytes, nullptr));
  return number != nullptr && BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) != nullptr;
}

bool set_subject(X509* certificate, const std::string& common_name) {
  X509_NAME* name = X509_get_subject_name(certificate);
  const auto* bytes = reinterpret_cast<const unsigned char*>(common_name.data());
  return X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, bytes, static_cast<int>(common_name.size()), -1, 0) == 1 &&
         X509_set_issuer_name(certificate, name) == 1;
}

bool set_life(X509* certificate, UnixMillis now) {
  const auto at = static_cast<time_t>(to_ms(now) / 1000);
  const long life = std::chrono::duration_cast<std::chrono::seconds>(kCertificateLife).count();
  return ASN1_TIME_set(X509_getm_notBefore(certificate), at - kDaySeconds) != nullptr &&
         ASN1_TIME_set(X509_getm_notAfter(certificate), at + life) != nullptr;
}

bool add_names(X509* certificate, const std::vector<std::string>& names) {
  if (names.empty()) return true;
  const std::unique_ptr<GENERAL_NAMES, Freed<GENERAL_NAMES_free>> list(GENERAL_NAMES_new());
  for (const std::string& text : names) {
    GENERAL_NAME* name = a2i_GENERAL_NAME(nullptr, nullptr, nullptr, is_numeric(text) ? GEN_IPADD : GEN_DNS, text.c_str(), 0);
    if (name == nullptr || sk_GENERAL_NAME_push(list.get(), name) == 0) return false;
  }
  return X509_add1_ext_i2d(certificate, NID_subject_alt_name, list.get(), 0, X509V3_ADD_DEFAULT) == 1;
}

/// No authority: with it, a client that trusts this certificate would trust whatever its key signs.
bool add_extensions(X509* certificate) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
  for (const auto& [kind, value] :
       {std::pair{NID_basic_constraints, "critical,CA:FALSE"}, std::pair{NID_key_usage, "critical,digitalSignature"},
        std::pair{NID_ext_key_usage, "serverAuth"}, std::pair{NID_subject_key_identifier, "hash"}}) {
    const std::unique_ptr<X509_EXTENSION, Freed<X509_EXTENSION_free>> extension(X509V3_EXT_conf_nid(nullptr, &context, kind, value));
    if (extension == nullptr || X509_add_ext(certificate, extension.get(), -1) != 1) return false;
  }
  return true;
}

}  // namespace

std::string take_openssl_error() {
  const auto code = ERR_peek_last_error();
  ERR_clear_error();
  if (code == 0) return "no reason given";
  const char* reason = ERR_reason_error_string(code);
  if (reason != nullptr) return reason;
  std::array<char, 120> text{};
  ERR_error_string_n(code, text.data(), text.size());
  return text.data();
}

Result<Pin> pin_of(const EVP_PKEY* key) {
  unsigned char* der = nullptr;
  const int size = i2d_PUBKEY(key, &der);
  if (size <= 0) return fail(Errc::corrupt, "no public key: " + take_openssl_error());
  Pin pin;
  const bool is_hashed = EVP_Digest(der, static_cast<std::size_t>(size), pin.spki_sha256.data(), nullptr, EVP_sha256(), nullptr) == 1;
  OPENSSL_free(der);
  if (!is_hashed) return fail(Errc::unsupported, "SHA-256: " + take_openssl_error());
  return pin;
}

Result<std::string> make_key() {
  const KeyPtr key(EVP_EC_gen("P-256"));
  const BioPtr bio(BIO_new(BIO_s_mem()));
  if (key == nullptr || bio == nullptr || PEM_write_bio_PKCS8PrivateKey(bio.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1)
    return fail(Errc::unsupported, "a P-256 key cannot be made: " + take_openssl_error());
  return text_of(bio.get());
}

Result<Pin> pin_of_key(std::string_view key) {
  const KeyPtr read = read_key(key);
  if (read == nullptr) return fail(Errc::corrupt, "no private key in PEM: " + take_openssl_error());
  return pin_of(read.get());
}

Result<Pin> pin_of_certificate(std::string_view certificate) {
  const CertificatePtr read = read_certificate(certificate);
  if (read == nullptr) return fail(Errc::corrupt, "no certificate in PEM: " + take_openssl_error());
  return pin_of(X509_get0_pubkey(read.get()));
}

Result<std::string> make_certificate(std::string_view key, const CertificateWish& wish) {
  const KeyPtr signer = read_key(key);
  if (signer == nullptr) return fail(Errc::corrupt, "no private key in PEM: " + take_openssl_error());
  const CertificatePtr made(X509_new());
  const BioPtr bio(BIO_new(BIO_s_mem()));
  const bool is_made = made != nullptr && bio != nullptr && X509_set_version(made.get(), X509_VERSION_3) == 1 && set_serial(made.get()) &&
                       set_subject(made.get(), wish.common_name) && set_life(made.get(), wish.now) &&
                       X509_set_pubkey(made.get(), signer.get()) == 1 && add_extensions(made.get()) && add_names(made.get(), wish.names) &&
                       X509_sign(made.get(), signer.get(), EVP_sha256()) > 0 && PEM_write_bio_X509(bio.get(), made.get()) == 1;
  if (!is_made) return fail(Errc::invalid_argument, "a certificate cannot be made: " + take_openssl_error());
  return text_of(bio.get());
}

std::string find_renewal_reason(std::string_view certificate, std::string_view key, const CertificateWish& wish) {
  const CertificatePtr present = read_certificate(certificate);
  const KeyPtr signer = read_key(key);
  if (present == nullptr || signer == nullptr) return "it cannot be read: " + take_openssl_error();
  if (X509_check_private_key(present.get(), signer.get()) != 1) {
    ERR_clear_error();
    return "it is of another key";
  }
  const auto soon = static_cast<time_t>((to_ms(wish.now) + to_ms(kRenewBefore)) / 1000);
  if (X509_cmp_time(X509_get0_notAfter(present.get()), const_cast<time_t*>(&soon)) < 0) return "it nears its end";
  const auto lacks = [&](const std::string& name) { return !has_name(present.get(), name); };
  const auto missing = std::find_if(wish.names.begin(), wish.names.end(), lacks);
  return missing == wish.names.end() ? std::string() : "it lacks the name " + *missing;
}

}  // namespace stint::net
