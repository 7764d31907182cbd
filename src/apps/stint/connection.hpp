#pragma once

#include <string>

#include "adapters/http_client/beast_http_client.hpp"
#include "apps/stint/command_line.hpp"
#include "client/api.hpp"

namespace stint::cli {

/// How long a command keeps trying while the scheduler does not answer.
enum class Patience {
  none,    ///< asks again by itself, and says itself when there is no answer
  glance,  ///< 80 ms in all, silently: what completion may take
  short_,  ///< 10 s: one question
  long_,   ///< 15 min: follows something, and a scheduler's restart must not end it
};

/// The scheduler that the options, the environment or the context file name.
///
/// The address and token are looked up anew at each connection: a scheduler that comes back on another port has rewritten the context file.
class Connection {
 public:
  Connection(const CommonOptions& options, Patience patience);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  client::Api& api() { return api_; }
  ports::HttpClient& http() { return http_; }

 private:
  adapters::BeastHttpClient http_;
  client::Api api_;
};

/// Whom the commands speak to and as whom, and what says so.
struct Target {
  std::string server, server_from;  ///< `--server`, `STINT_SERVER` or the context file's path
  std::string token, token_from;  ///< empty: none is known
};

/// Errors:  not_found         neither address nor context file; the detail says how to start a scheduler.
///          invalid_argument  a token file or context file that cannot be used.
[[nodiscard]] Result<Target> find_target(const CommonOptions& options);

/// Errors:  not_found         neither address nor context file; the detail says how to start a scheduler.
///          invalid_argument  an address, token file or context file that cannot be used.
[[nodiscard]] Result<adapters::HttpEndpoint> find_endpoint(const CommonOptions& options);

/// The number that `last` stands for.
[[nodiscard]] Result<std::uint64_t> find_newest_job(client::Api& api);

}  // namespace stint::cli
