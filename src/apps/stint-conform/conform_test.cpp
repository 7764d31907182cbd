#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <sstream>
#include <string>

#include "apps/stint-conform/case.hpp"

namespace stint::conform {
namespace {

std::string normal(const std::string& text) {
  std::istringstream words{text};
  std::string out;
  for (std::string word; words >> word;) {
    if (word == "-" && !out.empty()) continue;  // of a list
    out += (out.empty() ? "" : " ") + word;
  }
  return out;
}

std::string protocol_text() {
  std::ifstream file{STINT_SOURCE_DIR "/docs/protocol.md"};
  std::stringstream text;
  text << file.rdbuf();
  return normal(text.str());
}

template <class Cases>
void expect_sentences(const Cases& cases, const std::string& document) {
  for (const auto& tried : cases) {
    EXPECT_GE(tried.sentence.size(), 12U) << tried.id;
    EXPECT_NE(document.find(normal(tried.sentence)), std::string::npos)
        << tried.id << " tests what docs/protocol.md does not say: " << tried.sentence;
  }
}

TEST(Conform, EverySentenceStandsInTheProtocol) {
  const std::string document = protocol_text();
  ASSERT_GT(document.size(), 10'000U);
  expect_sentences(scheduler_cases(), document);
  expect_sentences(agent_cases(), document);
}

TEST(Conform, IdsAreUniqueAndOfTheirSide) {
  std::set<std::string> ids;
  for (const auto& tried : scheduler_cases()) {
    EXPECT_TRUE(ids.insert(tried.id).second) << tried.id;
    EXPECT_EQ(tried.id.front(), 'S');
  }
  for (const auto& tried : agent_cases()) {
    EXPECT_TRUE(ids.insert(tried.id).second) << tried.id;
    EXPECT_EQ(tried.id.front(), 'A');
  }
  EXPECT_GE(ids.size(), 150U);
}

TEST(Conform, TitlesTellCasesApart) {
  std::set<std::string> titles;
  for (const auto& tried : scheduler_cases()) EXPECT_TRUE(titles.insert(tried.title).second) << tried.id << " " << tried.title;
  titles.clear();
  for (const auto& tried : agent_cases()) EXPECT_TRUE(titles.insert(tried.title).second) << tried.id << " " << tried.title;
}

}  // namespace
}  // namespace stint::conform
