#include "scheduler/api/blobs.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <utility>
#include <vector>

#include "scheduler/api/handlers.hpp"
#include "scheduler/api/read_body.hpp"
#include "scheduler/limits.hpp"

namespace stint::scheduler::api {
namespace {

namespace json = boost::json;

Problem bad_name(std::string_view hex) {
  return {400,
          "invalid_argument",
          "blob \"" + std::string(hex.substr(0, 100)) + "\": expected the SHA-256 of its bytes in 64 hexadecimal digits",
          "blob",
          "",
          "sha256sum FILE prints it"};
}

ports::HttpResponse upload_response(const ports::BlobStore::Upload& upload) {
  ports::HttpResponse response;
  response.body = json::serialize(json::object{{"offset", upload.offset}, {"complete", upload.is_complete}}) + "\n";
  return response;
}

Result<std::vector<BlobId>> read_blobs(const std::string& body) {
  STINT_TRY(const auto object, read_object(body));
  const auto* list = object.if_contains("blobs");
  if (list == nullptr || !list->is_array() || object.size() != 1)
    return fail(Errc::invalid_argument, R"(the body must be {"blobs": ["…", …]} and nothing else)");
  const auto& names = list->as_array();
  if (names.size() > ports::limits::kBlobQueryMax)
    return fail(Errc::out_of_range, "blobs: " + std::to_string(names.size()) + " of them, limit " +
                                        std::to_string(ports::limits::kBlobQueryMax) + ": ask in several requests");
  std::vector<BlobId> blobs;
  blobs.reserve(names.size());
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto blob = names[i].is_string() ? parse_blob_id(std::string_view(names[i].as_string())) : std::nullopt;
    if (!blob) return fail(Errc::invalid_argument, "blobs[" + std::to_string(i) + "]: expected 64 hexadecimal digits");
    blobs.push_back(*blob);
  }
  return blobs;
}

/// A number that the query must have.
Result<std::uint64_t> need_number(const ports::HttpRequest& request, std::string_view name) {
  if (find_query(request, name).value_or("").empty())
    return fail(Errc::invalid_argument,
                "query `" + std::string(name) + "` is missing: offset= says where the piece starts, size= how long the whole blob is");
  return read_number(request, name, 0);
}

}  // namespace

void Blobs::refuse(ports::RequestId id, const Problem& problem) { replies_.respond(id, to_response(problem)); }

bool Blobs::is_full(ports::RequestId id) {
  if (incoming_.size() + outgoing_.size() < limits::kBlobTransfers) return false;
  refuse(id, {503, "unavailable", "as many blobs as may be are on their way", "", std::to_string(limits::kBlobTransfers) + " at once",
              "try again in a moment"});
  return true;
}

void Blobs::find_missing(const ports::HttpRequest& request) {
  auto blobs = read_blobs(request.body);
  if (!blobs) return refuse(request.id, to_problem(blobs.error()));
  store_.find_missing(std::move(*blobs), [this, id = request.id](const Result<std::vector<BlobId>>& missing) {
    if (!missing) return refuse(id, to_problem(missing.error()));
    json::array names;
    for (const auto& blob : *missing) names.emplace_back(to_hex(blob));
    ports::HttpResponse response;
    response.body = json::serialize(json::object{{"missing", std::move(names)}}) + "\n";
    replies_.respond(id, std::move(response));
  });
}

void Blobs::show_upload(ports::RequestId id, std::string_view hex) {
  const auto blob = parse_blob_id(hex);
  if (!blob) return refuse(id, bad_name(hex));
  store_.find_upload(*blob, [this, id](const Result<ports::BlobStore::Upload>& upload) {
    if (!upload) return refuse(id, to_problem(upload.error()));
    replies_.respond(id, upload_response(*upload));
  });
}

// Taking a piece.

