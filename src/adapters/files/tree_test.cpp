#include "adapters/files/tree.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace stint::adapters {
namespace {

namespace fs = std::filesystem;

class TreeTest : public ::testing::Test {
 protected:
  TreeTest() {
    char name[] = "/tmp/stint-tree-XXXXXX";
    outside_ = ::mkdtemp(name);
    base_ = outside_ + "/base";
    fs::create_directory(base_);
  }
  ~TreeTest() override { fs::remove_all(outside_); }

  void write(const std::string& path, const std::string& text = "x") const {
    fs::create_directories(fs::path(base_ + "/" + path).parent_path());
    std::ofstream(base_ + "/" + path) << text;
  }
  void link(const std::string& target, const std::string& path) const { fs::create_symlink(target, base_ + "/" + path); }
  std::vector<std::string> find(const std::vector<std::string>& inputs = {"."}) const {
    const auto files = find_files(base_, inputs);
    EXPECT_TRUE(files.has_value()) << (files ? "" : files.error().detail);
    std::vector<std::string> paths;
    if (files)
      for (const auto& file : *files) paths.push_back(file.path);
    return paths;
  }
  Error refused(const std::vector<std::string>& inputs = {"."}) const {
    const auto files = find_files(base_, inputs);
    EXPECT_FALSE(files.has_value());
    return files ? Error{} : files.error();
  }
  using Paths = std::vector<std::string>;
  std::string outside_, base_;
};

TEST_F(TreeTest, FilesDirectoriesAndGlobs) {
  for (const auto* path : {"train.py", "data/a.csv", "data/deep/b.csv", "data/c.txt", "other"}) write(path);
  EXPECT_EQ(find({"train.py"}), Paths({"train.py"}));
  EXPECT_EQ(find({"./data/"}), Paths({"data/a.csv", "data/c.txt", "data/deep/b.csv"}));
  EXPECT_EQ(find({"data/*.csv"}), Paths({"data/a.csv"}));
  EXPECT_EQ(find({"data/**/*.csv", "data/a.csv"}), Paths({"data/a.csv", "data/deep/b.csv"}));
  EXPECT_EQ(find().size(), 5u);
  EXPECT_TRUE(find({}).empty());
  EXPECT_EQ(refused({"data/*.jpg"}).code, Errc::not_found);
  EXPECT_EQ(refused({"missing"}).code, Errc::not_found);
}

TEST_F(TreeTest, SizesAndModes) {
  write("run.sh", "12345");
  ::chmod((base_ + "/run.sh").c_str(), 0700);
  write("plain");
  const auto files = find_files(base_, {"."});
  ASSERT_EQ(files->size(), 2u);
  EXPECT_FALSE((*files)[0].is_executable);
  EXPECT_TRUE((*files)[1].is_executable);
  EXPECT_EQ((*files)[1].size, 5u);
}

TEST_F(TreeTest, WhatIsIgnoredStaysUnlessItIsNamed) {
  write(".gitignore", "*.o\n/build/\n!keep.o\n");
  write("sub/.stintignore", "big.bin\n!extra.o\n");
  for (const auto* path : {".git/config", "a.o", "keep.o", "build/x", "sub/big.bin", "sub/extra.o", "sub/y.o", "sub/.git/HEAD", "main.c"})
    write(path);
  EXPECT_EQ(find(), Paths({".gitignore", "keep.o", "main.c", "sub/.stintignore", "sub/extra.o"}));
  EXPECT_EQ(find({"sub"}), Paths({"sub/.stintignore", "sub/extra.o"}));
  EXPECT_EQ(find({"**/*.o"}), Paths({"keep.o", "sub/extra.o"}));
  EXPECT_EQ(find({"a.o", "sub/big.bin"}), Paths({"a.o", "sub/big.bin"}));
  EXPECT_EQ(find({"build"}), Paths({"build/x"}));
}

TEST_F(TreeTest, StintignoreCountsMoreThanGitignore) {
  write(".gitignore", "model.bin\n");
  write(".stintignore", "!model.bin\n");
  write("model.bin");
  EXPECT_EQ(find(), Paths({".gitignore", ".stintignore", "model.bin"}));
}

TEST_F(TreeTest, LinksInsideAreFollowed) {
  write("real/file");
  link("real/file", "to_file");
  link("real", "to_directory");
  EXPECT_EQ(find(), Paths({"real/file", "to_directory/file", "to_file"}));
}

TEST_F(TreeTest, LinksThatLeaveAreRefusedByName) {
  std::ofstream(outside_ + "/secret") << "x";
  link("../secret", "leak");
  const auto error = refused();
  EXPECT_EQ(error.code, Errc::forbidden);
  EXPECT_NE(error.detail.find("leak"), std::string::npos);
  EXPECT_NE(error.detail.find("/secret"), std::string::npos);
  EXPECT_EQ(refused({"leak"}).code, Errc::forbidden);
  write(".stintignore", "leak\n");
  EXPECT_EQ(find(), Paths({".stintignore"}));
}

TEST_F(TreeTest, ALinkToADirectoryOutsideIsRefused) {
  fs::create_directory(base_ + "x");
  link("../basex", "leak");
  EXPECT_EQ(refused().code, Errc::forbidden);
  EXPECT_EQ(refused({"leak"}).code, Errc::forbidden);
}

TEST_F(TreeTest, LinksToNothingAndInCirclesAreRefused) {
  link("nowhere", "dangling");
  EXPECT_EQ(refused().code, Errc::not_found);
  fs::remove(base_ + "/dangling");
  write("a/file");
  link("..", "a/up");
  EXPECT_EQ(refused().code, Errc::invalid_argument);
  fs::remove(base_ + "/a/up");
  link("loop", "loop");
  EXPECT_EQ(refused().code, Errc::invalid_argument);
}

TEST_F(TreeTest, NothingOutsideIsAnInput) {
  for (const auto* input : {"..", "../x", "/etc/passwd", "a/../../x"}) EXPECT_EQ(refused({input}).code, Errc::forbidden) << input;
  EXPECT_EQ(refused({""}).code, Errc::invalid_argument);
}

TEST_F(TreeTest, WhatIsNoFileIsRefused) {
  ASSERT_EQ(::mkfifo((base_ + "/pipe").c_str(), 0600), 0);
  EXPECT_EQ(refused().code, Errc::invalid_argument);
}

TEST_F(TreeTest, NamesThatAManifestCannotHoldAreRefused) {
  write("bad\nname");
  EXPECT_EQ(refused().code, Errc::invalid_argument);
}

}  // namespace
}  // namespace stint::adapters
