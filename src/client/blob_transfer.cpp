#include "client/blob_transfer.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <utility>

#include "client/api.hpp"
#include "client/views.hpp"

namespace stint::client {
namespace {

namespace json = boost::json;

constexpr Duration kFirstPause = std::chrono::milliseconds{100};
constexpr Duration kLongestPause = std::chrono::seconds{5};
constexpr Duration kPieceTime = std::chrono::seconds{30};
constexpr std::int64_t kSlowestBytesPerSecond = 64 << 10;
constexpr int kConflict = 409;
constexpr int kDigestMismatch = 422;

bool is_ok(const ports::HttpAnswer& answer) { return answer.status >= 200 && answer.status <= 299; }
bool is_passing(const Error& error) {
  return error.code == Errc::unavailable || error.code == Errc::outcome_unknown || error.code == Errc::fenced;
}

std::optional<std::uint64_t> find_number(const std::string& body, const char* name) {
  boost::system::error_code problem;
  const auto value = json::parse(body, problem);
  if (problem || !value.is_object()) return std::nullopt;
  const auto* number = value.as_object().if_contains(name);
  if (number == nullptr || !number->is_number()) return std::nullopt;
  const auto converted = number->to_number<std::uint64_t>(problem);
  if (problem) return std::nullopt;
  return converted;
}

std::string path_of(const BlobId& blob) { return "/v1/blobs/" + to_hex(blob); }

tl::unexpected<Error> not_understood(const BlobId& blob) {
  return fail(Errc::corrupt, "blob " + to_hex(blob) + ": the scheduler's answer is not as schema/openapi.yaml describes it");
}

}  // namespace

/// How much waiting is left until a byte must have got through.
class BlobTransfer::Patience {
 public:
  explicit Patience(Duration whole) : whole_(whole), left_(whole) {}
  /// Nothing when it is at its end.
  std::optional<Duration> next(Prng& prng) {
    if (left_ <= Duration::zero()) return std::nullopt;
    const Duration pause = std::min(prng.between(pause_ / 2, pause_), left_);
    pause_ = std::min(pause_ * 2, kLongestPause);
    left_ -= std::max<Duration>(pause, std::chrono::milliseconds{1});
    return pause;
  }
  void reset() {
    pause_ = kFirstPause;
    left_ = whole_;
  }