void Blobs::take_piece(const ports::HttpRequest& request, std::string_view hex, const std::optional<AttemptRef>& who) {
  const auto blob = parse_blob_id(hex);
  if (!blob) return refuse(request.id, bad_name(hex));
  const auto offset = need_number(request, "offset");
  const auto size = need_number(request, "size");
  if (!offset || !size) return refuse(request.id, to_problem(!offset ? offset.error() : size.error()));
  if (*offset > *size || request.body_bytes.value_or(0) > *size - *offset)
    return refuse(request.id, {400, "invalid_argument",
                               std::to_string(request.body_bytes.value_or(0)) + " bytes at " + std::to_string(*offset) +
                                   " go beyond the size of " + std::to_string(*size),
                               "size", "", ""});
  if (is_full(request.id)) return;
  incoming_[request.id] = {*blob, *offset, *size, who};
  store_.find_upload(*blob, [this, id = request.id](const Result<ports::BlobStore::Upload>& found) { begin_piece(id, found); });
}

void Blobs::begin_piece(ports::RequestId id, const Result<ports::BlobStore::Upload>& found) {
  const auto it = incoming_.find(id);
  if (it == incoming_.end()) return;
  if (!found) return refuse_piece(id, found.error());
  const auto& piece = it->second;
  if (found->is_complete) {
    incoming_.erase(it);
    return replies_.respond(id, upload_response(*found));
  }
  const bool starts_over = piece.offset == 0 && (found->size.value_or(piece.size) != piece.size || found->offset > piece.size);
  if (piece.offset != found->offset && !starts_over)
    return refuse_piece(id, {Errc::conflict, "blob " + to_hex(piece.blob) + ": a piece at " + std::to_string(piece.offset) + ", but " +
                                                 std::to_string(found->offset) + " bytes are there"});
  replies_.read_body(id);
}

void Blobs::on_body(ports::RequestId id, std::string bytes, bool is_last) {
  const auto it = incoming_.find(id);
  if (it == incoming_.end()) return;
  auto& piece = it->second;
  const auto offset = std::exchange(piece.offset, piece.offset + bytes.size());
  store_.put_piece({piece.blob, offset, piece.size, std::move(bytes)},
                   [this, id, is_last](const Result<ports::BlobStore::Upload>& taken) { on_taken(id, is_last, taken); });
}

void Blobs::on_taken(ports::RequestId id, bool is_last, const Result<ports::BlobStore::Upload>& taken) {
  if (incoming_.count(id) == 0) return;
  if (!taken) return refuse_piece(id, taken.error());
  if (!is_last && !taken->is_complete) return replies_.read_body(id);
  incoming_.erase(id);
  replies_.respond(id, upload_response(*taken));
}

/// A conflict says where to go on; a wrong digest has a code of its own, since the client must read its file anew.
void Blobs::refuse_piece(ports::RequestId id, const Error& error) {
  const auto piece = incoming_.extract(id);
  auto problem = to_problem(error);
  if (error.code == Errc::corrupt) {
    problem.status = 422;
    problem.code = "digest_mismatch";
  }
  if (error.code != Errc::conflict || piece.empty()) return refuse(id, problem);
  const auto size = piece.mapped().size;
  store_.find_upload(piece.mapped().blob, [this, id, problem, size](const Result<ports::BlobStore::Upload>& found) mutable {
    if (!found) return refuse(id, to_problem(found.error()));
    const bool is_other_size = found->size.value_or(size) != size || found->offset > size;
    problem.offset = is_other_size && !found->is_complete ? 0 : found->offset;
    problem.remedy = "go on at byte " + std::to_string(*problem.offset);
    refuse(id, problem);
  });
}

// Sending.

void Blobs::send(const ports::HttpRequest& request, std::string_view hex, const std::optional<AttemptRef>& who) {
  const auto blob = parse_blob_id(hex);
  if (!blob) return refuse(request.id, bad_name(hex));
  if (is_full(request.id)) return;
  outgoing_[request.id] = {*blob, {}, who};
  ports::HttpRequest head;
  head.id = request.id;
  head.method = request.method;
  head.range = request.range;
  store_.find_blob(*blob, [this, head = std::move(head), blob = *blob](const Result<std::uint64_t>& size) {
    if (outgoing_.count(head.id) == 0) return;
    if (size) return begin_send(head, blob, *size);
    outgoing_.erase(head.id);
    refuse(head.id, to_problem(size.error()));
  });
}

