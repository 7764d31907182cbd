#include "adapters/agent_host/key_file.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include "adapters/agent_host/state_lock.hpp"

namespace stint::agent_host {
namespace {

namespace fs = std::filesystem;

class StateTest : public testing::Test {
 public:
  StateTest() {
    std::string pattern = fs::temp_directory_path() / "stint-state-XXXXXX";
    folder = mkdtemp(pattern.data());
  }
  ~StateTest() override { fs::remove_all(folder); }

 protected:
  std::string write(const std::string& text, fs::perms mode = fs::perms::owner_read) {
    const auto path = folder / "key";
    fs::remove(path);
    std::ofstream{path} << text;
    fs::permissions(path, mode);
    return path;
  }
  fs::path folder;
};

const std::string kKey(64, 'a');

TEST_F(StateTest, ReadsAKeyFile) {
  const auto file = read_key_file(write(R"({"server":"h:1","agent":7,"name":"a1","key_epoch":2,"key":")" + kKey + R"(","later":1})"));
  ASSERT_TRUE(file) << file.error().detail;
  EXPECT_EQ(file->agent, AgentNumber{7});
  ASSERT_EQ(file->keys.size(), 1U);
  EXPECT_EQ(file->keys[0].epoch, KeyEpoch{2});
  EXPECT_EQ(file->server, "h:1");
  EXPECT_EQ(file->name, "a1");
  EXPECT_EQ(file->keys[0].key[31], 0xAA);
}

class KeyFilesTest : public StateTest {
 protected:
  KeyFilesTest() {
    fs::create_directory(folder / "etc");
    put(R"({"server":"h:1","agent":7,"name":"a1","key_epoch":1,"key":")" + kKey + R"(","mine":[1]})");
  }
  void put(const std::string& text) {
    fs::remove(path());
    std::ofstream{path()} << text;
    fs::permissions(path(), fs::perms::owner_read | fs::perms::owner_write);
  }
  [[nodiscard]] fs::path path() const { return folder / "etc" / "key"; }
  [[nodiscard]] KeyFiles files() const { return {path(), folder / "keys.json"}; }
  [[nodiscard]] static std::string text_of(const fs::path& file) {
    std::ifstream in{file};
    return {std::istreambuf_iterator<char>(in), {}};
  }
  static ports::HeldKey key(std::uint16_t epoch, std::uint8_t byte) {
    ports::HeldKey made{KeyEpoch{epoch}, 3, {}};
    made.key.fill(byte);
    return made;
  }
};

TEST_F(KeyFilesTest, KeysAndPinsAreReadAsTheyWereWritten) {
  const std::vector<ports::HeldKey> keys{key(2, 0xBB), key(1, 0xAA)};
  Pin pin;
  pin.spki_sha256.fill(5);
  ASSERT_TRUE(files().write_keys(keys));
  ASSERT_TRUE(files().write_pins({pin}));
  const auto file = files().read();
  ASSERT_TRUE(file) << file.error().detail;
  EXPECT_EQ(file->keys, keys);
  EXPECT_EQ(file->tls_pins, std::vector<Pin>{pin});
  EXPECT_EQ(file->server, "h:1");
  EXPECT_NE(text_of(path()).find(R"("mine":[1])"), std::string::npos) << "what else stands there stays";
  EXPECT_EQ(fs::status(path()).permissions(), fs::perms::owner_read | fs::perms::owner_write);
  EXPECT_FALSE(fs::exists(path().string() + ".new"));
  ASSERT_TRUE(files().write_keys({key(2, 0xBB)}));
  EXPECT_EQ(text_of(path()).find(kKey), std::string::npos) << "an older key is gone from the disk";
}

TEST_F(KeyFilesTest, WhereTheDirectoryTakesNoFileTheStateDirectoryHoldsThem) {
  if (geteuid() == 0) GTEST_SKIP() << "root writes everywhere";
  fs::permissions(folder / "etc", fs::perms::owner_read | fs::perms::owner_exec);
  ASSERT_TRUE(files().write_keys({key(2, 0xBB), key(1, 0xAA)}));
  ASSERT_TRUE(files().write_keys({key(2, 0xBB)}));
  const auto file = files().read();
  fs::permissions(folder / "etc", fs::perms::owner_all);
  ASSERT_TRUE(file);
  EXPECT_EQ(file->keys, std::vector<ports::HeldKey>{key(2, 0xBB)});
  EXPECT_EQ(file->name, "a1");
  put(R"({"server":"h:1","agent":7,"name":"a1","key_epoch":1,"key":")" + std::string(64, 'c') + "\"}");
  EXPECT_EQ(files().read()->keys.front().key[0], 0xCC) << "another key file: what went on from the first is over";
}

TEST_F(StateTest, NamesTheKeyThatIsWrong) {
  const auto problem = [&](const std::string& text) {
    const auto file = read_key_file(write(text));
    return file ? std::string{} : file.error().detail;
  };
  EXPECT_NE(problem("nonsense").find("JSON"), std::string::npos);
  EXPECT_NE(problem("{}").find("\"agent\""), std::string::npos);
  EXPECT_NE(problem(R"({"agent":7,"key_epoch":65536,"key":")" + kKey + "\"}").find("\"key_epoch\""), std::string::npos);
  EXPECT_NE(problem(R"({"agent":7,"key_epoch":1,"key":"abcd"})").find("\"key\""), std::string::npos);
}

