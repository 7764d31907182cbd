#include "adapters/staging/workers.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>

namespace stint::staging {
namespace {

/// What a job posts while everything ends is dropped: a thread that was started for it now would not be joined.
TEST(Workers, EndWhileAJobPostsOthers) {
  constexpr std::size_t kThreads = 300;
  auto workers = std::make_unique<Workers>(kThreads);
  std::atomic<bool> is_running{false};
  workers->post([&is_running, at = workers.get()] {
    is_running = true;
    for (std::size_t i = 0; i < kThreads; ++i) at->post([] {}, std::chrono::hours{1});
  });
  while (!is_running) std::this_thread::yield();
  workers.reset();
}

}  // namespace
}  // namespace stint::staging
