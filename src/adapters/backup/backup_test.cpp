#include "adapters/backup/backup.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <set>

namespace stint::backup {
namespace {

namespace fs = std::filesystem;

const std::string kBlob = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";  // SHA-256 of "abc"

class BackupTest : public ::testing::Test {
 public:
  BackupTest() {
    char name[] = "/tmp/stint-backup-XXXXXX";
    folder = ::mkdtemp(name);
    write("state/state.db", "database");
    write("state/kek", "key");
    write("state/tls.key", "key of the cell");
    write("state/tls.crt", "certificate");
    write("state/context.json", R"({"server":"http://127.0.0.1:7464","token":"t"})");
    write("state/blobs/ba/" + kBlob, "abc");
    write("state/uploads/half", "unfinished");
  }
  BackupTest(const BackupTest&) = delete;
  BackupTest& operator=(const BackupTest&) = delete;
  ~BackupTest() override { fs::remove_all(folder); }

 protected:
  void write(const std::string& name, const std::string& text) {
    fs::create_directories((folder + "/" + name).substr(0, (folder + "/" + name).rfind('/')));
    std::ofstream(folder + "/" + name) << text;
  }
  std::string read(const std::string& name) { return read_file(folder + "/" + name).value_or("nothing"); }
  std::set<std::string> names(const std::string& below) {
    std::set<std::string> found;
    for (const auto& entry : fs::recursive_directory_iterator(folder + "/" + below))
      if (entry.is_regular_file()) found.insert(entry.path().lexically_relative(folder + "/" + below).string());
    return found;
  }

  Result<Manifest> take() {
    BackupPlan plan{folder + "/state", folder + "/backup", {}, has_kek_file, {}, [this](std::uint64_t) { return goes_on; }};
    plan.manifest.version = "1";
    plan.copy_database = [this](const std::string& target, Manifest& manifest) -> Status {
      manifest.database_schema = 2;
      during_copy();
      return write_file(target, "database");
    };
    return take_backup(plan);
  }
  Result<Manifest> restore() {
    RestorePlan plan;
    plan.source = folder + "/backup";
    plan.state_dir = folder + "/fresh";
    plan.check = [this](const Manifest&) { return check; };
    plan.finish_database = [](const std::string& path) -> Status {
      EXPECT_TRUE(path.ends_with("state.db.restoring")) << path;
      return {};
    };
    plan.progress = [](std::uint64_t) { return true; };
    return restore_backup(plan);
  }
  static std::string code_of(const Result<Manifest>& result) { return result ? "ok" : std::string(to_string(result.error().code)); }

  std::string folder;
  bool goes_on = true;
  bool has_kek_file = true;
  Status check;
  std::function<void()> during_copy = [] {};
};

TEST_F(BackupTest, WhatWasThereIsThereAgain) {
  const auto manifest = take();
  ASSERT_TRUE(manifest.has_value()) << manifest.error().detail;
  EXPECT_EQ(manifest->server, "http://127.0.0.1:7464");
  const std::set<std::string> state{"state.db", "kek", "tls.key", "tls.crt", "context.json", "blobs/ba/" + kBlob};
  std::set<std::string> all = state;
  all.insert("manifest.json");
  EXPECT_EQ(names("backup"), all) << "no unfinished upload";
  ASSERT_EQ(code_of(restore()), "ok");
  EXPECT_EQ(names("fresh"), state);
  EXPECT_EQ(read("fresh/state.db"), "database");
  EXPECT_EQ(read("fresh/blobs/ba/" + kBlob), "abc");
  EXPECT_EQ(fs::status(folder + "/backup/kek").permissions() & fs::perms::others_all, fs::perms::none);
}

TEST_F(BackupTest, ABlobThatCameWhileTheDatabaseWasCopiedIsThere) {
  const std::string late = "cb" + std::string(62, '0');
  during_copy = [&] { write("state/blobs/cb/" + late, "late"); };
  ASSERT_EQ(code_of(take()), "ok");
  EXPECT_EQ(read("backup/blobs/cb/" + late), "late");
}

TEST_F(BackupTest, ABlobThatWasCollectedWhileTheDatabaseWasCopiedIsThere) {
  during_copy = [&] { fs::remove(folder + "/state/blobs/ba/" + kBlob); };
  ASSERT_EQ(code_of(take()), "ok");
  EXPECT_EQ(read("backup/blobs/ba/" + kBlob), "abc");
}

TEST_F(BackupTest, NothingIsEverOverwritten) {
  ASSERT_EQ(code_of(take()), "ok");
  EXPECT_EQ(code_of(take()), "already_exists");
  write("fresh/mine", "do not touch");
  EXPECT_EQ(code_of(restore()), "conflict");
  EXPECT_EQ(names("fresh"), std::set<std::string>{"mine"});
}

TEST_F(BackupTest, AFailedBackupLeavesNothing) {
  goes_on = false;
  EXPECT_EQ(code_of(take()), "unavailable");
  goes_on = true;
  fs::remove(folder + "/state/kek");
  EXPECT_EQ(code_of(take()), "not_found");
  std::size_t left = 0;
  for (const auto& entry : fs::directory_iterator(folder)) left += entry.path().filename() == "state" ? 0 : 1;
  EXPECT_EQ(left, 0u);
}

TEST_F(BackupTest, AKeyThatTheEnvironmentGivesIsNotInIt) {
  fs::remove(folder + "/state/kek");
  has_kek_file = false;
  ASSERT_EQ(code_of(take()), "ok");
  EXPECT_FALSE(fs::exists(folder + "/backup/kek"));
  EXPECT_EQ(code_of(restore()), "ok");
}

TEST_F(BackupTest, DamageIsFoundAndNothingIsRestored) {
  ASSERT_EQ(code_of(take()), "ok");
  for (const std::string& name : {std::string("state.db"), std::string("kek"), "blobs/ba/" + kBlob}) {
    const std::string good = read("backup/" + name);
    std::string bad = good;
    bad[0] = static_cast<char>(bad[0] ^ 1);
    fs::remove(folder + "/backup/" + name);
    write("backup/" + name, bad);
    EXPECT_EQ(code_of(restore()), "corrupt") << name;
    EXPECT_FALSE(fs::exists(folder + "/fresh")) << name;
    write("backup/" + name, good + "more");
    EXPECT_EQ(code_of(restore()), "corrupt") << name;
    write("backup/" + name, good);
  }
  fs::remove(folder + "/backup/kek");
  EXPECT_EQ(code_of(restore()), "not_found");
}

TEST_F(BackupTest, WhatTheProgramCannotUseIsRefusedBeforeAnythingIsMade) {
  ASSERT_EQ(code_of(take()), "ok");
  check = fail(Errc::unsupported, "too new");
  EXPECT_EQ(code_of(restore()), "unsupported");
  EXPECT_FALSE(fs::exists(folder + "/fresh"));
}

TEST(BackupManifest, OnlyPathsWithinTheBackupAreTaken) {
  Manifest manifest;
  manifest.files = {{"state.db", 1, kBlob}};
  ASSERT_TRUE(parse_manifest(to_json(manifest)).has_value());
  EXPECT_EQ(*parse_manifest(to_json(manifest)), manifest);
  for (const char* path : {"../state.db", "/etc/passwd", "", "a//b", "a/./b", "a/.."}) {
    manifest.files[0].path = path;
    EXPECT_FALSE(parse_manifest(to_json(manifest)).has_value()) << path;
  }
}

TEST(BackupManifest, WhatIsNoManifestIsSaidSo) {
  for (const char* text : {"", "{}", "[]", R"({"schema":"stint.backup/1"})", R"({"schema":3})"})
    EXPECT_EQ(parse_manifest(text).error().code, Errc::corrupt) << text;
  EXPECT_EQ(parse_manifest(R"({"schema":"stint.backup/2"})").error().code, Errc::unsupported);
}

}  // namespace
}  // namespace stint::backup
