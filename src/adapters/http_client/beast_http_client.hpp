#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "net/tls.hpp"
#include "ports/http_client.hpp"

namespace stint::adapters {

/// Where the scheduler is, and what it asks for.
struct HttpEndpoint {
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;
  std::string bearer_token;                                    ///< empty: none is sent
  std::shared_ptr<const net::TlsClient> tls = nullptr;         ///< none: plain
};

/// Blocking HTTP/1.1 on Beast, plain or in TLS: one connection kept open for calls, one more for each open stream.
class BeastHttpClient final : public ports::HttpClient {
 public:
  /// Asked before each connection, so that a scheduler that has come back on another port is found.
  using Resolve = std::function<Result<HttpEndpoint>()>;
  /// Asked about ten times a second while waiting; true ends the wait with Errc::unavailable.
  using IsInterrupted = std::function<bool()>;

  explicit BeastHttpClient(Resolve resolve, IsInterrupted is_interrupted = [] { return false; });
  ~BeastHttpClient() override;
  BeastHttpClient(const BeastHttpClient&) = delete;
  BeastHttpClient& operator=(const BeastHttpClient&) = delete;

  Result<ports::HttpAnswer> call(const ports::HttpCall& call) override;
  Result<ports::HttpAnswer> stream(const ports::HttpCall& call, const OnBytes& on_bytes) override;
  bool pause(Duration duration) override;

 private:
  class Connection;
  Result<std::unique_ptr<Connection>> connect(Duration timeout);
  Result<ports::HttpAnswer> call_on(Connection& connection, const ports::HttpCall& call);

  Resolve resolve_;
  IsInterrupted is_interrupted_;
  std::unique_ptr<Connection> idle_;                           ///< kept open between calls
};

}  // namespace stint::adapters
