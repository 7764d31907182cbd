#include "scheduler/api/blobs.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json.hpp>
#include <string>
#include <vector>

#include "hash/sha256.hpp"
#include "scheduler/limits.hpp"
#include "scheduler/test_world.hpp"

namespace stint::scheduler {
namespace {

using testing::Heard;
using testing::World;

std::string hex_of(const std::string& text) { return to_hex(blob_id_of(as_bytes(text))); }

std::string target(const std::string& hex, std::uint64_t offset, std::uint64_t size) {
  return "/v1/blobs/" + hex + "?offset=" + std::to_string(offset) + "&size=" + std::to_string(size);
}

class BlobRoutes : public ::testing::Test {
 protected:
  const Heard& patch(const std::string& hex, std::uint64_t offset, std::uint64_t size, const std::string& bytes) {
    return world_.call("PATCH", target(hex, offset, size), bytes);
  }
  const Heard& get(const std::string& hex, const std::string& range = {}) {
    world_.range = range;
    const auto& heard = world_.call("GET", "/v1/blobs/" + hex);
    world_.range.clear();
    return heard;
  }
  static void expect_upload(const Heard& heard, std::uint64_t offset, bool is_complete) {
    ASSERT_EQ(heard.status(), 200) << heard.response.body;
    EXPECT_EQ(heard.json(), (boost::json::object{{"offset", offset}, {"complete", is_complete}})) << heard.response.body;
  }
  static void expect_problem(const Heard& heard, int status, const std::string& code) {
    ASSERT_EQ(heard.status(), status) << heard.response.body;
    EXPECT_EQ(heard.json().at("code").as_string(), code);
    EXPECT_FALSE(heard.json().at("detail").as_string().empty());
  }
  World world_;
};

TEST_F(BlobRoutes, ABlobGoesUpInPiecesAndComesBackWhole) {
  std::string text(300'000, 'a');
  for (std::size_t i = 0; i < text.size(); i += 7) text[i] = static_cast<char>(i);
  const auto hex = hex_of(text);
  expect_upload(world_.call("GET", "/v1/blobs/" + hex + "/upload"), 0, false);
  expect_upload(patch(hex, 0, text.size(), text.substr(0, 200'000)), 200'000, false);
  expect_problem(get(hex), 404, "not_found");
  expect_upload(world_.call("GET", "/v1/blobs/" + hex + "/upload"), 200'000, false);
  expect_upload(patch(hex, 200'000, text.size(), text.substr(200'000)), 300'000, true);
  expect_upload(world_.call("GET", "/v1/blobs/" + hex + "/upload"), 300'000, true);

  const auto& whole = get(hex);
  EXPECT_EQ(whole.status(), 200);
  EXPECT_EQ(whole.response.content_length, 300'000u);
  EXPECT_EQ(whole.header("Accept-Ranges"), "bytes");
  EXPECT_TRUE(whole.has_ended);
  EXPECT_EQ(whole.stream, text);
}

TEST_F(BlobRoutes, ARangeComesBack) {
  const std::string text = "0123456789";
  expect_upload(patch(hex_of(text), 0, 10, text), 10, true);
  const auto& part = get(hex_of(text), "bytes=3-5");
  EXPECT_EQ(part.status(), 206);
  EXPECT_EQ(part.header("Content-Range"), "bytes 3-5/10");
  EXPECT_EQ(part.stream, "345");
  const auto& beyond = get(hex_of(text), "bytes=10-");
  expect_problem(beyond, 416, "out_of_range");
  EXPECT_EQ(beyond.header("Content-Range"), "bytes */10");
  const auto& head = world_.call("HEAD", "/v1/blobs/" + hex_of(text));
  EXPECT_EQ(head.status(), 200);
  EXPECT_EQ(head.response.content_length, 10u);
  EXPECT_TRUE(head.response.body.empty());
}

TEST_F(BlobRoutes, AnEmptyBlobIsOneEmptyPatch) {
  expect_upload(patch(hex_of(""), 0, 0, ""), 0, true);
  const auto& whole = get(hex_of(""));
  EXPECT_EQ(whole.status(), 200);
  EXPECT_TRUE(whole.has_ended);
  EXPECT_EQ(whole.stream, "");
}

TEST_F(BlobRoutes, AWrongOffsetIsAnsweredWithTheRightOne) {
  const auto hex = hex_of("hello");
  expect_problem(patch(hex, 3, 5, "lo"), 409, "conflict");
  expect_upload(patch(hex, 0, 5, "he"), 2, false);
  for (const std::uint64_t offset : {0, 1, 3, 5}) {
    const auto& heard = patch(hex, offset, 5, "");
    expect_problem(heard, 409, "conflict");
    EXPECT_EQ(heard.json().at("offset"), 2) << offset;
  }
  expect_upload(patch(hex, 2, 5, "llo"), 5, true);
}

TEST_F(BlobRoutes, AnotherSizeStartsOver) {
  const auto hex = hex_of("hello");
  expect_upload(patch(hex, 0, 9, "poison"), 6, false);
  const auto& heard = patch(hex, 6, 7, "x");
  expect_problem(heard, 409, "conflict");
  EXPECT_EQ(heard.json().at("offset"), 0);
  expect_upload(patch(hex, 0, 5, "hello"), 5, true);
}

TEST_F(BlobRoutes, AWrongDigestIsItsOwnError) {
  expect_problem(patch(hex_of("right"), 0, 5, "wrong"), 422, "digest_mismatch");
  expect_upload(world_.call("GET", "/v1/blobs/" + hex_of("right") + "/upload"), 0, false);
}

TEST_F(BlobRoutes, APieceOfACompleteBlobIsNotRead) {
  expect_upload(patch(hex_of("hello"), 0, 5, "hello"), 5, true);
  expect_upload(patch(hex_of("hello"), 0, 5, "other"), 5, true);
  expect_upload(patch(hex_of("hello"), 3, 7, "over"), 5, true);
  EXPECT_EQ(get(hex_of("hello")).stream, "hello");
}

TEST_F(BlobRoutes, TwoClientsHelpEachOther) {
  std::string text(4 * ports::limits::kHttpChunk, 'z');
  const auto hex = hex_of(text);
  const auto first = world_.send("PATCH", target(hex, 0, text.size()), text);
  const auto second = world_.send("PATCH", target(hex, 0, text.size()), text);
  world_.settle();
  expect_upload(world_.heard(first), text.size(), true);
  expect_upload(world_.heard(second), text.size(), true);
  EXPECT_EQ(get(hex).stream, text);
}

TEST_F(BlobRoutes, NamesAndNumbersAreChecked) {
  const auto hex = hex_of("hello");
  for (const std::string& name : {std::string("12"), hex.substr(1), hex + "0", "g" + hex.substr(1), std::string("..")}) {
    expect_problem(get(name), 400, "invalid_argument");
    expect_problem(patch(name, 0, 5, "hello"), 400, "invalid_argument");
    expect_problem(world_.call("GET", "/v1/blobs/" + name + "/upload"), 400, "invalid_argument");
  }
  for (const std::string query :
       {"", "?offset=0", "?size=5", "?offset=-1&size=5", "?offset=0&size=-5", "?offset=x&size=5", "?offset=&size=5", "?offset=6&size=5",
        "?offset=1&size=5", "?offset=18446744073709551615&size=18446744073709551615", "?offset=0&size=18446744073709551616"})
    expect_problem(world_.call("PATCH", "/v1/blobs/" + hex + query, "hello"), 400, "invalid_argument");
  for (const std::string size : {"9223372036854775808", "18446744073709551615", "1099511627777"})
    expect_problem(world_.call("PATCH", "/v1/blobs/" + hex + "?offset=0&size=" + size, "hello"), 413, "out_of_range");
  expect_upload(world_.call("GET", "/v1/blobs/" + hex + "/upload"), 0, false);
}

TEST_F(BlobRoutes, WhatIsMissingIsTold) {
  expect_upload(patch(hex_of("here"), 0, 4, "here"), 4, true);
  const auto& heard = world_.call("POST", "/v1/blobs/missing", R"({"blobs":[")" + hex_of("here") + R"(",")" + hex_of("not") + R"("]})");
  EXPECT_EQ(heard.json(), (boost::json::object{{"missing", boost::json::array{hex_of("not")}}})) << heard.response.body;
  for (const std::string body : {"", "[]", "{}", R"({"blobs":1})", R"({"blobs":[1]})", R"({"blobs":["12"]})", R"({"blobs":[],"more":1})"})
    expect_problem(world_.call("POST", "/v1/blobs/missing", body), 400, "invalid_argument");
  boost::json::array many(ports::limits::kBlobQueryMax + 1, boost::json::value(hex_of("x")));
  expect_problem(world_.call("POST", "/v1/blobs/missing", boost::json::serialize(boost::json::object{{"blobs", many}})), 413,
                 "out_of_range");
}

TEST_F(BlobRoutes, AFullDiskTakesNothingAndLosesNothing) {
  const auto hex = hex_of("hello");
  expect_upload(patch(hex, 0, 5, "he"), 2, false);
  world_.blob_files->room = 0;
  expect_problem(patch(hex, 2, 5, "llo"), 507, "no_space");
  expect_problem(patch(hex_of("other"), 0, 5, "other"), 507, "no_space");
  world_.blob_files->room = 100;
  expect_upload(patch(hex, 2, 5, "llo"), 5, true);
}

TEST_F(BlobRoutes, OnlySoManyAreOnTheirWayAtOnce) {
  std::vector<ports::RequestId> waiting;
  for (std::size_t i = 0; i < limits::kBlobTransfers; ++i) {
    const auto text = std::to_string(i);
    waiting.push_back(world_.send("PATCH", target(hex_of(text), 0, text.size()), text));
  }
  const auto refused = world_.send("PATCH", target(hex_of("hello"), 0, 5), "hello");
  const auto refused_too = world_.send("GET", "/v1/blobs/" + hex_of("hello"));
  world_.settle();
  for (const auto id : {refused, refused_too}) {
    expect_problem(world_.heard(id), 503, "unavailable");
    EXPECT_EQ(world_.heard(id).header("Retry-After"), "1");
  }
  for (const auto id : waiting) EXPECT_EQ(world_.heard(id).status(), 200);
  expect_upload(patch(hex_of("hello"), 0, 5, "hello"), 5, true);
}

TEST_F(BlobRoutes, AClientThatLeavesFreesItsPlace) {
  for (std::size_t i = 0; i < limits::kBlobTransfers; ++i) world_.leave(world_.send("PATCH", target(hex_of(std::to_string(i)), 0, 9), "x"));
  world_.settle();
  expect_upload(patch(hex_of("hello"), 0, 5, "hello"), 5, true);
}

TEST_F(BlobRoutes, ABlobThatVanishesWhileItIsSentIsCut) {
  const std::string text(10 * ports::limits::kHttpChunk, 'v');
  ASSERT_EQ(patch(hex_of(text), 0, text.size(), text).status(), 200);
  world_.readers_read = false;
  const auto& cut = get(hex_of(text));
  world_.blob_files->blobs.clear();
  world_.readers_read = true;
  world_.settle();
  EXPECT_TRUE(cut.is_aborted);
  EXPECT_FALSE(cut.has_ended);
}

}  // namespace
}  // namespace stint::scheduler
