#include "base/loopback.hpp"

#include <gtest/gtest.h>

namespace stint {
namespace {

TEST(Loopback, IsWhatNeverLeavesTheMachine) {
  for (const char* host : {"localhost", "127.0.0.1", "127.1", "127.8.9.1", "127.255.0.9", "::1", "0:0:0:0:0:0:0:1"})
    EXPECT_TRUE(is_loopback(host)) << host;
}

TEST(Loopback, IsNoNameAndNoOtherAddress) {
  for (const char* host : {"", "box", "localhost.example", "127.0.0.1.example", "127.999.1.1", "127.0.0.1.5", "128.0.0.1", "0.0.0.0",
                           "10.0.0.1", "::", "::2", "fe80::1"})
    EXPECT_FALSE(is_loopback(host)) << host;
}

}  // namespace
}  // namespace stint
