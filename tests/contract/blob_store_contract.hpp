#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "hash/sha256.hpp"
#include "ports/blob_store.hpp"

/// What every ports::BlobStore must do. An adapter's test derives a Bench that opens stores on one piece of storage, and instantiates the
/// suite: INSTANTIATE_TYPED_TEST_SUITE_P(File, BlobStoreContract, FileBench).
///
/// A Bench has: `std::unique_ptr<ports::BlobStore> make_store()` with blobs of at most kBlobMax bytes and kUploadsMax unfinished uploads,
/// `void settle(ports::BlobStore&)` (until every call is answered), `UnixMillis now()`, `void pass()` (time passes, so that ages differ),
/// `void damage(const BlobId&)` (a byte of an unfinished upload changes on the disk).
namespace stint::contract {

inline constexpr std::uint64_t kBlobMax = 1 << 20;
inline constexpr std::size_t kUploadsMax = 3;

inline BlobId blob_of(const std::string& text) { return blob_id_of(as_bytes(text)); }

template <class Bench>
class BlobStoreContract : public ::testing::Test {
 protected:
  using Store = ports::BlobStore;

  template <class T, class Call>
  Result<T> ask(Call call) {
    std::optional<Result<T>> answer;
    call([&](Result<T> given) { answer = std::move(given); });
    EXPECT_FALSE(answer) << "answered before the call returned";
    bench_.settle(*store_);
    EXPECT_TRUE(answer) << "not answered";
    return answer ? std::move(*answer) : Result<T>(fail(Errc::io, "not answered"));
  }
  Result<Store::Upload> put_piece(const BlobId& blob, std::uint64_t offset, std::uint64_t size, const std::string& bytes) {
    return ask<Store::Upload>([&](auto done) { store_->put_piece({blob, offset, size, bytes}, done); });
  }
  Result<Store::Upload> find_upload(const BlobId& blob) {
    return ask<Store::Upload>([&](auto done) { store_->find_upload(blob, done); });
  }
  Result<std::vector<BlobId>> find_missing(const std::vector<BlobId>& blobs) {
    return ask<std::vector<BlobId>>([&](auto done) { store_->find_missing(blobs, done); });
  }
  Result<std::string> read(const BlobId& blob, std::uint64_t offset = 0, std::size_t max_bytes = kBlobMax) {
    return ask<std::string>([&](auto done) { store_->read(blob, offset, max_bytes, done); });
  }
  Result<std::uint64_t> find_blob(const BlobId& blob) {
    return ask<std::uint64_t>([&](auto done) { store_->find_blob(blob, done); });
  }
  Result<Store::Stored> put(const std::string& bytes) {
    return ask<Store::Stored>([&](auto done) { store_->put(bytes, done); });
  }
  Result<Store::Stored> concatenate(std::vector<Store::Part> parts) {
    return ask<Store::Stored>([&](auto done) { store_->concatenate(parts, done); });
  }
  Result<std::vector<Store::Entry>> list(std::optional<BlobId> after = {}, std::size_t limit = 1000) {
    return ask<std::vector<Store::Entry>>([&](auto done) { store_->list(after, limit, done); });
  }
  Result<bool> remove(const BlobId& blob, UnixMillis renewed_before) {
    return ask<bool>([&](auto done) { store_->remove(blob, renewed_before, done); });
  }
  Result<std::size_t> drop_uploads(UnixMillis before) {
    return ask<std::size_t>([&](auto done) { store_->drop_uploads(before, done); });
  }
  void restart() {
    store_.reset();
    store_ = bench_.make_store();
  }
  template <class T>
  static void expect_error(const Result<T>& result, Errc code) {
    ASSERT_FALSE(result.has_value());
    EXPECT_EQ(result.error().code, code) << result.error().detail;
    EXPECT_FALSE(result.error().detail.empty());
  }
  static void expect_upload(const Result<Store::Upload>& found, std::uint64_t offset, bool is_complete) {
    ASSERT_TRUE(found.has_value()) << found.error().detail;
    EXPECT_EQ(found->offset, offset);
    EXPECT_EQ(found->is_complete, is_complete);
  }

