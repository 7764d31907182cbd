#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "adapters/jobfile/job_file.hpp"

namespace stint::adapters {
namespace {

struct Case {
  std::string name;
  std::string yaml;
  std::string problems;
};

std::vector<Case> read_cases() {
  std::vector<Case> cases;
  std::ifstream stream(STINT_SOURCE_DIR "/tests/jobfiles/broken.txt");
  for (std::string line; std::getline(stream, line);) {
    if (line.starts_with("=== "))
      cases.push_back({line.substr(4), "", ""});
    else if (!cases.empty() && line.starts_with("--- "))
      cases.back().problems += line.substr(4) + "\n";
    else if (!cases.empty())
      cases.back().yaml += line + "\n";
  }
  return cases;
}

TEST(BrokenJobFiles, AreEachToldTheirPlaceAndRemedy) {
  const auto cases = read_cases();
  EXPECT_GE(cases.size(), 30U);
  for (const Case& broken : cases) {
    std::string said;
    for (const auto& problem : parse_job_file(broken.yaml).problems)
      said += std::to_string(problem.line) + ":" + std::to_string(problem.column) + ": " + problem.text + "\n";
    EXPECT_EQ(said, broken.problems) << broken.name;
  }
}

}  // namespace
}  // namespace stint::adapters
