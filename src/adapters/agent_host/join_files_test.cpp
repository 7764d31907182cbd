#include "adapters/agent_host/join_files.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "adapters/agent_host/key_file.hpp"
#include "adapters/agent_host/system.hpp"

namespace stint::agent_host {
namespace {

class JoinFiles : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = std::filesystem::temp_directory_path() / "stint-join-XXXXXX";
    folder_ = mkdtemp(pattern.data());
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  [[nodiscard]] std::string path(const char* name) const { return folder_ / name; }
  static unsigned mode_of(const std::string& path) {
    struct stat info{};
    return ::stat(path.c_str(), &info) == 0 ? info.st_mode & 0777 : 0;
  }

  std::filesystem::path folder_;
  KernelEntropy entropy_;
};

TEST_F(JoinFiles, TheSigningKeyIsMadeOnceForItsOwnerAlone) {
  const auto made = load_or_make_signing_key(path("a.ed25519"), entropy_);
  ASSERT_TRUE(made) << made.error().detail;
  EXPECT_EQ(*load_or_make_signing_key(path("a.ed25519"), entropy_), *made);
  EXPECT_EQ(mode_of(path("a.ed25519")), 0600U);
  EXPECT_NE(*load_or_make_signing_key(path("b.ed25519"), entropy_), *made);
}

TEST_F(JoinFiles, ASigningKeyThatOthersMayReadIsRefused) {
  ASSERT_TRUE(load_or_make_signing_key(path("a"), entropy_));
  ::chmod(path("a").c_str(), 0640);
  EXPECT_EQ(load_or_make_signing_key(path("a"), entropy_).error().code, Errc::forbidden);
}

TEST_F(JoinFiles, AFileThatHoldsSomethingElseIsNeverOverwritten) {
  std::ofstream(path("a")) << "precious\n";
  ::chmod(path("a").c_str(), 0600);
  EXPECT_EQ(load_or_make_signing_key(path("a"), entropy_).error().code, Errc::corrupt);
  std::string text;
  std::ifstream(path("a")) >> text;
  EXPECT_EQ(text, "precious");
}

TEST_F(JoinFiles, ADraftOfAnInterruptedRunIsInNobodysWay) {
  std::ofstream(path("a.new")) << "half";
  EXPECT_TRUE(load_or_make_signing_key(path("a"), entropy_));
  EXPECT_FALSE(std::filesystem::exists(path("a.new")));
}

TEST_F(JoinFiles, WhatJoiningWritesTheAgentReads) {
  JoinedKey key;
  key.server = "box:7464";
  key.token = "00112233445566aa";
  key.agent = AgentNumber{7};
  key.name = "box7";
  key.key.epoch = KeyEpoch{3};
  key.key.generation = 2;
  key.key.key.fill(0x42);
  key.tls_pins.emplace_back().spki_sha256.fill(0x17);
  ASSERT_TRUE(write_joined_key(path("k.json"), key));
  EXPECT_EQ(mode_of(path("k.json")), 0600U);
  const auto read = read_key_file(path("k.json"));
  ASSERT_TRUE(read) << read.error().detail;
  EXPECT_EQ(read->server, key.server);
  EXPECT_EQ(read->token, key.token);
  EXPECT_EQ(read->agent, key.agent);
  EXPECT_EQ(read->name, key.name);
  EXPECT_EQ(read->keys, std::vector{key.key});
  EXPECT_EQ(read->tls_pins, key.tls_pins);
}

}  // namespace
}  // namespace stint::agent_host