 private:
  Duration whole_;
  Duration left_;
  Duration pause_ = kFirstPause;
};

bool BlobTransfer::wait_again(Patience& patience, const Error& error) {
  if (!is_passing(error)) return false;
  const auto pause = patience.next(prng_);
  return pause && http_.pause(*pause);
}

Result<std::string> BlobTransfer::ask(const ports::HttpCall& call) {
  Patience patience(options_.patience);
  while (true) {
    auto answer = http_.call(call);
    if (answer && is_ok(*answer)) return std::move(answer->body);
    Error error = answer ? parse_problem(answer->status, answer->body) : std::move(answer.error());
    if (!wait_again(patience, error)) return tl::unexpected<Error>(std::move(error));
  }
}

Result<std::vector<BlobId>> BlobTransfer::find_missing(const std::vector<BlobId>& blobs) {
  std::vector<BlobId> missing;
  for (std::size_t first = 0; first < blobs.size(); first += limits::kBlobsPerQuestion) {
    json::array names;
    for (std::size_t i = first; i < std::min(blobs.size(), first + limits::kBlobsPerQuestion); ++i) names.emplace_back(to_hex(blobs[i]));
    ports::HttpCall call;
    call.method = "POST";
    call.target = "/v1/blobs/missing";
    call.body = json::serialize(json::object{{"blobs", std::move(names)}});
    STINT_TRY(const auto body, ask(call));
    boost::system::error_code problem;
    const auto value = json::parse(body, problem);
    const auto* list = !problem && value.is_object() ? value.as_object().if_contains("missing") : nullptr;
    if (list == nullptr || !list->is_array()) return not_understood(blobs[first]);
    for (const auto& name : list->as_array()) {
      const auto blob = name.is_string() ? parse_blob_id(std::string_view(name.as_string())) : std::nullopt;
      if (!blob) return not_understood(blobs[first]);
      missing.push_back(*blob);
    }
  }
  return missing;
}

Result<BlobTransfer::Taken> BlobTransfer::find_upload(const BlobId& blob) {
  ports::HttpCall call;
  call.target = path_of(blob) + "/upload";
  STINT_TRY(const auto body, ask(call));
  const auto offset = find_number(body, "offset");
  if (!offset) return not_understood(blob);
  return Taken{*offset, body.find("\"complete\":true") != std::string::npos};
}

/// A conflict is an answer too: it says where to go on.
Result<BlobTransfer::Taken> BlobTransfer::send_piece(const BlobId& blob, std::uint64_t size, std::uint64_t offset, std::string bytes) {
  ports::HttpCall call;
  call.method = "PATCH";
  call.target = path_of(blob) + "?offset=" + std::to_string(offset) + "&size=" + std::to_string(size);
  call.headers = {{"Content-Type", "application/octet-stream"}};
  call.timeout = kPieceTime + std::chrono::seconds{static_cast<std::int64_t>(bytes.size()) / kSlowestBytesPerSecond};
  call.body = std::move(bytes);
  auto answer = http_.call(call);
  if (!answer) return tl::unexpected<Error>(std::move(answer.error()));
  if (!is_ok(*answer) && answer->status != kConflict) {
    auto error = parse_problem(answer->status, answer->body);
    if (answer->status == kDigestMismatch) error.code = Errc::corrupt;
    return tl::unexpected<Error>(std::move(error));
  }
  const auto told = find_number(answer->body, "offset");
  if (!told) return not_understood(blob);
  const bool is_complete = is_ok(*answer) && answer->body.find("\"complete\":true") != std::string::npos;
  return Taken{*told <= size ? *told : 0, is_complete};
}

Status BlobTransfer::upload(const BlobId& blob, std::uint64_t size, const Read& read) {
  Patience patience(options_.patience);
  std::uint64_t offset = 0, furthest = 0;
  std::size_t piece = limits::kBlobPiece;
  int restarts = 0;
  if (size > limits::kBlobPiece) {
    STINT_TRY(const auto found, find_upload(blob));
    if (found.is_complete) return {};
    offset = found.offset <= size ? found.offset : 0;
  }
  while (true) {
    options_.on_progress(offset);
    STINT_TRY(auto bytes, read(offset, static_cast<std::size_t>(std::min<std::uint64_t>(piece, size - offset))));
    auto taken = send_piece(blob, size, offset, std::move(bytes));
    if (taken && taken->is_complete) {
      options_.on_progress(size);
      return {};
    }
    if (taken) {
      offset = taken->offset;
      piece = std::min(piece * 2, limits::kBlobPiece);
      if (offset > std::exchange(furthest, std::max(furthest, offset))) {
        patience.reset();
        continue;
      }
      taken = fail(Errc::unavailable, "blob " + to_hex(blob) + ": the upload does not get beyond byte " + std::to_string(offset));
    }
    if (taken.error().code == Errc::corrupt && restarts++ < limits::kBlobRestarts) {
      offset = furthest = 0;
      continue;
    }
    if (!wait_again(patience, taken.error())) return tl::unexpected<Error>(std::move(taken.error()));
    piece = limits::kBlobPieceAfterTrouble;
    STINT_TRY(const auto found, find_upload(blob));
    if (found.is_complete) return {};
    offset = found.offset <= size ? found.offset : 0;
    if (offset < furthest && restarts++ >= limits::kBlobRestarts)
      return fail(Errc::unavailable, "blob " + to_hex(blob) + ": the scheduler keeps losing what it had of it: see its log");
    furthest = std::min(furthest, offset);
  }
}

Status BlobTransfer::download(const BlobId& blob, std::uint64_t from, const Write& write) {
  Patience patience(options_.patience);
  while (true) {
    ports::HttpCall call;
    call.target = path_of(blob);
    if (from > 0) call.headers = {{"Range", "bytes=" + std::to_string(from) + "-"}};
    Status written;
    const auto answer = http_.stream(call, [&](std::string_view bytes) {
      if (bytes.empty()) return true;
      written = write(bytes);
      if (!written) return false;
      from += bytes.size();
      patience.reset();
      options_.on_progress(from);
      return true;
    });
    if (!written) return written;
    if (answer && is_ok(*answer)) return {};
    if (answer && answer->status == 416) return {};  // all of it is there already
    Error error = answer ? parse_problem(answer->status, answer->body) : answer.error();
    if (!wait_again(patience, error)) return tl::unexpected<Error>(std::move(error));
  }
}

}  // namespace stint::client
