#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "adapters/staging/attempt_dir.hpp"
#include "adapters/staging/cache.hpp"
#include "adapters/staging/checkpoint.hpp"
#include "adapters/staging/files.hpp"
#include "adapters/staging/limits.hpp"
#include "adapters/staging/stop_flag.hpp"
#include "adapters/staging/workers.hpp"
#include "base/log.hpp"
#include "ports/blob_client.hpp"
#include "ports/driver.hpp"

namespace stint::staging {

struct StagedDriverOptions {
  std::string state_dir;                              ///< absolute; cache/, attempts/ and checkpoints/ are made in it when first needed
  std::uint64_t cache_bytes = limits::kCacheBytes;
  Duration checkpoint_interval = limits::kCheckpointInterval;
};

/// Brings to an attempt what it needs before another driver starts it, and takes what it leaves when it has ended. A launch without `stage`
/// goes straight through: no file, no thread.
///
///   fetching   a worker lays out its files and then writes the stage record: only then is the inner driver asked to start it
///   running    the inner driver's; a worker looks at its checkpoint directory now and then
///   ending     a worker gives outputs (after exit status 0) or the checkpoint (after anything else) to the scheduler
///   told       its DriverEnded was given: its files go with `release`
///
/// After a death: an attempt without a stage record was never started, and is lost like one that no keeper knows. One with a record is
/// found again when the inner driver names it; if it has ended, what it left is pushed again, and only what the scheduler lacks travels.
/// Directories of attempts that the inner driver does not name go.
///
/// While the scheduler is out of reach transfers wait for it, for as long as the attempt is wanted.
///
/// Order:   events of one attempt are those of the inner driver, with its end after its outputs are durable.
/// Thread:  one; event_fd() is readable (level-triggered) when take_events() has something of this driver's own, beside the inner one's.
class StagedDriver final : public ports::Driver {
 public:
  /// How long a client tries while the scheduler is out of reach.
  enum class Patience {
    endless,  ///< the attempt needs it
    brief  ///< another try is not far, or nobody waits
  };
  /// A way to the scheduler that carries `token`; while it waits it asks `is_stopped` about ten times a second. Called on any thread.
  using Connect = std::function<std::unique_ptr<ports::BlobClient>(std::string token, Patience patience, std::function<bool()> is_stopped)>;

  /// Errors:  io  no event descriptor.
  static Result<std::unique_ptr<StagedDriver>> make(ports::Driver& inner, Connect connect, StagedDriverOptions options, Log& log);
  ~StagedDriver() override;

  void start(ports::LaunchSpec spec) override;
  void prepare(const ports::LaunchSpec& spec) override {
    if (!spec.stage) inner_.prepare(spec);
  }
  void stop(const AttemptRef& ref, StopMode mode) override;
  void request_output(const AttemptRef& ref, std::uint8_t stream, std::uint64_t offset, std::size_t max_bytes) override;
  void release(const AttemptRef& ref) override;
  void set_alone_since(Instant since) override { inner_.set_alone_since(since); }
  std::vector<ports::DriverEvent> take_events() override;
  [[nodiscard]] std::vector<std::string> notes() const override { return inner_.notes(); }

  [[nodiscard]] int event_fd() const { return event_fd_.get(); }

 private:
  enum class Phase { fetching, running, ending, told };
  struct Request {
    std::uint8_t stream;
    std::uint64_t offset;
    std::size_t max_bytes;
  };
  using Stop = std::shared_ptr<StopFlag>;

  struct Staged {
    explicit Staged(AttemptDir where) : dir(std::move(where)) {}
    AttemptDir dir;
    ports::StageSpec stage;
    Phase phase = Phase::fetching;
    std::optional<ports::LaunchSpec> launch;  ///< until the inner driver has it
    std::vector<Request> requests;  ///< of output, made before it was started
    std::shared_ptr<Checkpoint> checkpoint;  ///< null: it has none
    Stop stop;  ///< of the job that runs for it
    Stop ticks_stop;  ///< of the looks at its checkpoint directory
    std::string trouble;  ///< with what an earlier process left: its outputs cannot be taken
    std::optional<ports::DriverEnded> ended;  ///< the inner driver's word
    bool is_watched = false;  ///< a worker looks at its checkpoint directory
    bool is_busy = false;  ///< a job of it runs or waits
    bool is_stopped = false;  ///< by the agent
    bool is_started = false;  ///< the inner driver knows it
    bool is_released = false;
    bool is_gone = false;  ///< a job removes its directory
  };
  /// What a job says when it is done.
  struct Done {
    AttemptRef ref;
    Result<std::vector<FileRef>> outcome;  ///< outputs, if the job was to push them
  };

  StagedDriver(ports::Driver& inner, Connect connect, StagedDriverOptions options, Fd event_fd, Log& log);

  Staged& add(const AttemptRef& ref, ports::StageSpec stage);
  void find_what_was_left();
  void post(const AttemptRef& ref, Staged& staged, std::function<Result<std::vector<FileRef>>(const Stop&)> job);
  std::unique_ptr<ports::BlobClient> reach(const std::string& token, Patience patience, Stop stop) const;
  void wake();

  void on_done(Done done);
  void on_fetched(const AttemptRef& ref, Staged& staged, const Result<std::vector<FileRef>>& outcome);
  void on_pushed(Staged& staged, Result<std::vector<FileRef>> outcome);
  void on_inner(ports::DriverEvent event);
  void on_inner_ended(ports::DriverEnded event);
  void on_inner_held(const ports::DriverHeld& event);
  void on_inner_ready();
  void on_inner_gone();

  void launch(const AttemptRef& ref, Staged& staged);
  void push_outputs(const AttemptRef& ref, Staged& staged);
  void push_checkpoint(const AttemptRef& ref, Staged& staged);
  void watch_checkpoint(std::shared_ptr<Checkpoint> checkpoint, std::string token, Stop stop);
  void sweep_checkpoints();
  void tell(Staged& staged, ports::DriverEnded ended);
  void tell_stopped(Staged& staged);
  void fail_to_stage(const AttemptRef& ref, Staged& staged, EndReason reason, std::string detail);
  void clear(const AttemptRef& ref, Staged& staged);

  ports::Driver& inner_;
  Connect connect_;
  StagedDriverOptions options_;
  std::string attempts_root_;
  std::string checkpoints_root_;
  Fd event_fd_;
  Log& log_;
  Cache cache_;

  std::map<AttemptRef, Staged> staged_;
  std::set<AttemptRef> held_;  ///< named by the inner driver since it last came back
  std::vector<ports::DriverEvent> events_;

  std::mutex done_mutex_;
  std::vector<Done> done_;
  Workers workers_;  ///< last: its jobs use everything above
};

}  // namespace stint::staging
