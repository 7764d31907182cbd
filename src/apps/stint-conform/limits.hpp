#pragma once

#include <cstddef>

#include "base/time.hpp"

/// How long the runner waits, and why. On a loaded machine only a failing case takes these; a passing one sees what it waits for.
namespace stint::conform::limits {

inline constexpr Duration kPatience = std::chrono::seconds{25};  ///< for what the other side must do at once
inline constexpr Duration kSlack = std::chrono::seconds{8};      ///< beyond a time that the protocol names
inline constexpr Duration kQuiet = std::chrono::milliseconds{1500};  ///< that nothing may come in, where no later answer can show it
inline constexpr Duration kPause = std::chrono::milliseconds{40};  ///< after which a scheduler has nothing left to write
inline constexpr Duration kStartPatience = std::chrono::seconds{60};  ///< for an agent's process to connect
inline constexpr Duration kEndPatience = std::chrono::seconds{5};  ///< from SIGTERM to SIGKILL of an agent of ours
inline constexpr Duration kLeaseTestable = std::chrono::seconds{10};  ///< a longer lease is not waited for
inline constexpr std::size_t kReadBytes = std::size_t{64} << 10;
inline constexpr std::size_t kOutputBytes = std::size_t{64} << 10;  ///< kept of a command's output
inline constexpr int kJobsMax = 64;

}  // namespace stint::conform::limits
