#include "core/model/manifest.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace stint::core {
namespace {

const std::string kDigest = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

std::string line(const std::string& path, const std::string& size = "5", const std::string& mode = "644") {
  return kDigest + " " + size + " " + mode + " " + path + "\n";
}

std::string error_of(const std::string& text) {
  const auto parsed = parse_manifest(text);
  EXPECT_FALSE(parsed) << text;
  return parsed ? std::string() : parsed.error().detail;
}

ManifestFile file(const std::string& path, bool is_executable = false) { return {*parse_blob_id(kDigest), 5, is_executable, path}; }

TEST(Manifest, WhatIsPrintedIsRead) {
  const auto text = print_manifest({file("z/two words.txt"), file("run.sh", true), file("dir/été")});
  ASSERT_TRUE(text) << text.error().detail;
  EXPECT_EQ(*text, line("dir/été") + line("run.sh", "5", "755") + line("z/two words.txt"));
  const auto files = parse_manifest(*text);
  ASSERT_TRUE(files) << files.error().detail;
  EXPECT_EQ(*print_manifest(*files), *text);
  EXPECT_EQ((*files)[1], file("run.sh", true));
}

TEST(Manifest, AnEmptyTreeHasAnEmptyText) {
  EXPECT_EQ(*print_manifest({}), "");
  EXPECT_TRUE(parse_manifest("")->empty());
}

TEST(Manifest, ErrorsNameTheLine) {
  EXPECT_EQ(error_of(line("a") + line("b", "5", "777")), "manifest line 2: mode \"777\": expected 644 or 755");
  EXPECT_EQ(error_of(line("a").substr(0, 70)), "manifest line 1: the line feed at its end is missing: the text was cut");
  EXPECT_NE(error_of(line("b") + line("a")).find("manifest line 2: path \"a\" must sort after \"b\""), std::string::npos);
  EXPECT_NE(error_of(line("a") + line("a")).find("line 2"), std::string::npos);
  EXPECT_NE(error_of("\n").find("manifest line 1: digest"), std::string::npos);
}

TEST(Manifest, OneTreeHasOneText) {
  std::string upper = line("a");
  upper[0] = 'E';
  EXPECT_NE(error_of(upper).find("lower case"), std::string::npos);
  for (const auto* size : {"05", "+5", "-1", "", "1e3", "18446744073709551616"})
    EXPECT_NE(error_of(line("a", size)).find("manifest line 1: size"), std::string::npos) << size;
  EXPECT_NE(error_of(line("a", "9223372036854775808")).find("limit"), std::string::npos);
}

TEST(Manifest, NoPathLeavesTheTree) {
  const std::vector<std::string> paths{"/etc/passwd",         "..", "../a", "a/../b", "a/..", "./a", "a/.", "a//b", "a/", "",
                                       std::string(4097, 'x')};
  for (const std::string& path : paths) {
    EXPECT_FALSE(check_manifest_path(path)) << path;
    EXPECT_FALSE(print_manifest({file(path)})) << path;
    error_of(line(path));
  }
  for (const auto& path : std::vector<std::string>{"...", "a/..b", ".hidden", "a b", " ", std::string(4096, 'x')})
    EXPECT_TRUE(check_manifest_path(path)) << path;
}

TEST(Manifest, NoPathHasControlCharactersOrBrokenUtf8) {
  for (const auto& path :
       std::vector<std::string>{"a\tb", "a\x7f", "\x1b[2J", "\xff", "\xc0\xaf", "\xed\xa0\x80", "\xf5\x80\x80\x80", "a\xe2\x82"}) {
    const auto status = check_manifest_path(path);
    ASSERT_FALSE(status);
    for (const char c : status.error().detail) EXPECT_GE(static_cast<unsigned char>(c), 0x20);
  }
  EXPECT_FALSE(check_manifest_path(std::string("a\0b", 3)));
  EXPECT_TRUE(check_manifest_path("\xf0\x9f\x98\x80/\xed\x9f\xbf"));
}

TEST(Manifest, NoPathIsAFileAndADirectory) {
  EXPECT_EQ(error_of(line("a") + line("a-b") + line("a/b")), "path \"a\" is a file and the directory of another path");
  EXPECT_FALSE(print_manifest({file("x/y/z"), file("x/y"), file("x/y.txt")}));
  EXPECT_TRUE(print_manifest({file("x/y/z"), file("x/y.txt"), file("x/y2")}));
}

}  // namespace
}  // namespace stint::core
