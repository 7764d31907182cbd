#pragma once

#include <cstddef>
#include <cstdint>

#include "base/time.hpp"

namespace stint::scheduler::limits {

inline constexpr std::size_t kReplyItemsMax = 1000;                 ///< of one page of a list
inline constexpr std::size_t kReplyItemsDefault = 100;
inline constexpr std::size_t kStreamBytesMax = std::size_t{256} << 10;  ///< of one write to a log or event stream
inline constexpr std::size_t kStreamsMax = 1000;                    ///< log and event streams open at once
inline constexpr std::size_t kBlobTransfers = 128;                  ///< bodies and answers of blobs on their way at once
inline constexpr Duration kBlobGrace = std::chrono::hours{24};
inline constexpr Duration kBlobSweepFirst = std::chrono::minutes{1};  ///< after a start
inline constexpr Duration kBlobSweepPeriod = std::chrono::hours{1};
inline constexpr Duration kBlobSweepSlice = std::chrono::seconds{1};  ///< between two slices of a sweep
inline constexpr std::size_t kBlobSweepEntries = 1000;              ///< of one slice
inline constexpr Duration kBlobMarkPause = std::chrono::milliseconds{20};  ///< between two slices of finding out what is wanted
inline constexpr int kBlobMarkSteps = 32;                           ///< of one slice
inline constexpr std::size_t kLiveBlobsMax = std::size_t{32} << 20;  ///< ids in memory while a sweep goes on: 1 GiB
inline constexpr std::size_t kLogTailMax = std::size_t{1} << 20;    ///< of each stream, in one answer with `tail_bytes`
inline constexpr std::size_t kEventRingMax = 16384;  ///< events kept in memory for followers; older ones come from the store
inline constexpr std::size_t kLogEndsMax = 100'000;  ///< attempts whose log end is remembered; others are looked up again
inline constexpr std::size_t kLinksMax = 20'000;
inline constexpr std::int64_t kHeartbeatsPerSecond = 500;  ///< of all agents; more of them speak less often each
inline constexpr Duration kHeartbeatMax = std::chrono::seconds{30};  ///< a third of core::limits::kLease
inline constexpr std::size_t kHeartbeatJitterFrom = 100;  ///< sessions
inline constexpr std::size_t kAgentNameMax = 64;
inline constexpr std::size_t kTokenNameMax = 64;
inline constexpr Duration kRekeyPeriod = std::chrono::minutes{1};  ///< an offered key is offered again until the agent uses it
inline constexpr std::chrono::milliseconds kRetiredKeyLife =
    std::chrono::hours{24 * 90};  ///< how long a retired epoch still gets a newer key
inline constexpr Duration kKeyGraceMin = std::chrono::seconds{1};
inline constexpr Duration kKeyGraceMax = std::chrono::hours{24} * 90;
inline constexpr Duration kKeyCheckPeriod = std::chrono::hours{1};  ///< at most between two looks at the wall clock, which may be set
inline constexpr std::size_t kTokensMax = 10'000;  ///< of the API, valid at once
inline constexpr Duration kTokenLifeMax = std::chrono::hours{24} * 365 * 100;  ///< longer ones are meant to have no end
inline constexpr Duration kTokenCheckPeriod = std::chrono::seconds{1};  ///< streams of a token that has ended end that late
inline constexpr std::size_t kEnrolmentsAtOnce = 1000;  ///< connections; the next one is ended without an answer, and its agent asks again
inline constexpr std::size_t kEnrolTokensMax = 10'000;  ///< usable at once
inline constexpr Duration kEnrolTokenLife = std::chrono::minutes{15};  ///< if nothing else is asked for
inline constexpr Duration kEnrolTokenLifeMax = std::chrono::hours{24} * 30;
inline constexpr Duration kEnrolTokenKept =
    std::chrono::hours{24} * 7;  ///< after its end: until then who uses it is told why it is refused
inline constexpr Duration kEnrolForgetPeriod = std::chrono::hours{1};
inline constexpr std::size_t kJobSpecBytesMax = std::size_t{4} << 20;
inline constexpr Duration kReportPeriod = std::chrono::seconds{1};  ///< at most one stored progress report per attempt and period
inline constexpr Duration kReopenPeriod = std::chrono::seconds{2};  ///< between tries to write after the disk was full
inline constexpr std::uint32_t kLogCredit = 64;  ///< chunks an agent may have on their way
inline constexpr std::uint32_t kReportCredit = 256;
inline constexpr std::size_t kAssignmentsPerMessage = 1024;
inline constexpr std::size_t kResultsAtOnce = 32;  ///< read from the store: each may have 64 KiB, and 256 KiB of items beside it
inline constexpr std::size_t kResultPageBytes = std::size_t{4} << 20;  ///< of one page of results, but for the last ones
inline constexpr std::size_t kPreparationsAtOnce = 4;  ///< of entries: each may hold a list of 64 MiB
inline constexpr int kPrepareSteps = 8;  ///< of one turn
inline constexpr Duration kPreparePause = std::chrono::seconds{5};  ///< before the next try, when the disk was full or the store busy
inline constexpr std::uint32_t kClaimsMax = 1000;  ///< tasks of one claim
inline constexpr Duration kClaimLeaseDefault = std::chrono::minutes{15};  ///< how long a person may take for what was claimed
inline constexpr Duration kClaimLeaseMax = std::chrono::hours{24 * 7};
inline constexpr Duration kClaimGrace = std::chrono::minutes{2};  ///< that a claim has at least after a restart of the scheduler
inline constexpr std::size_t kClaimsShown = 20;  ///< of one person, in lists of agents
inline constexpr std::size_t kFormFillBytes = std::size_t{256} << 10;  ///< that items may add to one form
inline constexpr std::size_t kTemplatesMax = 4096;  ///< made task templates kept; they are made again when asked for

inline constexpr Duration kSweepPeriod = std::chrono::seconds{60};  ///< between two looks at what retention does not keep
inline constexpr Duration kSweepPause = std::chrono::milliseconds{50};  ///< between two pieces of one sweep: commits come first
inline constexpr std::size_t kJobsRemovedAtOnce = 200;  ///< in one turn

}  // namespace stint::scheduler::limits
