#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/result.hpp"

namespace stint::bench {

/// A relay on loopback for one plain connection, that writes down how large each frame is which the agent sends through it.
class FrameTap {
 public:
  /// `target`: HOST:PORT with a numeric IPv4 host.
  [[nodiscard]] static Result<std::unique_ptr<FrameTap>> start(const std::string& target);
  ~FrameTap();
  FrameTap(const FrameTap&) = delete;
  FrameTap& operator=(const FrameTap&) = delete;

  /// HOST:PORT for the agent.
  [[nodiscard]] std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  /// Bytes of each frame so far, header to tag, in order.
  [[nodiscard]] std::vector<std::size_t> frame_sizes() const;

 private:
  FrameTap() = default;
  void work(std::string host, std::uint16_t port);
  bool pass(int from, int to, bool is_agents);
  void note(const std::uint8_t* bytes, std::size_t size);

  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<bool> stops_ = false;
  std::vector<std::uint8_t> unread_;  ///< the beginning of a frame that is not whole
  mutable std::mutex mutex_;
  std::vector<std::size_t> sizes_;
  std::thread thread_;
};

}  // namespace stint::bench
