#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/blob_id.hpp"
#include "base/ids.hpp"
#include "ports/blob_store.hpp"
#include "ports/http.hpp"
#include "scheduler/api/byte_range.hpp"
#include "scheduler/api/problem.hpp"

namespace stint::scheduler::api {

/// Blobs over HTTP. Nothing of it passes through the journal: the blob store tells of what is durable by itself.
///
/// Bodies are taken, and answers sent, in chunks of limits::kHttpChunk, one of each request at a time, and at most limits::kBlobTransfers
/// requests go on at once: that is all the memory they take. Who comes when it is full is told to come again (503, Retry-After).
class Blobs {
 public:
  Blobs(ports::BlobStore& store, ports::HttpReplies& replies) : store_(store), replies_(replies) {}

  void find_missing(const ports::HttpRequest& request);
  void show_upload(ports::RequestId id, std::string_view hex);
  /// `who`: the attempt by whose token it is asked, if it is one.
  void take_piece(const ports::HttpRequest& request, std::string_view hex, const std::optional<AttemptRef>& who);
  /// GET, whole or a range of it, and HEAD.
  void send(const ports::HttpRequest& request, std::string_view hex, const std::optional<AttemptRef>& who);
  /// Ends what is on its way by the tokens of these attempts: their agent was revoked.
  void close_all_of(const std::vector<AttemptRef>& attempts);

  void on_body(ports::RequestId id, std::string bytes, bool is_last);
  void on_writable(ports::RequestId id);
  void on_closed(ports::RequestId id);

 private:
  struct Incoming {
    BlobId blob;
    std::uint64_t offset = 0;                      ///< of the next chunk
    std::uint64_t size = 0;
    std::optional<AttemptRef> who;
  };
  struct Outgoing {
    BlobId blob;
    ByteRange left;
    std::optional<AttemptRef> who;
    bool has_begun = false;
  };
  void begin_piece(ports::RequestId id, const Result<ports::BlobStore::Upload>& found);
  void on_taken(ports::RequestId id, bool is_last, const Result<ports::BlobStore::Upload>& taken);
  void refuse_piece(ports::RequestId id, const Error& error);
  void begin_send(const ports::HttpRequest& request, const BlobId& blob, std::uint64_t size);
  void on_read(ports::RequestId id, Result<std::string> bytes);
  [[nodiscard]] bool is_full(ports::RequestId id);
  void refuse(ports::RequestId id, const Problem& problem);

  ports::BlobStore& store_;
  ports::HttpReplies& replies_;
  std::map<ports::RequestId, Incoming> incoming_;
  std::map<ports::RequestId, Outgoing> outgoing_;
};

}  // namespace stint::scheduler::api
