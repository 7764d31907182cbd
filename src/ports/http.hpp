#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/ids.hpp"
#include "base/time.hpp"

namespace stint::ports {

using RequestId = Id<struct RequestTag>;

struct HttpRequest {
  RequestId id;
  std::string method;                                          ///< GET, HEAD, POST, PATCH, DELETE
  std::string path;                                            ///< decoded, without the query: /v1/jobs/12
  std::vector<std::pair<std::string, std::string>> query;      ///< decoded, in order
  std::string bearer_token;                                    ///< of Authorization; empty: none
  std::string idempotency_key;
  std::string last_event_id;
  std::string accept;
  std::string content_type;
  std::string range;
  std::string body;                                            ///< at most limits::kHttpBodyMax bytes: longer ones never get here (413)
  /// PATCH: the body comes in pieces, when the handler asks for them with HttpReplies::read_body, so that no more of it is in memory than
  /// is being worked on. At most limits::kHttpPatchMax bytes together (413).
  bool body_follows = false;
  std::optional<std::uint64_t> body_bytes;  ///< of what follows, if the client said
  std::string peer;
};

struct HttpResponse {
  int status = 200;
  std::string content_type = "application/json";
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  /// Of a stream or an answer to HEAD, if it is known; a stream without it is chunked.
  std::optional<std::uint64_t> content_length;
};

/// The daemon's side: it answers later, when what it says is durable.
class HttpHandler {
 public:
  virtual ~HttpHandler() = default;
  virtual void on_request(HttpRequest request, Now now) = 0;
  /// What read_body asked for: at most limits::kHttpChunk bytes, fewer only at the end.
  virtual void on_body(RequestId id, std::string bytes, bool is_last, Now now) = 0;
  /// The bytes of a stream have left: more may be written.
  virtual void on_stream_writable(RequestId id, Now now) = 0;
  /// The client has gone; the id means nothing any more.
  virtual void on_request_closed(RequestId id, Now now) = 0;
};

/// The adapter's side. None calls back into the handler before it returns; unknown ids (client gone) are ignored.
class HttpReplies {
 public:
  virtual ~HttpReplies() = default;
  /// The rest of a body that was not read is taken and thrown away first.
  virtual void respond(RequestId id, HttpResponse response) = 0;
  /// Asks for the next piece of a body that follows; not after the last one.
  virtual void read_body(RequestId id) = 0;
  virtual void begin_stream(RequestId id, HttpResponse head) = 0;  ///< head.body is sent first
  virtual void write_stream(RequestId id, std::string bytes) = 0;  ///< one write at a time: wait for on_stream_writable
  virtual void end_stream(RequestId id) = 0;
  /// The stream cannot be finished: the connection closes, so that the client sees that it was cut.
  virtual void abort_stream(RequestId id) = 0;
};

namespace limits {
inline constexpr std::size_t kHttpBodyMax = std::size_t{16} << 20;
inline constexpr std::size_t kHttpPatchMax = std::size_t{8} << 20;
inline constexpr std::size_t kHttpChunk = std::size_t{64} << 10;
inline constexpr std::size_t kHttpHeadMax = std::size_t{16} << 10;
inline constexpr std::size_t kHttpConnectionsMax = 1000;
}  // namespace limits

}  // namespace stint::ports