TEST_F(StateTest, RefusesAKeyThatOthersMayRead) {
  const auto file = read_key_file(write("{}", fs::perms::owner_read | fs::perms::group_read));
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().code, Errc::forbidden);
  EXPECT_NE(file.error().detail.find("chmod 600"), std::string::npos);
}

TEST_F(StateTest, OneProcessPerStateDirectory) {
  const std::string dir = folder / "deep" / "state";
  {
    const auto lock = StateLock::acquire(dir);
    ASSERT_TRUE(lock) << lock.error().detail;
    const auto second = StateLock::acquire(dir);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, Errc::conflict);
    EXPECT_NE(second.error().detail.find(std::to_string(getpid())), std::string::npos);
  }
  EXPECT_TRUE(StateLock::acquire(dir)) << "let go with its holder";
}

TEST_F(StateTest, PinsAreReadAndReplacedAndTheRestStays) {
  const std::string one = "sha256:" + std::string(64, '1'), two = "sha256:" + std::string(64, '2');
  const std::string head = R"({"server":"h:1","agent":7,"name":"a1","key_epoch":2,"later":{"x":1},"key":")" + kKey + '"';
  EXPECT_TRUE(read_key_file(write(head + "}"))->tls_pins.empty()) << "a file of an earlier version";
  const auto path = write(head + R"(,"tls_pins":[")" + one + "\"]}");
  EXPECT_EQ(read_key_file(path)->tls_pins, std::vector{*parse_pin(one)});
  ASSERT_TRUE(KeyFiles(path, path + ".2").write_pins({*parse_pin(one), *parse_pin(two)}));
  const auto file = read_key_file(path);
  ASSERT_TRUE(file) << "still private: " << file.error().detail;
  EXPECT_EQ(file->tls_pins, (std::vector{*parse_pin(one), *parse_pin(two)}));
  EXPECT_EQ(file->server, "h:1");
  std::ifstream stream(path);
  const std::string text{std::istreambuf_iterator<char>(stream), {}};
  EXPECT_NE(text.find(R"("later":{"x":1})"), std::string::npos) << text;
  for (const std::string& wrong : {std::string("1"), "[\"" + one + "0\"]", std::string("[7]")})
    EXPECT_EQ(read_key_file(write(std::string(head).append(",\"tls_pins\":").append(wrong).append("}"))).error().code,
              Errc::invalid_argument)
        << wrong;
}

}  // namespace
}  // namespace stint::agent_host
