#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"
#include "client/stream_readers.hpp"
#include "client/views.hpp"
#include "ports/http_client.hpp"

namespace stint::client {

using Query = std::vector<std::pair<std::string, std::string>>;

/// `/v1/jobs?state=failed`, percent-encoded as RFC 3986 wants; parameters without a value are left out.
[[nodiscard]] std::string make_target(std::string_view path, const Query& query = {});
/// One segment of a path: everything but unreserved characters is encoded.
[[nodiscard]] std::string encode_segment(std::string_view text);

/// The calls of schema/openapi.yaml, repeated over a scheduler that goes away and comes back.
///
/// What may be repeated (GET; POST that names an Idempotency-Key or whose second time changes nothing) is repeated with backoff until
/// `patience` of waiting is used up; patience begins anew with each answer. Streams go on after the last line or event that was read.
/// Errors:  those of the scheduler's problem documents; unavailable and outcome_unknown when patience is at its end or the user leaves.
class Api {
 public:
  enum class Repeat { when_not_done, always };
  struct Options {
    Duration patience = std::chrono::seconds{5};
    /// Told once per outage.
    std::function<void(const Error&)> on_outage = [](const Error&) {};
    Duration timeout = std::chrono::seconds{30};  ///< of one call
  };
  struct LogOptions {
    std::optional<std::uint32_t> attempt;
    std::uint64_t after = 0;
    std::size_t tail_bytes = 0;  ///< only so much of each stream's end; goes neither with `after` nor with `follow`
    bool follow = false;
  };
  /// False ends the stream; ticks come about ten times a second.
  using OnLog = std::function<bool(const LogEntry& entry, std::string_view json)>;
  using OnEvent = std::function<bool(const ServerEvent& event)>;
  using OnTick = std::function<bool()>;

  Api(ports::HttpClient& http, Options options) : http_(http), options_(std::move(options)) {}

  /// The JSON text of the answer.
  [[nodiscard]] Result<std::string> get(const std::string& target);
  [[nodiscard]] Result<std::string> post(const std::string& target, const std::string& body, Repeat repeat);
  /// DELETE, whose second time changes nothing.
  [[nodiscard]] Result<std::string> remove(const std::string& target);
  /// Repeated by its key as long as it takes: at most one job.
  [[nodiscard]] Result<JobView> submit(const std::string& job_json, const std::string& idempotency_key);
  enum class RetryOf { everything, failed };
  /// A new job with the definition of one that has ended; with RetryOf::failed what completed there counts as completed. By its key: at
  /// most one job.
  [[nodiscard]] Result<JobView> retry(std::uint64_t job, RetryOf what, const std::string& idempotency_key);
  [[nodiscard]] Result<JobView> get_job(std::uint64_t id);

  /// At most `limit` items, over as many pages as that takes.
  [[nodiscard]] Result<Page> list(const std::string& path, Query query, std::size_t limit, std::string after = {});

  /// Every line in order, none twice. Without `follow` it returns after what is there, else after the line with the task's end.
  [[nodiscard]] Status read_logs(const std::string& task, const LogOptions& options, const OnLog& on_log, const OnTick& on_tick);
  /// Events of one job, or of all, from `after` (now, if not given) until `on_event` or `on_tick` says false.
  [[nodiscard]] Status follow_events(std::optional<std::uint64_t> job, std::optional<std::uint64_t> after, const OnEvent& on_event,
                                     const OnTick& on_tick);

 private:
  class Backoff;
  /// Takes bytes of a stream's body; false: enough.
  using Reader = std::function<bool(std::string_view bytes)>;
  enum class WholeAnswer { is_the_end, was_cut_off };
  /// Streams, and streams again over breaks, until the reader or `on_tick` has had enough.
  Status read_stream(const std::function<ports::HttpCall()>& make_call, const std::function<Reader()>& make_reader, const OnTick& on_tick,
                     WholeAnswer whole);
  Result<JobView> make_job(const std::string& target, const std::string& body, const std::string& idempotency_key);
  Result<std::string> ask(ports::HttpCall call, Repeat repeat);
  /// False: give up.
  bool wait_again(Backoff& backoff, const Error& error);

  ports::HttpClient& http_;
  Options options_;
};

}  // namespace stint::client
