#include "apps/stint-agent/cell_trust.hpp"

#include <utility>

#include "apps/stint-agent/environment.hpp"
#include "net/tls.hpp"

namespace stint {
namespace {

void fill_from_environment(std::string& option, const char* name) {
  if (option.empty()) option = environment(name);
}

}  // namespace

Result<std::unique_ptr<CellTrust>> CellTrust::make(const CellTlsOptions& options, std::vector<Pin> known, ports::KeyStore* inner) {
  CellTlsOptions filled = options;
  fill_from_environment(filled.cell_pin, "STINT_CELL_PIN");
  fill_from_environment(filled.ca_file, "STINT_CA_FILE");
  fill_from_environment(filled.client_certificate, "STINT_CLIENT_CERT");
  fill_from_environment(filled.client_key, "STINT_CLIENT_KEY");
  std::unique_ptr<CellTrust> trust(new CellTrust(std::move(filled), inner));
  trust->is_fixed_ = !options.cell_pin.empty() || !options.ca_file.empty();
  if (!options.ca_file.empty() && options.cell_pin.empty()) return trust;  // who names an authority means it
  if (options.cell_pin.empty() && !known.empty()) {
    trust->pins_ = std::move(known);
  } else {
    STINT_TRY(trust->pins_, parse_pins(trust->options_.cell_pin));
  }
  return trust;
}

Result<CellTrust::Client> CellTrust::get(Client& client, std::string_view protocol) {
  const std::lock_guard lock(mutex_);
  if (client == nullptr) {
    STINT_TRY(auto made, net::TlsClient::make({pins_, options_.ca_file, options_.client_certificate, options_.client_key}, protocol));
    client = std::make_shared<const net::TlsClient>(std::move(made));
  }
  return client;
}

Result<CellTrust::Client> CellTrust::frames() { return get(frames_, net::kAlpnFrames); }

Result<CellTrust::Client> CellTrust::http() { return get(http_, net::kAlpnHttp); }

Status CellTrust::write_keys(const std::vector<ports::HeldKey>& keys) { return inner_ == nullptr ? Status{} : inner_->write_keys(keys); }

Status CellTrust::write_pins(const std::vector<Pin>& pins) {
  if (inner_ != nullptr) STINT_TRY_VOID(inner_->write_pins(pins));
  const std::lock_guard lock(mutex_);
  if (is_fixed_ || pins == pins_) return {};
  pins_ = pins;
  frames_.reset();
  http_.reset();
  return {};
}

}  // namespace stint
