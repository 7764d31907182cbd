#include "adapters/staging/outputs.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adapters/staging/limits.hpp"
#include "staging/staging_world.hpp"

namespace stint::staging {
namespace {

using namespace staging::testing;

TEST(Names, FilesDirectoriesAndPatterns) {
  EXPECT_TRUE(names("model.npz", "model.npz"));
  EXPECT_FALSE(names("model.npz", "x/model.npz"));
  EXPECT_TRUE(names("plots", "plots/a.png"));
  EXPECT_TRUE(names("plots/", "plots/x/a.png"));
  EXPECT_TRUE(names("./plots/./x", "plots/x/a.png"));
  EXPECT_FALSE(names("plots/", "plots")) << "a file is no directory";
  EXPECT_FALSE(names("plot", "plots/a.png"));
  EXPECT_TRUE(names("*.csv", "a.csv"));
  EXPECT_FALSE(names("*.csv", "x/a.csv")) << "within one part";
  EXPECT_FALSE(names("*.csv", ".csv")) << "no leading dot";
  EXPECT_TRUE(names("run-?/[ab].txt", "run-7/b.txt"));
  EXPECT_TRUE(names("[1].txt", "[1].txt")) << "a name that looks like a pattern names itself";
  EXPECT_TRUE(names("**/*.png", "a.png"));
  EXPECT_TRUE(names("**/*.png", "x/y/a.png"));
  EXPECT_TRUE(names("x/**", "x/y/z"));
  EXPECT_FALSE(names("x/**/z", "y/z"));
  std::string deep = "a";
  for (int i = 0; i < 200; ++i) deep += "/a";
  std::string pattern = "**";
  for (int i = 0; i < 100; ++i) pattern += "/a/**";
  EXPECT_FALSE(names(pattern + "/b", deep)) << "and it takes no time";
}

class FindOutputs : public ::testing::Test {
 protected:
  std::string find(const std::vector<std::string>& patterns) {
    const auto found = find_outputs(dir.path(), patterns);
    if (!found) return found.error().detail;
    std::string all;
    for (const auto& file : *found) all += file.path + (file.is_executable ? "* " : " ");
    return all;
  }
  TemporaryDir dir;
};

TEST_F(FindOutputs, GivesEachFileOnceInOrder) {
  for (const auto* path : {"b.csv", "a.csv", "plots/2", "plots/1", "other"}) write_text(dir.path() + "/" + path, "x");
  std::filesystem::permissions(dir.path() + "/a.csv", std::filesystem::perms::owner_all);
  EXPECT_EQ(find({"*.csv", "plots/", "a.csv", "plots/1"}), "a.csv* b.csv plots/1 plots/2 ");
}

TEST_F(FindOutputs, SaysWhatIsMissingAndWhatIsThere) {
  EXPECT_EQ(find({"x"}), "output 'x' is missing below $STINT_OUTPUTS; no file is there");
  std::filesystem::create_directory(dir.path() + "/empty");
  EXPECT_EQ(find({"empty/"}), "output 'empty/' is missing below $STINT_OUTPUTS; no file is there");
  for (int i = 0; i < 12; ++i) write_text(dir.path() + "/f" + std::to_string(10 + i), "x");
  EXPECT_EQ(find({"f10", "*.csv"}),
            "output '*.csv' is missing below $STINT_OUTPUTS; there is: f10, f11, f12, f13, f14, f15, f16, f17, f18, f19 and 2 more");
}

TEST_F(FindOutputs, FollowsLinksToFilesBelowOnly) {
  write_text(dir.path() + "/ckpt/100", "x");
  std::filesystem::create_symlink("ckpt/100", dir.path() + "/latest");
  EXPECT_EQ(find({"latest"}), "latest ");
  std::filesystem::create_symlink("/etc/passwd", dir.path() + "/out");
  EXPECT_EQ(find({"out"}), "'out' is a link that leaves the directory, to /etc/passwd: copy the file");
  EXPECT_EQ(find({"latest"}), "latest ") << "what nobody declared harms nobody";
  std::filesystem::create_symlink("nothing", dir.path() + "/broken");
  EXPECT_EQ(find({"broken"}), "'broken' is a link to nothing");
  std::filesystem::create_symlink("ckpt", dir.path() + "/folder");
  EXPECT_EQ(find({"folder"}), "'folder' is a link to a directory: declare the directory itself");
  std::filesystem::create_symlink(".", dir.path() + "/loop");
  EXPECT_EQ(find({"ckpt"}), "ckpt/100 ");
}

TEST_F(FindOutputs, ADirectoryThatTheTaskHasReplacedByALinkIsRefused) {
  std::filesystem::create_symlink("/etc", dir.path() + "/outputs");
  const auto found = find_outputs(dir.path() + "/outputs", {"passwd"});
  ASSERT_FALSE(found);
  EXPECT_NE(found.error().detail.find("the task has replaced it"), std::string::npos) << found.error().detail;
}

TEST_F(FindOutputs, RefusesWhatIsNoFileAndNamesThatCannotTravel) {
  ASSERT_EQ(mkfifo((dir.path() + "/pipe").c_str(), 0600), 0);
  EXPECT_EQ(find({"pipe"}), "'pipe' is no regular file, directory or link to one");
  write_text(dir.path() + "/bad\xff", "x");
  EXPECT_NE(find({"bad*"}).find("UTF-8"), std::string::npos);
}

/// Deeper than any path can name, and than descriptors are allowed.
void nest(const std::string& root, int depth) {
  Fd dir{open(root.c_str(), O_RDONLY | O_DIRECTORY)};
  for (int i = 0; i < depth; ++i) {
    ASSERT_EQ(mkdirat(dir.get(), "deeper", 0700), 0);
    dir = Fd{openat(dir.get(), "deeper", O_RDONLY | O_DIRECTORY)};
    ASSERT_TRUE(dir);
  }
}

TEST_F(FindOutputs, DirectoriesThatAreNestedWithoutEndAreRefusedAndCanBeRemoved) {
  nest(dir.path(), 3000);
  write_text(dir.path() + "/deeper/.moved-0/x", "a name that the removal uses");
  EXPECT_EQ(find({"deeper"}), "directories more than 64 deep, the limit");
  const auto removed = remove_tree(dir.path() + "/deeper");
  EXPECT_TRUE(removed) << removed.error().detail;
  EXPECT_FALSE(exists(dir.path() + "/deeper"));
}

TEST_F(FindOutputs, HasALimit) {
  for (std::size_t i = 0; i <= limits::kOutputFiles; ++i) write_text(dir.path() + "/d/" + std::to_string(i), "");
  EXPECT_EQ(find({"d/"}), "outputs of more than 4096 files, the limit: pack them into fewer");
}

}  // namespace
}  // namespace stint::staging
