#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "adapters/exec/system.hpp"
#include "base/bytes.hpp"
#include "base/result.hpp"
#include "ports/driver.hpp"

/// What an agent and its keeper say to each other over STATE/keeper.sock, a Unix stream socket of one user on one machine.
///
///   message = length u32 ‖ type u8 ‖ fields      little-endian; length counts type and fields, at most limits::kMessageMax
///   string, bytes = u32 length ‖ bytes           list = u32 count ‖ items          ref = job u64 ‖ group u32 ‖ index u32 ‖ attempt u32
///
///   type  name            from    fields
///      1  Hello           agent   magic u32 "STKP", version u16, role u8 (1 agent, 2 control): first, once
///      2  Start           agent   LaunchSpec in the order of ports/driver.hpp; a ref that is held already starts nothing
///      3  Stop            agent   ref, mode u8 (0 graceful, 1 kill)
///      4  RequestOutput   agent   ref, stream u8, offset u64, max_bytes u64: replaces the stream's earlier request
///      5  Release         agent   ref: record, spool and report file go
///      6  ReportSeen      agent   ref, end u64: report lines up to `end` need not come again
///      8  Leash           agent   ref, stop_after i64 ns: of an attempt that may not run on for longer without its scheduler
///      9  Alone           agent   since i64 ns of CLOCK_BOOTTIME; if that lies ahead, from then on unless another one comes; 0: it has a
///                                 session, as older agents say it. Until the first one, what the agent before said
///     10  Prepare         agent   as Start: all that is done before the program is executed. Forgotten when the next one comes, with
///                                 Release, and with the connection
///     11  Proceed         agent   ref: starts what was prepared last
///      7  Shutdown        either  (none): end all tasks, then yourself; the answer is the end of the connection
///     64  Welcome         keeper  version u16, keeper (pid i64, start_ticks u64, boot_id), notes: answers Hello
///     65  Held            keeper  ref, ended u8: one for each attempt
///     66  Ready           keeper  (none): all Held were said; Started and Ended of each follow, and whatever happens
///     67  Started         keeper  ref, started_ms i64, pid i64
///     68  Output          keeper  ref, stream u8, offset u64, bytes
///     69  Report          keeper  ref, end u64, cut_lines u32, lines
///     70  Ended           keeper  as ports::DriverEnded
///     71  Refused         keeper  detail: why this connection ends
///
/// A control sends Hello and then Shutdown; it is told nothing of the attempts. A second agent takes the place of the first: agents of one
/// state directory exclude each other by their own lock, so the first is dead or dying. Everything an agent may have missed is said again
/// to the next one (Started, report lines not seen, Ended until Release); output only when asked for.
/// An unknown type, or a field more, ends the connection: so what is newer than version 1 is only said to a keeper whose Welcome says that
/// it knows it. Hello says the lowest version that will do.
namespace stint::exec {

inline constexpr std::uint32_t kProtocolMagic = 0x504B5453;
inline constexpr std::uint16_t kProtocolVersion = 3;  ///< 2: Leash, Alone; 3: Prepare, Proceed
inline constexpr std::uint16_t kProtocolVersionNeeded = 1;

enum class Role : std::uint8_t { agent = 1, control = 2 };

namespace message {

struct Hello {
  std::uint32_t magic = kProtocolMagic;
  std::uint16_t version = kProtocolVersionNeeded;
  Role role = Role::agent;
};
struct Start {
  ports::LaunchSpec spec;
};
struct Stop {
  AttemptRef ref;
  ports::Driver::StopMode mode = ports::Driver::StopMode::graceful;
};
struct RequestOutput {
  AttemptRef ref;
  std::uint8_t stream = 1;
  std::uint64_t offset = 0;
  std::uint64_t max_bytes = 0;
};
struct Release {
  AttemptRef ref;
};
struct ReportSeen {
  AttemptRef ref;
  std::uint64_t end = 0;
};
struct Leash {
  AttemptRef ref;
  Duration stop_after{0};
};
struct Alone {
  std::int64_t since_ns = 0;
};
struct Prepare {
  ports::LaunchSpec spec;
};
struct Proceed {
  AttemptRef ref;
};
struct Shutdown {};
struct Welcome {
  std::uint16_t version = kProtocolVersion;
  ProcessId keeper;
  std::vector<std::string> notes;
};
struct Report {
  AttemptRef ref;
  std::uint64_t end = 0;  ///< offset in the file behind the last line
  std::uint32_t cut_lines = 0;
  std::string lines;
};
struct Refused {
  std::string detail;
};

}  // namespace message

using Message =
    std::variant<message::Hello, message::Start, message::Stop, message::RequestOutput, message::Release, message::ReportSeen,
                 message::Shutdown, message::Welcome, ports::DriverHeld, ports::DriverReady, ports::DriverStarted, ports::DriverOutput,
                 message::Report, ports::DriverEnded, message::Refused, message::Leash, message::Alone, message::Prepare, message::Proceed>;

/// Appends the message, length first.
void encode(const Message& message, Bytes& out);

/// Takes one message off the front of `bytes` and moves `bytes` behind it; nullopt while it is not complete.
/// Errors:  out_of_range  longer than limits::kMessageMax.
///          corrupt       an unknown type, or fields that do not fill it exactly.
[[nodiscard]] Result<std::optional<Message>> decode(ByteView& bytes);

}  // namespace stint::exec
