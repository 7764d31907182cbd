#include "client/attempt_blobs.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <vector>

namespace stint::client {
namespace {

class ScriptedHttp final : public ports::HttpClient {
 public:
  struct Shared {
    std::vector<ports::HttpCall> calls;
    std::function<Result<ports::HttpAnswer>(const ports::HttpCall& call)> answer;
    int pauses = 0;
  };
  explicit ScriptedHttp(Shared& shared) : shared_(shared) {}
  Result<ports::HttpAnswer> call(const ports::HttpCall& call) override {
    shared_.calls.push_back(call);
    return shared_.answer(call);
  }
  Result<ports::HttpAnswer> stream(const ports::HttpCall& call, const OnBytes& on_bytes) override {
    auto answer = this->call(call);
    if (answer && answer->status < 300) on_bytes(answer->body);
    return answer;
  }
  bool pause(Duration /*duration*/) override {
    ++shared_.pauses;
    return true;
  }

 private:
  Shared& shared_;
};

ports::HttpAnswer answer(int status, std::string body) { return {status, "application/json", std::move(body)}; }
const std::string kForbidden = R"({"status":403,"code":"forbidden","detail":"the attempt is not live"})";

TEST(AttemptBlobs, ARefusedTokenIsTriedAFewTimesMore) {
  ScriptedHttp::Shared http;
  AttemptBlobs blobs{std::make_unique<ScriptedHttp>(http), {}};
  http.answer = [&](const auto&) { return http.calls.size() < 3 ? answer(403, kForbidden) : answer(200, R"({"missing":[]})"); };
  EXPECT_TRUE(blobs.find_missing({BlobId{{1}}}));
  EXPECT_EQ(http.pauses, 2);

  http.calls.clear();
  http.answer = [](const auto&) { return answer(403, kForbidden); };
  const auto refused = blobs.download(BlobId{{1}}, 0, [](std::string_view) -> Status { return {}; });
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::forbidden);
  EXPECT_EQ(http.calls.size(), static_cast<std::size_t>(limits::kForbiddenTries));
}

TEST(AttemptBlobs, AFullDiskOfTheSchedulerIsWaitedOutAndOneHereIsNot) {
  ScriptedHttp::Shared http;
  AttemptBlobs blobs{std::make_unique<ScriptedHttp>(http), {}};
  const auto full = R"({"status":507,"code":"no_space","detail":"disk full"})";
  http.answer = [&](const auto&) { return http.calls.size() < 4 ? answer(507, full) : answer(200, R"({"offset":3,"complete":true})"); };
  EXPECT_TRUE(blobs.upload(BlobId{{1}}, 3, [](std::uint64_t, std::size_t) -> Result<std::string> { return std::string{"abc"}; }));
  EXPECT_GE(http.calls.size(), 4U);

  http.calls.clear();
  http.answer = [](const auto&) { return answer(200, "bytes"); };
  const auto here = blobs.download(BlobId{{1}}, 0, [](std::string_view) -> Status { return fail(Errc::no_space, "disk full here"); });
  ASSERT_FALSE(here);
  EXPECT_EQ(here.error().detail, "disk full here");
  EXPECT_EQ(http.calls.size(), 1U);

  BlobTransfer::Options brief;
  brief.patience = std::chrono::seconds{5};
  AttemptBlobs hasty{std::make_unique<ScriptedHttp>(http), brief};
  http.answer = [&](const auto&) { return answer(507, full); };
  EXPECT_EQ(hasty.find_missing({BlobId{{1}}}).error().code, Errc::no_space);
}

TEST(AttemptBlobs, ACheckpointIsToldUnderTheNumbersOfItsAttempt) {
  ScriptedHttp::Shared http;
  AttemptBlobs blobs{std::make_unique<ScriptedHttp>(http), {}};
  http.answer = [&](const auto&) { return http.calls.size() < 2 ? answer(503, "{}") : answer(200, "{}"); };
  ASSERT_TRUE(blobs.tell_checkpoint({{JobId{12}, 1, 3}, 2}, BlobId{{0xab}}));
  ASSERT_EQ(http.calls.size(), 2U) << "said again to a scheduler that could not just then";
  EXPECT_EQ(http.calls[1].method, "PUT");
  EXPECT_EQ(http.calls[1].target, "/v1/attempts/12.1.3.2/checkpoint");
  EXPECT_EQ(http.calls[1].body, R"({"manifest":"ab)" + std::string(62, '0') + "\"}");
}

}  // namespace
}  // namespace stint::client
