#include "client/blob_transfer.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json.hpp>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "client/transfer_meter.hpp"
#include "hash/sha256.hpp"

namespace stint::client {
namespace {

using namespace std::chrono_literals;

/// A scheduler that keeps blobs, behind a network that does what the test says.
class FakeScheduler final : public ports::HttpClient {
 public:
  enum class Trouble { none, not_reached, cut_half, answer_lost, busy, upload_lost };

  Result<ports::HttpAnswer> call(const ports::HttpCall& call) override {
    ++calls;
    if (call.method == "POST") return find_missing(call.body);
    if (call.target.ends_with("/upload")) return upload_answer(200);
    sent += call.body.size();
    const auto trouble = next_trouble();
    if (trouble == Trouble::not_reached) return fail(Errc::unavailable, "nobody listens");
    if (trouble == Trouble::upload_lost) {
      have.clear();
      return fail(Errc::unavailable, "nobody listens");
    }
    if (trouble == Trouble::busy) return problem(503, "unavailable");
    const auto bytes = trouble == Trouble::cut_half ? call.body.substr(0, call.body.size() / 2) : call.body;
    auto answer = take(call.target, bytes);
    if (trouble != Trouble::none) return fail(Errc::outcome_unknown, "the connection was cut");
    return answer;
  }
  Result<ports::HttpAnswer> stream(const ports::HttpCall& call, const OnBytes& on_bytes) override {
    std::size_t from = 0;
    for (const auto& [name, value] : call.headers)
      if (name == "Range") from = std::stoul(value.substr(6));
    ranges.push_back(from);
    if (from >= whole.size()) return problem(416, "out_of_range");
    const auto trouble = next_trouble();
    const auto size = trouble == Trouble::none ? whole.size() - from : (whole.size() - from) / 2;
    if (!on_bytes(std::string_view(whole).substr(from, size))) return ports::HttpAnswer{200, "", ""};
    if (trouble != Trouble::none) return fail(Errc::outcome_unknown, "the connection was cut");
    return ports::HttpAnswer{200, "", ""};
  }
  bool pause(Duration duration) override {
    pauses.push_back(duration);
    return !wants_to_leave;
  }

  std::string whole;                               ///< what is downloaded, or what should arrive
  std::string have;                                ///< what has arrived
  bool is_complete = false;
  std::deque<Trouble> troubles;
  bool is_always_busy = false;
  bool wants_to_leave = false;
  std::size_t calls = 0;
  std::uint64_t sent = 0;
  std::vector<Duration> pauses;
  std::vector<std::size_t> ranges;
  std::vector<std::string> present;

