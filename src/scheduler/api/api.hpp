#pragma once

#include <functional>
#include <string_view>

#include "ports/http.hpp"
#include "scheduler/api/access.hpp"
#include "scheduler/api/blobs.hpp"
#include "scheduler/api/streams.hpp"
#include "scheduler/cell.hpp"

namespace stint::scheduler::api {

/// The HTTP API: who may ask, which function answers, and when the answer leaves.
class Api final : public ports::HttpHandler {
 public:
  /// `metrics` gives the text of /metrics; `turn_begun` is told that something may have to be written.
  Api(Cell& cell, ports::HttpReplies& replies, std::function<std::string()> metrics)
      : cell_(cell), replies_(replies), metrics_(std::move(metrics)), streams_(cell, replies), blobs_(cell.blobs, replies) {}

  void on_request(ports::HttpRequest request, Now now) override;
  void on_body(ports::RequestId id, std::string bytes, bool is_last, Now now) override;
  void on_stream_writable(ports::RequestId id, Now now) override;
  void on_request_closed(ports::RequestId id, Now now) override;

  /// A turn is durable: its answers leave, and streams go on.
  void tell(std::vector<PendingReply>& replies);
  /// What waited for a turn that will never be durable.
  void refuse_all(std::vector<PendingReply>& replies, const Problem& problem);
  [[nodiscard]] Streams& streams() { return streams_; }

 private:
  [[nodiscard]] tl::expected<Principal, Problem> authenticate(const ports::HttpRequest& request, UnixMillis now);
  [[nodiscard]] tl::expected<Principal, Problem> authenticate_attempt(const AttemptRef& ref) const;
  Answer route(const Call& call, const RouteMatch& match);

  Cell& cell_;
  ports::HttpReplies& replies_;
  std::function<std::string()> metrics_;
  Streams streams_;
  Blobs blobs_;
};

}  // namespace stint::scheduler::api
