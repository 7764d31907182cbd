#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/pin.hpp"
#include "base/result.hpp"
#include "ports/key_store.hpp"

namespace stint::net {
class TlsClient;
}

namespace stint {

/// What a command line says about TLS; each, if empty, is what the environment says.
struct CellTlsOptions {
  std::string cell_pin;            ///< sha256:HEX, several with commas; STINT_CELL_PIN, but after the key file's
  std::string ca_file;             ///< without a pin: who signed the scheduler's certificate; STINT_CA_FILE, else the system's
  std::string client_certificate;  ///< for a scheduler that asks for one; STINT_CLIENT_CERT
  std::string client_key;          ///< STINT_CLIENT_KEY
};

/// How an agent knows its cell in TLS, kept up to date with the pins that the cell announces. Stands between the
/// agent and where its keys are kept.
///
/// Thread:  any may ask for a client; pins come from one.
class CellTrust final : public ports::KeyStore {
 public:
  /// `known`: the pins of the key file, or of a token. `inner`: null where nothing is announced.
  /// Errors:  invalid_argument  a pin;  io, not_found  a file.
  [[nodiscard]] static Result<std::unique_ptr<CellTrust>> make(const CellTlsOptions& options, std::vector<Pin> known,
                                                               ports::KeyStore* inner);

  /// For frames, and for the HTTP API; made at the first call, since its library's tables are a part of the agent's memory.
  /// Errors:  those of net::TlsClient::make.
  [[nodiscard]] Result<std::shared_ptr<const net::TlsClient>> frames();
  [[nodiscard]] Result<std::shared_ptr<const net::TlsClient>> http();

  [[nodiscard]] Status write_keys(const std::vector<ports::HeldKey>& keys) override;
  /// From then on those pins count, unless the command line names others or an authority.
  [[nodiscard]] Status write_pins(const std::vector<Pin>& pins) override;

 private:
  using Client = std::shared_ptr<const net::TlsClient>;
  CellTrust(CellTlsOptions options, ports::KeyStore* inner) : options_(std::move(options)), inner_(inner) {}
  [[nodiscard]] Result<Client> get(Client& client, std::string_view protocol);

  const CellTlsOptions options_;
  ports::KeyStore* inner_;
  std::mutex mutex_;
  std::vector<Pin> pins_;
  bool is_fixed_ = false;  ///< by the command line
  Client frames_, http_;
};

}  // namespace stint