void Blobs::begin_send(const ports::HttpRequest& request, const BlobId& blob, std::uint64_t size) {
  const bool is_head = request.method == "HEAD";
  const auto [status, range] = read_range(is_head ? std::string_view() : std::string_view(request.range), size);
  ports::HttpResponse head;
  head.status = status;
  head.content_type = "application/octet-stream";
  head.headers = {
      {"Accept-Ranges", "bytes"}, {"ETag", '"' + to_hex(blob) + '"'}, {"Cache-Control", "private, max-age=31536000, immutable"}};
  if (status == 416) {
    outgoing_.erase(request.id);
    auto response = to_response({416, "out_of_range", "the blob has " + std::to_string(size) + " bytes", "Range", "", ""});
    response.headers.emplace_back("Content-Range", "bytes */" + std::to_string(size));
    return replies_.respond(request.id, std::move(response));
  }
  if (status == 206)
    head.headers.emplace_back("Content-Range",
                              "bytes " + std::to_string(range.begin) + "-" + std::to_string(range.end - 1) + "/" + std::to_string(size));
  head.content_length = range.end - range.begin;
  if (is_head) {
    outgoing_.erase(request.id);
    return replies_.respond(request.id, std::move(head));
  }
  outgoing_[request.id].left = range;
  outgoing_[request.id].has_begun = true;
  replies_.begin_stream(request.id, std::move(head));
}

void Blobs::on_writable(ports::RequestId id) {
  const auto it = outgoing_.find(id);
  if (it == outgoing_.end()) return;
  auto& left = it->second.left;
  const BlobId blob = it->second.blob;
  if (left.begin == left.end) {
    outgoing_.erase(it);
    return replies_.end_stream(id);
  }
  const auto size = std::min<std::uint64_t>(left.end - left.begin, ports::limits::kHttpChunk);
  store_.read(blob, left.begin, static_cast<std::size_t>(size), [this, id](Result<std::string> bytes) { on_read(id, std::move(bytes)); });
}

void Blobs::on_read(ports::RequestId id, Result<std::string> bytes) {
  const auto it = outgoing_.find(id);
  if (it == outgoing_.end()) return;
  if (!bytes || bytes->empty()) {  // removed or damaged meanwhile: the head has promised more
    outgoing_.erase(it);
    return replies_.abort_stream(id);
  }
  it->second.left.begin += bytes->size();
  replies_.write_stream(id, std::move(*bytes));
}

void Blobs::close_all_of(const std::vector<AttemptRef>& attempts) {
  const auto is_one = [&](const std::optional<AttemptRef>& who) {
    return who && std::find(attempts.begin(), attempts.end(), *who) != attempts.end();
  };
  const Problem gone{401, "unauthenticated", "the attempt's agent was revoked: its token opens nothing", "Authorization", "", ""};
  std::vector<ports::RequestId> over;
  for (const auto& [id, piece] : incoming_)
    if (is_one(piece.who)) over.push_back(id);
  for (const auto& [id, answer] : outgoing_)
    if (is_one(answer.who)) over.push_back(id);
  for (const auto id : over) {
    const auto answer = outgoing_.find(id);
    const bool has_begun = answer != outgoing_.end() && answer->second.has_begun;
    on_closed(id);
    if (has_begun) {
      replies_.abort_stream(id);
    } else {
      refuse(id, gone);
    }
  }
}

void Blobs::on_closed(ports::RequestId id) {
  incoming_.erase(id);
  outgoing_.erase(id);
}

// Routes.

Answer find_missing_blobs(const Call& call) {
  call.blobs.find_missing(call.request);
  return {};
}

Answer show_blob_upload(const Call& call) {
  call.blobs.show_upload(call.request.id, call.values[0]);
  return {};
}

Answer take_blob_piece(const Call& call) {
  call.blobs.take_piece(call.request, call.values[0], call.principal.attempt);
  return {};
}

Answer send_blob(const Call& call) {
  call.blobs.send(call.request, call.values[0], call.principal.attempt);
  return {};
}

}  // namespace stint::scheduler::api
