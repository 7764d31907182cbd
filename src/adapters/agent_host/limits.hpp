#pragma once

#include <cstddef>
#include <cstdint>

#include "base/time.hpp"

/// Every bound of the agent's process, by name.
namespace stint::agent_host::limits {

inline constexpr Duration kConnectTimeout = std::chrono::seconds{10};  ///< from looking up the name to the handshake of TCP
inline constexpr Duration kLeaveTimeout = std::chrono::seconds{2};     ///< for the goodbye to leave the machine
inline constexpr Duration kLingerTimeout = std::chrono::seconds{2};    ///< for the last frames of a session that has ended
inline constexpr Duration kPaceRetry = std::chrono::milliseconds{2};   ///< until the kernel's queue is looked at again

inline constexpr std::size_t kReadBytes = std::size_t{256} << 10;    ///< of one read
inline constexpr int kReadsPerTurn = 16;                             ///< before timers and drivers have their turn
inline constexpr std::size_t kWriteBudget = std::size_t{512} << 10;  ///< sealed at once, at most: a sealed frame's time stamp is running

inline constexpr std::size_t kJournalRecordMax = std::size_t{64} << 20;  ///< a longer length is a damaged one
inline constexpr std::size_t kKeyFileMax = 64 << 10;

}  // namespace stint::agent_host::limits
