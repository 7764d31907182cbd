#include "core/model/agent.hpp"

#include <gtest/gtest.h>

namespace stint::core {
namespace {

AgentOffer machine(std::vector<AgentType> types, std::vector<std::pair<std::string, std::string>> labels = {}) {
  AgentOffer offer;
  offer.types = std::move(types);
  offer.labels = std::move(labels);
  offer.drivers = {"exec"};
  return offer;
}

TEST(Terms, NoneLeaveTheOfferAsItIs) {
  const auto offer = machine({AgentType::trainer}, {{"zone", "b"}});
  EXPECT_EQ(cut_to_terms(offer, {}), offer);
}

TEST(Terms, AnAgentOfAllTypesIsOneOfThoseItsTokenAllows) {
  const auto cut = cut_to_terms(machine({}), {{AgentType::trainer, AgentType::rater}, {}});
  EXPECT_EQ(cut.types, (std::vector<AgentType>{AgentType::trainer, AgentType::rater}));
  EXPECT_TRUE(cut.notes.empty());
}

TEST(Terms, TypesBeyondThemAreCutAndSaid) {
  const auto cut = cut_to_terms(machine({AgentType::crawler, AgentType::trainer}), {{AgentType::trainer}, {}});
  EXPECT_EQ(cut.types, std::vector<AgentType>{AgentType::trainer});
  EXPECT_EQ(cut.drivers, std::vector<std::string>{"exec"});
  EXPECT_EQ(cut.notes, std::vector<std::string>{"offers crawler, trainer, its token allows trainer"});
}

TEST(Terms, AnAgentOfOtherTypesOnlyTakesNothing) {
  const auto cut = cut_to_terms(machine({AgentType::crawler}), {{AgentType::trainer}, {}});
  EXPECT_TRUE(cut.drivers.empty());
  EXPECT_EQ(cut.types, std::vector<AgentType>{AgentType::trainer});  // empty would be all
  EXPECT_EQ(cut.notes, std::vector<std::string>{"offers crawler, its token allows trainer: it takes nothing"});
}

TEST(Terms, LabelsAreThoseOfTheTokenAndNoOthers) {
  const auto cut = cut_to_terms(machine({}, {{"zone", "a"}, {"secure", "yes"}}), {{}, {{"zone", "b"}}});
  EXPECT_EQ(cut.labels, (std::vector<std::pair<std::string, std::string>>{{"zone", "b"}}));
  EXPECT_EQ(cut.notes, std::vector<std::string>{"its token sets its labels; not counted: zone=a, secure=yes"});
}

TEST(Terms, ALabelSaidAsTheTokenSaysItNeedsNoNote) {
  EXPECT_TRUE(cut_to_terms(machine({}, {{"zone", "b"}}), {{}, {{"zone", "b"}}}).notes.empty());
}

}  // namespace
}  // namespace stint::core
