#pragma once

#include <cstddef>
#include <cstdint>

#include "base/time.hpp"

/// Every bound of the core, with its name. What a job may hold is refused beyond these; nothing is cut silently.
namespace stint::core::limits {

inline constexpr std::size_t kGroupsPerJob = 1'000;             ///< entries of a job
inline constexpr std::uint32_t kTasksPerArray = 10'000'000;
inline constexpr std::size_t kNameBytes = 64;                   ///< of a task entry, an agent, a label
inline constexpr std::size_t kJobNameBytes = 200;
inline constexpr std::size_t kCommandBytes = 64 * 1024;         ///< all arguments together
inline constexpr std::size_t kEnvBytes = 64 * 1024;             ///< all names and values together
inline constexpr std::size_t kPathBytes = 4096;
inline constexpr std::size_t kLabels = 64;
inline constexpr std::size_t kLabelValueBytes = 256;
inline constexpr std::uint32_t kRetries = 1'000;
inline constexpr std::uint32_t kReschedules = 1'000'000;
inline constexpr std::size_t kMatrixAxes = 16;
inline constexpr std::size_t kMatrixValues = 10'000;            ///< of one axis
inline constexpr std::size_t kValueBytes = 4096;                ///< of one value of a matrix
inline constexpr std::uint32_t kBatchItems = 100'000;           ///< items of one task
inline constexpr std::uint32_t kOverlap = 100;                  ///< answers of different people for one item
inline constexpr std::size_t kOutputs = 1'000;                  ///< patterns of one entry
inline constexpr std::size_t kConstraints = 64;
inline constexpr std::size_t kFormBytes = 64 * 1024;
inline constexpr std::size_t kResultBytes = 64 * 1024;          ///< of one task's result
inline constexpr std::size_t kItemBytes = 64 * 1024;            ///< of one item
inline constexpr std::size_t kBatchBytes = 256 * 1024;          ///< of the items of one task together
inline constexpr std::int32_t kPriority = 1'000'000;            ///< from -kPriority to kPriority
inline constexpr std::int64_t kCpuMillis = 1'000'000'000;       ///< a million cores
inline constexpr std::int64_t kGpus = 1'000'000;
inline constexpr std::int64_t kBytes = std::int64_t{1} << 60;   ///< memory, storage
inline constexpr Duration kTimeout = std::chrono::hours{24 * 366};

inline constexpr Duration kDrainDeadline = std::chrono::hours{24 * 366};

inline constexpr std::size_t kLiveAttempts = 3;                 ///< of one task (promise 2)
inline constexpr std::uint32_t kAgentAttempts = 65'536;         ///< at one agent at once, if it announces no smaller window
/// Tasks may wait at an agent if those of their entry ran shorter than this: what they wait behind is over soon.
inline constexpr Duration kShortTask = std::chrono::milliseconds{250};
inline constexpr std::uint32_t kQueuedPerRunning = 2;           ///< short tasks that wait at an agent for each that runs there
inline constexpr std::size_t kClassesAsked = 32;                ///< shapes looked at to find what may be queued at an agent
inline constexpr std::size_t kQueuesAsked = 8;                  ///< agents looked at to find what another could begin at once
inline constexpr std::uint64_t kJobId = std::uint64_t{1} << 27; ///< ids are positions in a table; a greater one in the store is corrupt
inline constexpr std::uint64_t kAgentNumber = std::uint64_t{1} << 24;

inline constexpr Duration kBackoffFirst = std::chrono::seconds{1};  ///< doubles with each further try
inline constexpr Duration kBackoffMax = std::chrono::seconds{60};
inline constexpr Duration kLease = std::chrono::seconds{90};        ///< three heartbeats: how late an agent may notice that it is alone

}  // namespace stint::core::limits
