#include "core/placement/capacity_index.hpp"

#include <gtest/gtest.h>

#include "base/random.hpp"

namespace stint::core {
namespace {

const std::vector<Refusal> kNoRefusals;

AgentOffer make_offer(const Resources& resources) {
  AgentOffer offer;
  offer.resources = resources;
  offer.drivers = {"exec"};
  return offer;
}

Shape make_demand(const Resources& resources) {
  Shape shape;
  shape.driver = "exec";
  shape.resources = resources;
  return shape;
}

TEST(CapacityIndex, AsksTheFullestAgentThatFitsFirst) {
  CapacityIndex index;
  const AgentOffer offer = make_offer({8000, kGiB, 0, 0});
  for (std::uint64_t i = 1; i <= 3; ++i) {
    index.describe(AgentNumber{i}, offer);
    index.put(AgentNumber{i}, {static_cast<std::int64_t>(i) * 1000, kGiB, 0, 0});
  }
  const Shape demand = make_demand({1500, 0, 0, 0});
  CapacityIndex::Walk walk{index, demand, kNoRefusals};
  EXPECT_EQ(walk.find(), AgentNumber{2});
  index.put(AgentNumber{2}, {500, kGiB, 0, 0});
  EXPECT_EQ(walk.find(), AgentNumber{3});
  index.put(AgentNumber{3}, {1500, kGiB, 0, 0});
  EXPECT_EQ(walk.find(), AgentNumber{3});
  index.put(AgentNumber{3}, {0, kGiB, 0, 0});
  EXPECT_EQ(walk.find(), std::nullopt);
}

TEST(CapacityIndex, LeavesAgentsOutThatDoNotTakeWork) {
  CapacityIndex index;
  const AgentOffer offer = make_offer({8000, 0, 0, 0});
  const Shape demand = make_demand({1000, 0, 0, 0});
  index.describe(AgentNumber{1}, offer);
  EXPECT_FALSE(index.fits(AgentNumber{1}, demand, {}));
  index.put(AgentNumber{1}, {8000, 0, 0, 0});
  EXPECT_TRUE(index.fits(AgentNumber{1}, demand, {}));
  EXPECT_FALSE(index.fits(AgentNumber{1}, demand, {{AgentNumber{1}, "no such directory"}}));
  index.remove(AgentNumber{1});
  EXPECT_FALSE(index.fits(AgentNumber{1}, demand, {}));
  EXPECT_EQ(CapacityIndex::Walk(index, demand, kNoRefusals).find(), std::nullopt);
}

/// A walk places exactly what asking every agent each time would place, and never where it does not fit.
TEST(CapacityIndex, PlacesAsManyAsAPlainSearch) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    Prng draw{seed};
    CapacityIndex index;
    std::vector<AgentOffer> offers;
    std::vector<Resources> free;
    for (int i = 0; i < 12; ++i) {
      free.push_back({static_cast<std::int64_t>(draw.below(8)) * 500, static_cast<std::int64_t>(draw.below(5)),
                      static_cast<std::int64_t>(draw.below(3)), 0});
      offers.push_back(make_offer(free.back()));
      if (draw.chance(1, 3)) offers.back().types = {AgentType::trainer};
    }
    const Shape demand = make_demand({static_cast<std::int64_t>(1 + draw.below(3)) * 500, static_cast<std::int64_t>(draw.below(2)),
                                      static_cast<std::int64_t>(draw.below(2)), 0});
    std::int64_t expected = 0;
    for (std::size_t i = 0; i < offers.size(); ++i) {
      index.describe(AgentNumber{i + 1}, offers[i]);
      index.put(AgentNumber{i + 1}, free[i]);
      for (Resources left = free[i]; left.covers(demand.resources); left -= demand.resources) ++expected;
    }
    std::int64_t placed = 0;
    CapacityIndex::Walk walk{index, demand, kNoRefusals};
    for (auto agent = walk.find(); agent; agent = walk.find(), ++placed) {
      Resources& left = free[agent->value - 1];
      ASSERT_TRUE(left.covers(demand.resources)) << "seed " << seed;
      left -= demand.resources;
      index.put(*agent, left);
    }
    EXPECT_EQ(placed, expected) << "seed " << seed;
  }
}

TEST(SeesWorkdir, TakesSharedPathsByWholeNames) {
  AgentOffer offer;
  offer.boot_id = "here";
  offer.shared_paths = {"/data/"};
  Shape shape;
  EXPECT_TRUE(sees_workdir(offer, shape));
  shape.boot_id = "elsewhere";
  for (const char* path : {"/data", "/data/a", "/data/a/b"}) {
    shape.workdir = path;
    EXPECT_TRUE(sees_workdir(offer, shape)) << path;
  }
  shape.workdir = "/database";
  EXPECT_FALSE(sees_workdir(offer, shape));
  shape.boot_id = "here";
  EXPECT_TRUE(sees_workdir(offer, shape));
}

}  // namespace
}  // namespace stint::core
