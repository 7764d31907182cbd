#pragma once

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>

#include "base/pin.hpp"

/// Owners of what OpenSSL gives. For sources of this folder only: the header is heavy.
namespace stint::net {

template <auto Free>
struct Freed {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};
using BioPtr = std::unique_ptr<BIO, Freed<BIO_free_all>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using CertificatePtr = std::unique_ptr<X509, Freed<X509_free>>;
using ContextPtr = std::unique_ptr<SSL_CTX, Freed<SSL_CTX_free>>;
using SslPtr = std::unique_ptr<SSL, Freed<SSL_free>>;

/// What OpenSSL says was wrong last, in its words; empties its queue.
[[nodiscard]] std::string take_openssl_error();
/// Of the public half.
[[nodiscard]] Result<Pin> pin_of(const EVP_PKEY* key);

}  // namespace stint::net
