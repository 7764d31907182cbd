#include "client/attempt_blobs.hpp"

#include <utility>

namespace stint::client {

bool AttemptBlobs::waits_out(const Error& error, int tries) {
  const bool is_refused = error.code == Errc::forbidden || error.code == Errc::unauthenticated;
  if (is_refused) return tries < limits::kForbiddenTries && http_->pause(limits::kForbiddenPause);
  const bool is_in_trouble = error.code == Errc::no_space || error.code == Errc::io;
  return is_in_trouble && limits::kTroublePause <= patience_ / tries && http_->pause(limits::kTroublePause);
}

template <class Try>
auto AttemptBlobs::persist(Try attempt) -> decltype(attempt()) {
  for (int tries = 1;; ++tries) {
    auto outcome = attempt();
    if (outcome || !waits_out(outcome.error(), tries)) return outcome;
  }
}

Result<std::vector<BlobId>> AttemptBlobs::find_missing(const std::vector<BlobId>& blobs) {
  return persist([&] { return transfer_.find_missing(blobs); });
}

// A disk of our own that fails is not waited out: the error of `read` or `write` ends the transfer.

Status AttemptBlobs::upload(const BlobId& blob, std::uint64_t size, const Read& read) {
  Status own;
  const auto watched = [&](std::uint64_t offset, std::size_t bytes) {
    auto piece = read(offset, bytes);
    if (!piece) own = tl::unexpected<Error>(piece.error());
    return piece;
  };
  const auto outcome = persist([&]() -> Status {
    auto moved = transfer_.upload(blob, size, watched);
    return own ? moved : Status{};
  });
  return own ? outcome : own;
}

Status AttemptBlobs::download(const BlobId& blob, std::uint64_t from, const Write& write) {
  Status own;
  const auto watched = [&](std::string_view bytes) {
    own = write(bytes);
    if (own) from += bytes.size();
    return own;
  };
  const auto outcome = persist([&]() -> Status {
    auto moved = transfer_.download(blob, from, watched);
    return own ? moved : Status{};
  });
  return own ? outcome : own;
}

Status AttemptBlobs::tell_checkpoint(const AttemptRef& attempt, const BlobId& manifest) {
  ports::HttpCall call;
  call.method = "PUT";
  call.target = "/v1/attempts/" + std::to_string(attempt.task.job.value) + "." + std::to_string(attempt.task.group) + "." +
                std::to_string(attempt.task.index) + "." + std::to_string(attempt.attempt) + "/checkpoint";
  call.body = R"({"manifest":")" + to_hex(manifest) + "\"}";
  return persist([&] { return transfer_.ask(call).map([](const std::string&) {}); });
}

}  // namespace stint::client
