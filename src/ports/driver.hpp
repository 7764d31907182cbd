#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/bytes.hpp"
#include "base/file_ref.hpp"
#include "base/ids.hpp"
#include "base/resources.hpp"
#include "base/result.hpp"
#include "base/task_words.hpp"
#include "base/time.hpp"

/// How an agent runs attempts. Calls never block; what happened comes as events, in order per attempt, through `take_events`.
namespace stint::ports {

/// What is brought to an attempt before it starts and taken from it when it ends.
struct StageSpec {
  std::string token;                                      ///< opens its blobs at the scheduler while it is live
  BlobId inputs;                                          ///< manifest laid out in its directory
  BlobId needs_inputs;                                    ///< manifest laid out below STINT_INPUTS
  std::vector<FileRef> files;                             ///< of its items: laid out in its directory
  std::string item;                                       ///< its item, or lines of a batch
  bool is_batch = false;                                  ///< STINT_ITEM names a file that holds `item`
  std::vector<std::string> outputs;                       ///< must be there at the end, below STINT_OUTPUTS
  bool own_directory = false;                             ///< workdir is a directory of its own
  bool checkpoint = false;                                ///< STINT_CHECKPOINT_DIR survives its attempts
  BlobId checkpoint_from;                                 ///< manifest of what an earlier attempt left there
  bool operator==(const StageSpec&) const = default;
};

struct LaunchSpec {
  AttemptRef ref;
  std::vector<std::string> command;
  std::vector<std::pair<std::string, std::string>> env;   ///< complete: task variables included
  std::string workdir;
  std::string submit_boot_id;                             ///< with workdir_inode: refuse if this machine's directory is another one
  std::uint64_t workdir_inode = 0;
  Resources resources;
  std::vector<std::uint32_t> gpus;                        ///< indices given to it
  Duration timeout{0};                                    ///< 0: none
  Duration kill_grace{0};
  Duration stop_after{0};                                 ///< how long it may run on without its scheduler; 0: without limit
  std::optional<StageSpec> stage;                         ///< none: it runs where workdir is, with nothing brought or taken
  bool operator==(const LaunchSpec&) const = default;
};

struct DriverStarted {
  AttemptRef ref;
  std::int64_t started_ms = 0;                            ///< Unix ms
  std::int64_t pid = 0;
};
/// Output written so far that the agent has not seen: the spool keeps it until `release`.
struct DriverOutput {
  AttemptRef ref;
  std::uint8_t stream = 1;                                ///< 1 stdout, 2 stderr
  std::uint64_t offset = 0;
  Bytes bytes;
};
/// New bytes in the attempt's report file (STINT_REPORT), whole lines.
struct DriverReport {
  AttemptRef ref;
  std::string lines;
  std::uint32_t cut_lines = 0;                            ///< how many of them were longer than the driver's limit, and end there
};
struct DriverEnded {
  AttemptRef ref;
  EndReason reason = EndReason::exit;  ///< exit, signal, oom, timeout, cancelled (stopped by `stop`), start_failed, refused, lost
  std::int32_t exit_code = 0;
  std::int32_t signal = 0;
  std::int64_t started_ms = 0;
  std::int64_t ended_ms = 0;
  std::uint64_t stdout_bytes = 0;  ///< final sizes
  std::uint64_t stderr_bytes = 0;
  std::string detail;
  std::vector<FileRef> outputs;                           ///< taken from it, durable at the scheduler
};
/// After connecting to a keeper that outlived this agent: everything it holds (running, and ended but not released).
struct DriverHeld {
  AttemptRef ref;
  bool ended = false;
};
/// The driver's process is there (again) and every DriverHeld of it was given: attempts not named are lost.
struct DriverReady {};
/// The keeper died: everything it ran is gone.
struct DriverGone {
  std::string detail;
};
using DriverEvent = std::variant<DriverHeld, DriverReady, DriverGone, DriverStarted, DriverOutput, DriverReport, DriverEnded>;

class Driver {
 public:
  virtual ~Driver() = default;
  virtual void start(LaunchSpec spec) = 0;
  /// The same is likely to be started soon: what need not wait for that may be done, as long as nothing of the task is executed. Only of
  /// the last one, until it is started or released.
  virtual void prepare(const LaunchSpec& /*spec*/) {}
  enum class StopMode { graceful, kill };
  virtual void stop(const AttemptRef& ref, StopMode mode) = 0;
  /// Wants output of one stream from `offset` on, as DriverOutput, at most `max_bytes` more; call again for more (back-pressure).
  virtual void request_output(const AttemptRef& ref, std::uint8_t stream, std::uint64_t offset, std::size_t max_bytes) = 0;
  /// The attempt is recorded by the scheduler: its record and spool may go.
  virtual void release(const AttemptRef& ref) = 0;
  /// Since when the agent is without its scheduler, or will have been if it says nothing more: attempts with `stop_after` are stopped so
  /// long after that, as lost, whatever becomes of the agent meanwhile. While it has a session the moment lies ahead, and moves.
  virtual void set_alone_since(Instant /*since*/) {}
  /// Moves out what happened since the last call.
  virtual std::vector<DriverEvent> take_events() = 0;
  /// What this machine cannot enforce or give, a line each, for `stint agent list`. Complete after DriverReady.
  [[nodiscard]] virtual std::vector<std::string> notes() const { return {}; }
};

}  // namespace stint::ports
