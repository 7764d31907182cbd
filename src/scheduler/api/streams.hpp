#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "ports/http.hpp"
#include "scheduler/api/handlers.hpp"
#include "scheduler/cell.hpp"

namespace stint::scheduler::api {

/// Answers that go on: events (SSE) and logs (NDJSON). Each stream is a cursor into what is durable: nothing is buffered for a slow reader,
/// and
/// a reader that comes back with its cursor misses nothing.
class Streams {
 public:
  Streams(Cell& cell, ports::HttpReplies& replies) : cell_(cell), replies_(replies) {}

  /// Errors are answered with a problem. The stream ends when the token of `who` does.
  void follow_events(const ports::HttpRequest& request, const Principal& who);
  void follow_logs(const ports::HttpRequest& request, const Principal& who, std::string_view task);

  void on_writable(ports::RequestId id);
  void on_closed(ports::RequestId id) { streams_.erase(id); }
  /// Something new is durable.
  void pump();
  /// Nothing has been said for a while: a comment keeps proxies from closing event streams.
  void keep_alive();
  /// Ends the streams of a token that is revoked.
  void close_all_of(core::TokenId token);
  /// Ends those whose token has expired: looked at once a period, because the wall clock may be set.
  void close_expired(Now now);
  [[nodiscard]] Instant next_deadline() const;
  [[nodiscard]] bool empty() const { return streams_.empty(); }

 private:
  struct Stream {
    core::TokenId token;
    UnixMillis expires_at{};  ///< zero: never
    bool events = false;  ///< else logs
    bool follow = true;
    bool writable = true;  ///< the last write has left
    JobId job;  ///< events: only this one's, zero = all
    std::uint64_t after = 0;  ///< event seq, or arrival number of a log chunk
    std::uint64_t start = 0;  ///< logs: the reader has everything up to here, of every attempt
    AttemptRef attempt;  ///< logs: the one being read
    std::size_t tail_bytes = 0;  ///< logs: only so much of each stream's end; 0 = everything
    bool fixed_attempt = false;  ///< do not go on to later attempts
  };
  void pump(ports::RequestId id, Stream& stream);
  std::string next_events(Stream& stream);
  std::string next_logs(Stream& stream, bool& ended);
  std::string newest_logs(const Stream& stream);
  std::uint32_t newest_attempt(const TaskRef& task);
  std::optional<core::AttemptRow> last_durable(const AttemptRef& attempt);
  [[nodiscard]] bool still_speaks(const core::AttemptRow& attempt) const;
  bool has_later_attempt(const core::TaskView& task, const AttemptRef& attempt);
  template <class Condition>
  void close_if(const Condition& condition);
  bool too_many(ports::RequestId id);

  Cell& cell_;
  ports::HttpReplies& replies_;
  std::map<ports::RequestId, Stream> streams_;
  Instant check_at_{};
};

}  // namespace stint::scheduler::api
