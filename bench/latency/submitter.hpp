#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>

#include "adapters/http_client/beast_http_client.hpp"
#include "base/result.hpp"

namespace stint::bench {

/// One job, submitted again and again on a connection that stays open. The request lies ready: how long a client takes to put one together
/// is the client's time.
class Submitter {
 public:
  using Clock = std::chrono::steady_clock;  // CLOCK_MONOTONIC

  [[nodiscard]] static Result<Submitter> make(const adapters::HttpEndpoint& endpoint, const std::string& job_text);
  ~Submitter();
  Submitter(Submitter&& other) noexcept : socket_(std::exchange(other.socket_, -1)), request_(std::move(other.request_)) {}
  Submitter& operator=(Submitter&&) = delete;

  struct Submitted {
    std::int64_t job = 0;
    Clock::time_point sent;  ///< before the first byte left
    Clock::time_point answered;
  };
  [[nodiscard]] Result<Submitted> submit();

 private:
  explicit Submitter(int socket) : socket_(socket) {}
  [[nodiscard]] Status send() const;
  [[nodiscard]] Result<std::string> read_answer() const;

  int socket_ = -1;
  std::string request_;
};

}  // namespace stint::bench
