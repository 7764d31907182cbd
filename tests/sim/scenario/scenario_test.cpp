// Plays tests/scenarios/*.txt, and tries what becomes of texts that are wrong.
#include "sim/scenario/scenario.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

namespace stint::sim::scenario {
namespace {

std::vector<std::filesystem::path> scenario_files() {
  std::vector<std::filesystem::path> files;
  for (const char* folder : {"tests/scenarios", "examples/scenarios"})
    for (const auto& entry : std::filesystem::directory_iterator(std::filesystem::path{STINT_SOURCE_DIR} / folder))
      if (entry.path().extension() == ".txt") files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

class ScenarioTest : public ::testing::TestWithParam<std::filesystem::path> {};

TEST_P(ScenarioTest, Plays) {
  std::ifstream in{GetParam()};
  ASSERT_TRUE(in);
  Scenario scenario{{}};
  for (std::string line; std::getline(in, line);) {
    const auto played = scenario.play(line);
    ASSERT_TRUE(played) << GetParam().filename() << ": " << played.error().detail;
  }
  scenario.finish();
  for (const auto& failure : scenario.failures()) ADD_FAILURE() << GetParam().filename() << ": " << failure;
  EXPECT_GT(scenario.expectations(), 0U) << "a scenario that expects nothing shows nothing";
}

std::string test_name(const ::testing::TestParamInfo<std::filesystem::path>& info) {
  std::string name = info.param.stem().string();
  std::replace_if(name.begin(), name.end(), [](char c) { return !std::isalnum(static_cast<unsigned char>(c)); }, '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Core, ScenarioTest, ::testing::ValuesIn(scenario_files()), test_name);

/// Plays a text; what it fails with, the first if it is several.
std::string first_failure(std::initializer_list<const char*> lines, std::vector<std::string>* told = nullptr) {
  Scenario scenario{[told](const std::string& line) {
    if (told != nullptr) told->push_back(line);
  }};
  for (const char* line : lines)
    if (const auto played = scenario.play(line); !played) return played.error().detail;
  scenario.finish();
  return scenario.failures().empty() ? std::string() : scenario.failures().front();
}

TEST(Scenario, NamesTheWordThatCannotBeRead) {
  EXPECT_EQ(first_failure({"agnet a1"}), "line 1, column 1: \"agnet\" is no word that a line begins with; did you mean \"agent\"?");
  EXPECT_EQ(first_failure({"", "agent a1 cpu=4x"}), "line 2, column 14: \"4x\" has an unknown unit; known: m Ki Mi Gi Ti G");
  EXPECT_EQ(first_failure({"agent a1 cpus=4"}), "line 1, column 10: \"cpus\" is not known here; did you mean \"cpu\"?");
  EXPECT_EQ(first_failure({"agent"}), "line 1, column 1: \"agent\" wants a name behind it");
  EXPECT_EQ(first_failure({"submit j | b needs=a"}), "line 1, column 20: \"a\" is no entry that stands before this one");
  EXPECT_EQ(first_failure({"drain a1"}), "line 1, column 7: \"a1\" is no agent that was there before");
  EXPECT_EQ(first_failure({"run 5"}), "line 1, column 5: \"5\" has no unit that is known: ms s m h d");
  EXPECT_EQ(first_failure({"agent a cpu=99999999999999999"}), "line 1, column 13: \"99999999999999999\" is too large");
  EXPECT_EQ(first_failure({"run 9999999d"}), "line 1, column 5: \"9999999d\" is negative, or longer than a scenario may last: ten years");
  EXPECT_EQ(first_failure({"advance 3000d", "advance 3000d"}),
            "line 2, column 9: \"3000d\" goes beyond what a scenario may last: ten years");
  EXPECT_EQ(first_failure({"expect plased 1"}), "line 1, column 8: \"plased\" is nothing to expect; did you mean \"placed\"?");
}

TEST(Scenario, SaysWhatWasThereInsteadOfWhatWasExpected) {
  EXPECT_EQ(first_failure({"agent a1 cpu=1", "submit j", "place", "expect task 1.main completed"}),
            "line 4, \"expect task 1.main completed\": it is pending");
  EXPECT_EQ(first_failure({"register a1", "register a1", "place"}),
            "line 3, \"place\": nobody expected the error of the line before: an agent is named a1 already; choose another name or revoke "
            "that one");
}

TEST(Scenario, LetsAgentsDoTheWorkAndTellsOfIt) {
  std::vector<std::string> told;
  EXPECT_EQ(first_failure({"agents box 2 cpu=2", "submit j array=0-5 takes=10m", "run 15m", "expect job 1 running completed=4 running=2",
                           "run 1h", "expect job 1 completed completed=6"},
                          &told),
            "");
  const std::vector<std::string> wanted{"00:00:00  agent box1 connects",          "00:00:00  agent box2 connects",
                                        "00:00:00  job 1, j, is submitted",       "00:00:00  1.main.0@1 placed on box1",
                                        "00:00:00  1.main.1@1 placed on box1",    "00:00:00  1.main.2@1 placed on box2",
                                        "00:00:00  1.main.3@1 placed on box2",    "00:10:00  1.main.0@1 completed on box1",
                                        "00:10:00  1.main.1@1 completed on box1", "00:10:00  1.main.2@1 completed on box2",
                                        "00:10:00  1.main.3@1 completed on box2", "00:10:00  1.main.4@1 placed on box1",
                                        "00:10:00  1.main.5@1 placed on box1",    "00:20:00  1.main.4@1 completed on box1",
                                        "00:20:00  1.main.5@1 completed on box1", "00:20:00  job 1 completed"};
  EXPECT_EQ(told, wanted);
}

TEST(Scenario, HasAgentsThatGoComeBackWithWhatTheyHold) {
  EXPECT_EQ(first_failure({"agent a1 cpu=1", "submit j takes=10m lost_after=1h", "run 5m", "disconnect a1", "run 20m",
                           "expect task 1.main running live=1", "back a1", "run 1m", "expect job 1 completed"}),
            "");
}

}  // namespace
}  // namespace stint::sim::scenario
