#include "scheduler/blob_sweep.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>

#include "adapters/memory/blob_store.hpp"
#include "hash/sha256.hpp"
#include "scheduler/limits.hpp"
#include "scheduler/test_links.hpp"

namespace stint::scheduler {
namespace {

using namespace std::chrono_literals;

BlobId blob_of(const std::string& text) { return blob_id_of(as_bytes(text)); }

/// What the test says, after two steps.
class Said final : public Marking {
 public:
  explicit Said(std::optional<std::vector<BlobId>> live) : live_(std::move(live)) {}
  void step() override {
    if (++steps_ < 2) return;
    finish(live_ ? Status() : Status(fail(Errc::io, "the disk cannot be read")));
  }
  std::vector<BlobId> take_live() override { return *live_; }

 private:
  std::optional<std::vector<BlobId>> live_;
  int steps_ = 0;
};

class BlobSweepTest : public ::testing::Test {
 protected:
  void SetUp() override { sweep_.start(now()); }
  Now now() const { return testing::at(time_); }
  BlobId put(const std::string& text) {
    store_.put(text, [](const auto& stored) { ASSERT_TRUE(stored.has_value()); });
    store_.finish_all();
    return blob_of(text);
  }
  void begin_upload(const std::string& text) {
    store_.put_piece({blob_of(text), 0, text.size(), text.substr(1)}, [](const auto&) {});
    store_.finish_all();
  }
  /// Until `count` sweeps are over, or for an hour.
  void sweep() {
    const auto until = time_ + limits::kBlobSweepPeriod + 1min;
    while (time_ < until) {
      time_ = std::max(time_, sweep_.next_deadline().time_since_epoch() - testing::kBootTime);
      sweep_.on_timer(now());
      store_.finish_all();
    }
  }

  Duration time_{0};
  std::shared_ptr<memory::BlobFiles> files_ = std::make_shared<memory::BlobFiles>();
  memory::MemoryBlobStore store_{files_, [this] { return now().wall; }, {}};
  testing::LinesLog log_;
  std::optional<std::vector<BlobId>> live_ = std::vector<BlobId>();
  std::optional<std::vector<BlobId>> in_rows_ = std::vector<BlobId>();
  BlobSweep sweep_{store_,
                   log_,
                   24h,
                   {[this] { return std::make_shared<Said>(live_); },
                    [this](const std::vector<BlobId>& /*asked*/) -> Result<std::vector<BlobId>> {
                      if (in_rows_) return *in_rows_;
                      return fail(Errc::io, "the disk cannot be read");
                    }}};
};

TEST_F(BlobSweepTest, WhatNobodyWantsGoesWhenItIsOldEnough) {
  const auto wanted = put("wanted");
  const auto old = put("old");
  live_ = {wanted};
  sweep();
  EXPECT_EQ(files_->blobs.size(), 2u);
  time_ += 24h;
  const auto young = put("young");
  sweep();
  EXPECT_EQ(files_->blobs.count(old), 0u);
  EXPECT_EQ(files_->blobs.count(wanted), 1u);
  EXPECT_EQ(files_->blobs.count(young), 1u);
  EXPECT_EQ(sweep_.counts().blobs, 1u);
  EXPECT_EQ(sweep_.counts().bytes, 3u);
}

TEST_F(BlobSweepTest, NothingGoesWhileItIsNotKnownWhatIsWanted) {
  put("old");
  live_.reset();
  time_ += 100h;
  sweep();
  EXPECT_EQ(files_->blobs.size(), 1u);
  EXPECT_EQ(sweep_.counts().sweeps, 0u);
}

TEST_F(BlobSweepTest, WhatRowsNameStays) {
  const auto named = put("named");
  put("old");
  in_rows_ = {named};
  time_ += 25h;
  sweep();
  EXPECT_EQ(files_->blobs.size(), 1u);
  EXPECT_EQ(files_->blobs.count(named), 1u);
}

TEST_F(BlobSweepTest, NothingGoesWhileRowsCannotBeAsked) {
  put("old");
  in_rows_.reset();
  time_ += 25h;
  sweep();
  EXPECT_EQ(files_->blobs.size(), 1u);
  ASSERT_FALSE(log_.lines.empty());
  EXPECT_NE(log_.lines.back().find("the disk cannot be read"), std::string::npos);
}

TEST_F(BlobSweepTest, UnfinishedUploadsGoAnyway) {
  begin_upload("half");
  live_.reset();
  time_ += 22h;
  sweep();
  EXPECT_EQ(files_->uploads.size(), 1u);
  time_ += 2h;
  sweep();
  EXPECT_TRUE(files_->uploads.empty());
}

TEST_F(BlobSweepTest, ManyAreSweptInSlices) {
  for (std::size_t i = 0; i < 2 * limits::kBlobSweepEntries + 5; ++i) put(std::to_string(i));
  time_ += 25h;
  sweep();
  EXPECT_TRUE(files_->blobs.empty());
  EXPECT_GE(sweep_.counts().sweeps, 1u);
}

TEST_F(BlobSweepTest, ABlobThatIsAskedForDuringTheSweepStays) {
  const auto asked = put("asked for");
  put("old");
  time_ += 25h;
  sweep_.on_timer(now());
  time_ += 2 * limits::kBlobSweepSlice;
  sweep_.on_timer(now());  // the list is on its way
  store_.find_missing({asked}, [](const auto&) {});
  store_.finish_all();
  EXPECT_EQ(files_->blobs.size(), 1u);
  EXPECT_EQ(files_->blobs.count(asked), 1u);
}

}  // namespace
}  // namespace stint::scheduler
