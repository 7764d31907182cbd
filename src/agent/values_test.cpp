#include "agent/values.hpp"

#include <gtest/gtest.h>

namespace stint::agent {
namespace {

protocol::AssignedExtra make_extra(std::string item = "", bool is_batch = false) {
  protocol::AssignedExtra extra;
  extra.item = std::move(item);
  extra.is_batch = is_batch;
  extra.values = {{"matrix.lr", "0.1"}, {"matrix.seed", "${{ index }}"}};
  return extra;
}

std::string fill(std::string_view text, const protocol::AssignedExtra& extra) {
  const auto filled = fill_in(text, Values{&extra, 7});
  return filled ? *filled : "refused: " + filled.error().detail;
}

TEST(Values, StandForWhatTheAssignmentSays) {
  EXPECT_EQ(fill("--lr ${{ matrix.lr }} -n ${{index}}.${{ index }}", make_extra()), "--lr 0.1 -n 7.7");
  EXPECT_EQ(fill("plain $HOME ${X} {{ y }}", make_extra()), "plain $HOME ${X} {{ y }}");
  EXPECT_EQ(fill("", make_extra()), "");
}

TEST(Values, AreNotLookedAtAgain) { EXPECT_EQ(fill("${{ matrix.seed }}", make_extra()), "${{ index }}"); }

TEST(Values, AnItemIsTextAndMayBeAnObject) {
  EXPECT_EQ(fill("<${{ item }}>", make_extra("a b; rm -rf")), "<a b; rm -rf>");
  const auto object = make_extra(R"({"url":"http://x/\u0031","size":{"w":3,"tags":["a",1.5]},"ok":true})");
  EXPECT_EQ(fill("${{ item.url }} ${{ item.size.w }} ${{ item.ok }}", object), "http://x/1 3 true");
  EXPECT_EQ(fill("${{ item.size }}", object), R"({"w":3,"tags":["a",1.5E0]})");
}

TEST(Values, WhatStandsForNothingIsRefusedByName) {
  EXPECT_EQ(fill("${{ matrix.depth }}", make_extra()), "refused: ${{ matrix.depth }} stands for nothing in this attempt");
  EXPECT_EQ(fill("${{ item.url }}", make_extra("plain")), "refused: ${{ item.url }}: the item is no JSON object with it: plain");
  EXPECT_EQ(fill("${{ item.a.b }}", make_extra(R"({"a":1})")), "refused: ${{ item.a.b }}: the item is no JSON object with it: {\"a\":1}");
  EXPECT_EQ(fill("${{ item }}", make_extra("a\nb\n", true)),
            "refused: ${{ item }}: this attempt has a batch of items; $STINT_ITEM names their file");
  EXPECT_EQ(fill("x ${{ index", make_extra()), "refused: '${{ index': }} is missing");
  const auto nothing = fill_in("${{ item }}", Values{nullptr, 0});
  ASSERT_FALSE(nothing);
  EXPECT_EQ(fill_in("${{ index }}", Values{nullptr, 3}).value(), "3");
}

}  // namespace
}  // namespace stint::agent
