#include "scheduler/api/byte_range.hpp"

#include <gtest/gtest.h>

namespace stint::scheduler::api {
namespace {

void expect(std::string_view header, std::uint64_t size, int status, ByteRange range) {
  const auto answer = read_range(header, size);
  EXPECT_EQ(answer.status, status) << header << " of " << size;
  EXPECT_EQ(answer.range, range) << header << " of " << size;
}

TEST(ByteRange, OneRangeIsAPart) {
  expect("bytes=0-0", 10, 206, {0, 1});
  expect("bytes=3-5", 10, 206, {3, 6});
  expect("bytes=3-", 10, 206, {3, 10});
  expect("bytes=3-99", 10, 206, {3, 10});
  expect("bytes=3-18446744073709551615", 10, 206, {3, 10});
  expect("bytes=-4", 10, 206, {6, 10});
  expect("bytes=-40", 10, 206, {0, 10});
}

TEST(ByteRange, WhatLiesBehindTheEndDoesNotExist) {
  expect("bytes=10-", 10, 416, {});
  expect("bytes=10-12", 10, 416, {});
  expect("bytes=-0", 10, 416, {});
  expect("bytes=0-", 0, 416, {});
  expect("bytes=-1", 0, 416, {});
}

TEST(ByteRange, EverythingElseIsTheWhole) {
  for (const auto* header : {"", "bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=5-3", "bytes=0-1,3-4", "lines=1-2", "bytes=--1",
                             "bytes=1--1", "bytes=18446744073709551616-", "bytes= 1-2"})
    expect(header, 10, 200, {0, 10});
}

}  // namespace
}  // namespace stint::scheduler::api