  Bench bench_;
  std::unique_ptr<Store> store_ = bench_.make_store();
};
TYPED_TEST_SUITE_P(BlobStoreContract);

TYPED_TEST_P(BlobStoreContract, PiecesMakeABlob) {
  const auto blob = blob_of("hello, world");
  this->expect_upload(this->find_upload(blob), 0, false);
  this->expect_upload(this->put_piece(blob, 0, 12, "hello"), 5, false);
  this->expect_error(this->find_blob(blob), Errc::not_found);
  this->expect_error(this->read(blob), Errc::not_found);
  this->expect_upload(this->find_upload(blob), 5, false);
  this->expect_upload(this->put_piece(blob, 5, 12, ", world"), 12, true);
  this->expect_upload(this->find_upload(blob), 12, true);
  EXPECT_EQ(*this->find_blob(blob), 12u);
  EXPECT_EQ(*this->read(blob), "hello, world");
}

TYPED_TEST_P(BlobStoreContract, AnEmptyBlobIsOneEmptyPiece) {
  this->expect_upload(this->put_piece(blob_of(""), 0, 0, ""), 0, true);
  EXPECT_EQ(*this->find_blob(blob_of("")), 0u);
  EXPECT_EQ(*this->read(blob_of("")), "");
}

TYPED_TEST_P(BlobStoreContract, ARangeIsRead) {
  const auto blob = this->put("0123456789")->blob;
  EXPECT_EQ(*this->read(blob, 3, 4), "3456");
  EXPECT_EQ(*this->read(blob, 8, 4), "89");
  EXPECT_EQ(*this->read(blob, 10, 4), "");
  EXPECT_EQ(*this->read(blob, UINT64_MAX, 4), "");
}

TYPED_TEST_P(BlobStoreContract, AWrongDigestDropsTheUpload) {
  const auto blob = blob_of("right");
  this->expect_error(this->put_piece(blob, 0, 5, "wrong"), Errc::corrupt);
  this->expect_upload(this->find_upload(blob), 0, false);
  this->expect_error(this->find_blob(blob), Errc::not_found);
  this->expect_upload(this->put_piece(blob, 0, 5, "right"), 5, true);
}

TYPED_TEST_P(BlobStoreContract, AnOffsetBeyondIsAConflict) {
  const auto blob = blob_of("hello");
  this->expect_error(this->put_piece(blob, 3, 5, "lo"), Errc::conflict);
  this->expect_upload(this->put_piece(blob, 0, 5, "he"), 2, false);
  this->expect_error(this->put_piece(blob, 3, 5, "lo"), Errc::conflict);
  this->expect_upload(this->find_upload(blob), 2, false);
}

TYPED_TEST_P(BlobStoreContract, TwoUploadsOfOneBlobHelpEachOther) {
  const auto blob = blob_of("hello, world");
  this->expect_upload(this->put_piece(blob, 0, 12, "hel"), 3, false);
  this->expect_upload(this->put_piece(blob, 0, 12, "hello,"), 6, false);
  this->expect_upload(this->put_piece(blob, 3, 12, "lo"), 6, false);
  this->expect_upload(this->put_piece(blob, 5, 12, ", world"), 12, true);
  this->expect_upload(this->put_piece(blob, 6, 12, " world"), 12, true);
  EXPECT_EQ(*this->read(blob), "hello, world");
}

TYPED_TEST_P(BlobStoreContract, NoPieceGoesBeyondItsSizeOrALimit) {
  const auto blob = blob_of("hello");
  this->expect_error(this->put_piece(blob, 0, 4, "hello"), Errc::invalid_argument);
  this->expect_error(this->put_piece(blob, 6, 5, ""), Errc::invalid_argument);
  this->expect_error(this->put_piece(blob, UINT64_MAX, 5, "hello"), Errc::invalid_argument);
  this->expect_error(this->put_piece(blob, 0, kBlobMax + 1, "hello"), Errc::out_of_range);
  this->expect_error(this->put_piece(blob, 0, std::uint64_t{1} << 63, "hello"), Errc::out_of_range);
  this->expect_error(this->put_piece(blob, 0, UINT64_MAX, "hello"), Errc::out_of_range);
  this->expect_error(this->find_missing(std::vector<BlobId>(ports::limits::kBlobQueryMax + 1)), Errc::out_of_range);
  this->expect_upload(this->find_upload(blob), 0, false);
}

TYPED_TEST_P(BlobStoreContract, WhoStartsOverWithAnotherSizeIsBelieved) {
  const auto blob = blob_of("hello");
  this->expect_upload(this->put_piece(blob, 0, 9, "poison"), 6, false);
  this->expect_error(this->put_piece(blob, 2, 5, "llo"), Errc::conflict);
  this->expect_upload(this->put_piece(blob, 0, 5, "hello"), 5, true);
  EXPECT_EQ(*this->read(blob), "hello");
}

TYPED_TEST_P(BlobStoreContract, UploadsGoOnAfterARestart) {
  const std::string text(300'000, 'x');
  const auto blob = blob_of(text + "end");
  this->expect_upload(this->put_piece(blob, 0, 300'003, text), 300'000, false);
  this->restart();
  this->expect_upload(this->find_upload(blob), 300'000, false);
  this->expect_error(this->put_piece(blob, 300'001, 300'003, "nd"), Errc::conflict);
  this->expect_upload(this->put_piece(blob, 300'000, 300'003, "end"), 300'003, true);
  this->restart();
  EXPECT_EQ(*this->read(blob, 299'999), "xend");
}

TYPED_TEST_P(BlobStoreContract, WhatADiskLostOfAnUploadIsFoundByItsDigest) {
  const auto blob = blob_of("hello");
  this->expect_upload(this->put_piece(blob, 0, 5, "hell"), 4, false);
  this->store_.reset();
  this->bench_.damage(blob);
  this->store_ = this->bench_.make_store();
  this->expect_error(this->put_piece(blob, 4, 5, "o"), Errc::corrupt);
  this->expect_upload(this->put_piece(blob, 0, 5, "hello"), 5, true);
}

TYPED_TEST_P(BlobStoreContract, UnfinishedUploadsHaveALimitAndAnAge) {
  std::vector<BlobId> blobs;
  for (std::size_t i = 0; i <= kUploadsMax; ++i) blobs.push_back(blob_of("blob " + std::to_string(i)));
  for (std::size_t i = 0; i < kUploadsMax; ++i) this->expect_upload(this->put_piece(blobs[i], 0, 6, "blob"), 4, false);
  this->expect_error(this->put_piece(blobs.back(), 0, 6, "blob"), Errc::unavailable);
  this->expect_upload(this->put_piece(blobs[1], 4, 6, " 1"), 6, true);
  this->expect_upload(this->put_piece(blobs.back(), 0, 6, "blob"), 4, false);

  this->bench_.pass();
  const auto later = this->bench_.now();
  this->expect_upload(this->put_piece(blobs[2], 4, 6, " "), 5, false);
  EXPECT_EQ(*this->drop_uploads(later), 2u);
  this->expect_upload(this->find_upload(blobs[0]), 0, false);
  this->expect_upload(this->find_upload(blobs[1]), 6, true);
  this->expect_upload(this->find_upload(blobs[2]), 5, false);
  EXPECT_EQ(*this->drop_uploads(later), 0u);
}

TYPED_TEST_P(BlobStoreContract, WhatIsMissingIsTold) {
  const auto here = this->put("here")->blob;
  const auto half = blob_of("half");
  this->expect_upload(this->put_piece(half, 0, 4, "ha"), 2, false);
  EXPECT_EQ(*this->find_missing({blob_of("not here"), here, half}), (std::vector<BlobId>{blob_of("not here"), half}));
  EXPECT_TRUE(this->find_missing({})->empty());
}

TYPED_TEST_P(BlobStoreContract, PartsAreJoined) {
  const auto first = this->put("first\n")->blob;
  const std::string large(700'000, 'z');
  const auto second = this->put(large)->blob;
  const auto joined = this->concatenate({first, std::string("between\n"), second, std::string(), first});
  ASSERT_TRUE(joined.has_value()) << joined.error().detail;
  const auto text = "first\nbetween\n" + large + "first\n";
  EXPECT_EQ(joined->blob, blob_of(text));
  EXPECT_EQ(joined->size, text.size());
  EXPECT_EQ(*this->read(joined->blob), text);
  EXPECT_EQ(this->concatenate({std::string(text)})->blob, joined->blob);
  EXPECT_EQ(this->concatenate({})->blob, blob_of(""));
  const auto unknown = this->concatenate({first, blob_of("unknown")});
  this->expect_error(unknown, Errc::not_found);
  EXPECT_NE(unknown.error().detail.find(to_hex(blob_of("unknown"))), std::string::npos);
  this->expect_error(this->put(std::string(ports::limits::kBlobPutMax + 1, ' ')), Errc::out_of_range);
}

TYPED_TEST_P(BlobStoreContract, AListGoesOnWhereItStopped) {
  std::vector<BlobId> blobs;
  for (int i = 0; i < 60; ++i) blobs.push_back(this->put(std::to_string(i))->blob);
  std::sort(blobs.begin(), blobs.end());
  std::vector<BlobId> listed;
  for (std::optional<BlobId> after;;) {
    const auto some = this->list(after, 7);
    ASSERT_TRUE(some.has_value());
    for (const auto& entry : *some) listed.push_back(entry.blob);
    if (some->size() < 7) break;
    after = listed.back();
  }
  EXPECT_EQ(listed, blobs);
}

TYPED_TEST_P(BlobStoreContract, ABlobInUseIsNotRemoved) {
  const auto old = this->put("old")->blob;
  const auto asked = this->put("asked for")->blob;
  const auto found = this->put("found")->blob;
  const auto joined = this->put("joined")->blob;
  const auto sent = this->put("sent again")->blob;
  this->bench_.pass();
  const auto later = this->bench_.now();
  EXPECT_TRUE(this->find_missing({asked})->empty());
  EXPECT_TRUE(this->find_blob(found).has_value());
  EXPECT_TRUE(this->concatenate({joined}).has_value());
  this->expect_upload(this->put_piece(sent, 0, 10, "sent"), 10, true);
  const auto listed = this->list();
  for (const auto& entry : *listed) EXPECT_EQ(entry.renewed_at < later, entry.blob == old);
  for (const auto& blob : {asked, found, joined, sent}) EXPECT_FALSE(*this->remove(blob, later));
  EXPECT_TRUE(*this->remove(old, later));
  EXPECT_TRUE(*this->remove(old, later));
  this->expect_error(this->read(old), Errc::not_found);
  EXPECT_EQ(this->list()->size(), 4u);
}

REGISTER_TYPED_TEST_SUITE_P(BlobStoreContract, PiecesMakeABlob, AnEmptyBlobIsOneEmptyPiece, ARangeIsRead, AWrongDigestDropsTheUpload,
                            AnOffsetBeyondIsAConflict, TwoUploadsOfOneBlobHelpEachOther, NoPieceGoesBeyondItsSizeOrALimit,
                            WhoStartsOverWithAnotherSizeIsBelieved, UploadsGoOnAfterARestart, WhatADiskLostOfAnUploadIsFoundByItsDigest,
                            UnfinishedUploadsHaveALimitAndAnAge, WhatIsMissingIsTold, PartsAreJoined, AListGoesOnWhereItStopped,
                            ABlobInUseIsNotRemoved);

}  // namespace stint::contract
