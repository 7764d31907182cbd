#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"

namespace stint::ports {

/// One request of a client. The bearer token, Host and Content-Length are the adapter's; `headers` are sent as they are.
struct HttpCall {
  std::string method = "GET";
  std::string target = "/";                                    ///< encoded, with the query
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;                                            ///< JSON; empty: none
  Duration timeout = std::chrono::seconds{30};                 ///< until the whole answer is there; of a stream, until its head is
};

struct HttpAnswer {
  int status = 0;
  std::string content_type;
  std::string body;                                            ///< of a stream: only if the status is not 2xx
};

/// The client's way to one scheduler: one try per call; who calls decides whether to try again (client/api.hpp).
///
/// Errors:  unavailable      not connected, or the user wants to leave: nothing was done.
///          outcome_unknown  the request left and no whole answer came: it may have happened.
/// Thread:  one.
class HttpClient {
 public:
  /// Bytes of a body as they come, or nothing, about ten times a second, so that the caller can look around. False ends the stream.
  using OnBytes = std::function<bool(std::string_view bytes)>;

  virtual ~HttpClient() = default;
  [[nodiscard]] virtual Result<HttpAnswer> call(const HttpCall& call) = 0;
  /// Succeeds when the server has ended its answer whole, or `on_bytes` said false. May be open while `call` is used, also from `on_bytes`.
  [[nodiscard]] virtual Result<HttpAnswer> stream(const HttpCall& call, const OnBytes& on_bytes) = 0;
  /// Waits before another try. False if the user wants to leave instead.
  [[nodiscard]] virtual bool pause(Duration duration) = 0;
};

}  // namespace stint::ports
