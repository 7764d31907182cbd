#include "adapters/exec/keeper_protocol.hpp"

#include <gtest/gtest.h>

#include "adapters/exec/limits.hpp"
#include "base/random.hpp"

namespace stint::exec {
namespace {

ports::LaunchSpec full_spec() {
  ports::LaunchSpec spec;
  spec.ref = {{JobId{12}, 1, 2}, 3};
  spec.command = {"python3", "train.py", ""};
  spec.env = {{"PATH", "/bin"}, {"EMPTY", ""}};
  spec.workdir = "/work";
  spec.submit_boot_id = "boot";
  spec.workdir_inode = 1ULL << 60;
  spec.resources = {1500, kGiB, 2, 3};
  spec.gpus = {0, 7};
  spec.timeout = std::chrono::hours{2};
  spec.kill_grace = std::chrono::seconds{5};
  return spec;
}

std::vector<Message> one_of_each() {
  const AttemptRef ref{{JobId{12}, 1, 2}, 3};
  ports::DriverEnded ended;
  ended.ref = ref;
  ended.reason = EndReason::oom;
  ended.exit_code = -1;
  ended.detail = "limit";
  return {message::Hello{},
          message::Start{full_spec()},
          message::Stop{ref, ports::Driver::StopMode::kill},
          message::RequestOutput{ref, 2, 1ULL << 40, 5},
          message::Release{ref},
          message::ReportSeen{ref, 77},
          message::Shutdown{},
          message::Welcome{1, {42, 99, "boot"}, {"note", "another"}},
          ports::DriverHeld{ref, true},
          ports::DriverReady{},
          ports::DriverStarted{ref, 1'700'000'000'000, 42},
          ports::DriverOutput{ref, 2, 10, {1, 2, 3}},
          message::Report{ref, 100, 1, "{}\n"},
          ended,
          message::Refused{"no"},
          message::Leash{ref, std::chrono::minutes{5}},
          message::Alone{1'000'000},
          message::Prepare{full_spec()},
          message::Proceed{ref}};
}

Bytes encoded(const Message& message) {
  Bytes bytes;
  encode(message, bytes);
  return bytes;
}

TEST(KeeperProtocol, EveryMessageComesBackAsItWas) {
  for (const Message& message : one_of_each()) {
    const Bytes bytes = encoded(message);
    ByteView rest = bytes;
    const auto decoded = decode(rest);
    ASSERT_TRUE(decoded && *decoded) << message.index();
    EXPECT_TRUE(rest.empty());
    EXPECT_EQ((*decoded)->index(), message.index());
    EXPECT_EQ(encoded(**decoded), bytes);
  }
}

TEST(KeeperProtocol, ALaunchKeepsEveryField) {
  const Bytes bytes = encoded(message::Start{full_spec()});
  ByteView rest = bytes;
  const auto decoded = decode(rest);
  ASSERT_TRUE(decoded && *decoded);
  const ports::LaunchSpec& spec = std::get<message::Start>(**decoded).spec;
  const ports::LaunchSpec expected = full_spec();
  EXPECT_EQ(spec.ref, expected.ref);
  EXPECT_EQ(spec.command, expected.command);
  EXPECT_EQ(spec.env, expected.env);
  EXPECT_EQ(spec.workdir, expected.workdir);
  EXPECT_EQ(spec.submit_boot_id, expected.submit_boot_id);
  EXPECT_EQ(spec.workdir_inode, expected.workdir_inode);
  EXPECT_EQ(spec.resources, expected.resources);
  EXPECT_EQ(spec.gpus, expected.gpus);
  EXPECT_EQ(spec.timeout, expected.timeout);
  EXPECT_EQ(spec.kill_grace, expected.kill_grace);
}

TEST(KeeperProtocol, APartIsIncompleteNotWrong) {
  const Bytes bytes = encoded(message::Start{full_spec()});
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    ByteView rest{bytes.data(), size};
    const auto decoded = decode(rest);
    ASSERT_TRUE(decoded) << size;
    EXPECT_FALSE(*decoded);
    EXPECT_EQ(rest.size(), size);
  }
}

TEST(KeeperProtocol, FieldsThatDoNotFillTheMessageAreCorrupt) {
  for (const Message& message : one_of_each()) {
    for (const int change : {-1, 1}) {
      Bytes bytes = encoded(message);
      const std::size_t length = bytes.size() - 4 + static_cast<std::size_t>(change);
      if (length == 0) continue;  // a message without a type has a test of its own
      bytes.resize(bytes.size() + static_cast<std::size_t>(change));
      store_le(bytes.data(), static_cast<std::uint32_t>(length));
      ByteView rest = bytes;
      const auto decoded = decode(rest);
      ASSERT_FALSE(decoded) << message.index();
      EXPECT_EQ(decoded.error().code, Errc::corrupt);
    }
  }
}

TEST(KeeperProtocol, LengthsOutsideTheLimitsAreRefusedAtOnce) {
  for (const std::uint32_t length : {std::uint32_t{0}, std::uint32_t{limits::kMessageMax + 1}, ~std::uint32_t{0}}) {
    Bytes bytes(4);
    store_le(bytes.data(), length);
    ByteView rest = bytes;
    EXPECT_FALSE(decode(rest)) << length;
  }
}

TEST(KeeperProtocol, NoFlippedByteDoesHarm) {
  Prng random{20};
  for (const Message& message : one_of_each()) {
    for (int round = 0; round < 2000; ++round) {
      Bytes bytes = encoded(message);
      const std::size_t at = random.below(bytes.size());
      bytes[at] = static_cast<std::uint8_t>(random.next());
      ByteView rest = bytes;
      const auto decoded = decode(rest);
      if (!decoded || !*decoded) continue;
      EXPECT_LE(encoded(**decoded).size(), bytes.size() + 8);
    }
  }
}

}  // namespace
}  // namespace stint::exec
