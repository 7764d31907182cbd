#include "adapters/files/ignore_rules.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace stint::adapters {
namespace {

TEST(Glob, StarsStopAtSlashesAndTwoStarsDoNot) {
  const std::vector<std::pair<std::string, std::string>> matching = {
      {"a", "a"},        {"*.o", "x.o"},    {"*", "abc"},      {"a*c", "abbc"},     {"a?c", "abc"},        {"[a-c]x", "bx"},
      {"[!a-c]x", "dx"}, {"[]a]", "]"},     {"[a-]", "-"},     {"\\*", "*"},        {"**/a", "a"},         {"**/a", "x/y/a"},
      {"a/**", "a/b"},   {"a/**", "a/b/c"}, {"a/**/b", "a/b"}, {"a/**/b", "a/x/b"}, {"a/**/b", "a/x/y/b"}, {"**/*.jpg", "i/j/k.jpg"},
      {"a**b", "axxb"},  {"[", "["},        {"\\!x", "!x"},    {"*/b", "a/b"},      {"**", "a/b"},         {"a\\ ", "a "}};
  for (const auto& [pattern, path] : matching) EXPECT_TRUE(matches_glob(pattern, path)) << pattern << " " << path;
  const std::vector<std::pair<std::string, std::string>> other = {
      {"a", "b"},    {"*.o", "d/x.o"}, {"a?c", "a/c"}, {"*", "a/b"},     {"a/**", "a"},   {"**/a", "xa"}, {"a**b", "a/b"}, {"[a-c]", "d"},
      {"[!/]", "/"}, {"", "a"},        {"a", ""},      {"a/**/b", "ab"}, {"[^a]x", "ax"}, {"\\*", "x"},   {"a[/]b", "a/b"}};
  for (const auto& [pattern, path] : other) EXPECT_FALSE(matches_glob(pattern, path)) << pattern << " " << path;
}

TEST(Glob, NoPatternTakesForEver) {
  std::string pattern;
  for (int i = 0; i < 100; ++i) pattern += "*a";
  EXPECT_FALSE(matches_glob(pattern + "b", std::string(2000, 'a')));
}

IgnoreRules rules(std::string_view text) {
  IgnoreRules made;
  made.add(text, "");
  return made;
}

TEST(IgnoreRules, ANameStandsForItAtAnyDepth) {
  const auto ignore = rules("*.pyc\n__pycache__/\n");
  EXPECT_TRUE(ignore.ignores("a.pyc", false));
  EXPECT_TRUE(ignore.ignores("x/y/a.pyc", false));
  EXPECT_TRUE(ignore.ignores("x/__pycache__", true));
  EXPECT_FALSE(ignore.ignores("x/__pycache__", false));
  EXPECT_FALSE(ignore.ignores("a.py", false));
}

TEST(IgnoreRules, ASlashAnchors) {
  const auto ignore = rules("/build\ndocs/out\n");
  EXPECT_TRUE(ignore.ignores("build", true));
  EXPECT_FALSE(ignore.ignores("x/build", true));
  EXPECT_TRUE(ignore.ignores("docs/out", false));
  EXPECT_FALSE(ignore.ignores("x/docs/out", false));
}

TEST(IgnoreRules, TheLastMatchCounts) {
  const auto ignore = rules("*.log\n!keep.log\n/keep.log\n");
  EXPECT_TRUE(ignore.ignores("a.log", false));
  EXPECT_FALSE(ignore.ignores("x/keep.log", false));
  EXPECT_TRUE(ignore.ignores("keep.log", false));
}

TEST(IgnoreRules, CommentsBlanksAndEscapes) {
  const auto ignore = rules("# *.c\n\n   \n\\#x\n\\!y\nz \nw\\ \nend");
  EXPECT_FALSE(ignore.ignores("a.c", false));
  EXPECT_TRUE(ignore.ignores("#x", false));
  EXPECT_TRUE(ignore.ignores("!y", false));
  EXPECT_TRUE(ignore.ignores("z", false));
  EXPECT_TRUE(ignore.ignores("w ", false));
  EXPECT_FALSE(ignore.ignores("w", false));
  EXPECT_TRUE(ignore.ignores("end", false));
  EXPECT_TRUE(rules("\xEF\xBB\xBF"
                    "a\r\nb\r\n")
                  .ignores("a", false));
}

TEST(IgnoreRules, ADeeperFileIsAskedFirstAndSpeaksOfItsDirectoryOnly) {
  auto ignore = rules("*.txt\n");
  ignore.add("!keep.txt\n/only\n", "sub");
  EXPECT_TRUE(ignore.ignores("keep.txt", false));
  EXPECT_FALSE(ignore.ignores("sub/keep.txt", false));
  EXPECT_FALSE(ignore.ignores("sub/x/keep.txt", false));
  EXPECT_TRUE(ignore.ignores("sub/only", true));
  EXPECT_FALSE(ignore.ignores("only", true));
  EXPECT_FALSE(ignore.ignores("sub/x/only", true));
  EXPECT_TRUE(ignore.ignores("subway/keep.txt", false));
}

}  // namespace
}  // namespace stint::adapters