 private:
  Trouble next_trouble() {
    if (is_always_busy) return Trouble::busy;
    if (troubles.empty()) return Trouble::none;
    const auto trouble = troubles.front();
    troubles.pop_front();
    return trouble;
  }
  static ports::HttpAnswer problem(int status, const std::string& code) {
    return {status, "application/problem+json", boost::json::serialize(boost::json::object{{"code", code}, {"detail", "a problem"}})};
  }
  ports::HttpAnswer upload_answer(int status) const {
    return {status, "application/json",
            boost::json::serialize(boost::json::object{{"offset", have.size()}, {"complete", is_complete}, {"code", "conflict"}})};
  }
  ports::HttpAnswer find_missing(const std::string& body) const {
    boost::json::array missing;
    const auto question = boost::json::parse(body);
    for (const auto& name : question.at("blobs").as_array())
      if (std::find(present.begin(), present.end(), std::string(name.as_string())) == present.end()) missing.push_back(name);
    return {200, "application/json", boost::json::serialize(boost::json::object{{"missing", missing}})};
  }
  ports::HttpAnswer take(const std::string& target, const std::string& bytes) {
    const auto offset = std::stoul(target.substr(target.find("offset=") + 7));
    const auto size = std::stoul(target.substr(target.find("size=") + 5));
    if (offset != have.size()) return upload_answer(409);
    have += bytes;
    if (have.size() < size) return upload_answer(200);
    if (have != whole) {
      have.clear();
      return problem(422, "digest_mismatch");
    }
    is_complete = true;
    return upload_answer(200);
  }
};

using Trouble = FakeScheduler::Trouble;

class BlobTransferTest : public ::testing::Test {
 protected:
  BlobTransferTest() {
    scheduler_.whole = std::string(3 * limits::kBlobPiece + 77, '\0');
    for (std::size_t i = 0; i < scheduler_.whole.size(); i += 1000) scheduler_.whole[i] = static_cast<char>(i / 1000);
    text_ = scheduler_.whole;
  }
  Status upload() {
    return transfer_.upload(blob_id_of(as_bytes(text_)), text_.size(),
                            [this](std::uint64_t offset, std::size_t size) -> Result<std::string> { return text_.substr(offset, size); });
  }
  Status download(std::uint64_t from = 0) {
    return transfer_.download(blob_id_of(as_bytes(text_)), from, [this](std::string_view bytes) -> Status {
      got_ += bytes;
      return {};
    });
  }
  FakeScheduler scheduler_;
  std::string text_;
  std::string got_;
  std::vector<std::uint64_t> progress_;
  BlobTransfer transfer_{scheduler_, {10s, 1, [this](std::uint64_t bytes) { progress_.push_back(bytes); }}};
};

TEST_F(BlobTransferTest, AnUploadSendsEveryByteOnce) {
  ASSERT_TRUE(upload().has_value());
  EXPECT_EQ(scheduler_.have, text_);
  EXPECT_EQ(scheduler_.sent, text_.size());
  EXPECT_TRUE(scheduler_.pauses.empty());
  EXPECT_EQ(progress_.front(), 0u);
  EXPECT_EQ(progress_.back(), text_.size());
}

TEST_F(BlobTransferTest, AnUploadGoesOnWhereTheConnectionBroke) {
  scheduler_.troubles = {Trouble::none, Trouble::cut_half, Trouble::not_reached, Trouble::none, Trouble::answer_lost, Trouble::busy};
  ASSERT_TRUE(upload().has_value());
  EXPECT_EQ(scheduler_.have, text_);
  EXPECT_LE(scheduler_.sent, text_.size() + 2 * limits::kBlobPiece);
  EXPECT_EQ(scheduler_.pauses.size(), 4u);
}

TEST_F(BlobTransferTest, AnUploadThatWasBegunBeforeIsGoneOnWith) {
  scheduler_.have = text_.substr(0, text_.size() - 10);
  ASSERT_TRUE(upload().has_value());
  EXPECT_EQ(scheduler_.sent, 10u);
}

TEST_F(BlobTransferTest, AnUploadThatTheSchedulerLostStartsOverOnlySoOften) {
  scheduler_.troubles = {Trouble::none, Trouble::none, Trouble::upload_lost};
  ASSERT_TRUE(upload().has_value());
  EXPECT_EQ(scheduler_.have, text_);
  scheduler_.have.clear();
  scheduler_.is_complete = false;
  for (int i = 0; i < 100; ++i) scheduler_.troubles.push_back(i % 2 == 0 ? Trouble::none : Trouble::upload_lost);
  EXPECT_EQ(upload().error().code, Errc::unavailable);
}

TEST_F(BlobTransferTest, AWrongDigestStartsOverOnlySoOften) {
  text_ += "changed meanwhile";
  const auto status = upload();
  ASSERT_FALSE(status.has_value());
  EXPECT_EQ(status.error().code, Errc::corrupt);
  EXPECT_EQ(scheduler_.sent, (1 + limits::kBlobRestarts) * text_.size());
}

TEST_F(BlobTransferTest, WithoutProgressPatienceEnds) {
  scheduler_.is_always_busy = true;
  const auto status = upload();
  ASSERT_FALSE(status.has_value());
  EXPECT_EQ(status.error().code, Errc::unavailable);
  Duration waited{0};
  for (const auto pause : scheduler_.pauses) waited += pause;
  EXPECT_EQ(waited, 10s);
}

TEST_F(BlobTransferTest, WhoWantsToLeaveIsNotHeld) {
  scheduler_.is_always_busy = scheduler_.wants_to_leave = true;
  EXPECT_FALSE(upload().has_value());
  EXPECT_EQ(scheduler_.pauses.size(), 1u);
}

TEST_F(BlobTransferTest, ADownloadGoesOnBehindItsLastByte) {
  scheduler_.troubles = {Trouble::cut_half, Trouble::cut_half};
  ASSERT_TRUE(download().has_value());
  EXPECT_EQ(got_, text_);
  ASSERT_EQ(scheduler_.ranges.size(), 3u);
  EXPECT_EQ(scheduler_.ranges[1], text_.size() / 2);
  got_.clear();
  ASSERT_TRUE(download(text_.size() - 3).has_value());
  EXPECT_EQ(got_, text_.substr(text_.size() - 3));
  EXPECT_TRUE(download(text_.size()).has_value());
}

TEST_F(BlobTransferTest, ManyBlobsAreAskedForInSeveralQuestions) {
  std::vector<BlobId> blobs;
  for (int i = 0; i < 2500; ++i) blobs.push_back(blob_id_of(as_bytes(std::to_string(i))));
  scheduler_.present = {to_hex(blobs[0]), to_hex(blobs[1999])};
  const auto missing = transfer_.find_missing(blobs);
  ASSERT_TRUE(missing.has_value());
  EXPECT_EQ(scheduler_.calls, 3u);
  EXPECT_EQ(missing->size(), 2498u);
  EXPECT_EQ(missing->front(), blobs[1]);
}

TEST(TransferMeter, ShowsBytesRateAndTimeLeft) {
  TransferMeter meter("uploading", 2, 300 << 20);
  meter.add(0, Instant{1s});
  meter.add(50 << 20, Instant{2s});
  meter.end_file(100 << 20);
  meter.add(0, Instant{3s});
  EXPECT_EQ(meter.show(200).substr(0, 22), "uploading 2 of 2 files");
  EXPECT_NE(meter.show(200).find("100Mi of 300Mi · 50Mi/s · 4"), std::string::npos) << meter.show(200);
  EXPECT_LE(meter.show(30).size(), 34u);
}

}  // namespace
}  // namespace stint::client
