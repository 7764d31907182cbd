#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "adapters/memory/blob_store.hpp"
#include "ports/http.hpp"
#include "ports/link.hpp"
#include "scheduler/daemon.hpp"
#include "sim/disk.hpp"
#include "sim/surroundings.hpp"
#include "sim/told.hpp"

namespace stint::sim {

inline constexpr const char* kApiToken = "simulation";

/// Who waits for answers of the API. What it hears may still be lost on its way.
class HttpListener {
 public:
  virtual ~HttpListener() = default;
  virtual void on_response(ports::RequestId id, const ports::HttpResponse& response) = 0;
  virtual void on_stream_begun(ports::RequestId id) = 0;
  virtual void on_stream_bytes(ports::RequestId id, const std::string& bytes) = 0;
  virtual void on_stream_ended(ports::RequestId id) = 0;
};

/// What its operator has set.
struct SchedulerSettings {
  Duration heartbeat = std::chrono::seconds{30};
  scheduler::RetentionLimits retention;
  std::uint32_t prompt_writes = 0;  ///< of 100: its store says that they take a moment only
};

/// Which ends a batch in hand may have when the process dies.
struct BatchFates {
  bool may_be_lost = true;
  bool may_be_torn = false;
  bool may_be_unanswered = true;
};

/// The machine with the scheduler and its disk. The daemon is the production one; crashes end the object, and what its store had in hand
/// is lost or done without an answer.
class SchedulerNode final : public Peer, private ports::Links, private ports::HttpReplies {
 public:
  SchedulerNode(Surroundings world, Durable& durable, Told& told, std::uint64_t seed, SchedulerSettings settings);

  void start();
  /// `is_silent`: agents are not told that their connections ended.
  void crash(bool is_silent);
  /// The same, in the middle of its next write; after a while it is started again.
  void crash_at_next_write(bool is_silent) { crash_at_write_ = is_silent; }
  /// SIGTERM: sessions are closed in order, what was in hand is written, and the process ends.
  void leave();
  /// From its next start on.
  void change_heartbeat(Duration heartbeat) { settings_.heartbeat = heartbeat; }
  void set_batch_fates(const BatchFates& fates) { fates_ = fates; }
  /// The next write fails, done or not, and the process ends with it; after a while it is started again.
  void break_next_write() { is_write_broken_ = true; }
  /// Nothing is planned any more for the next write.
  void spare_writes() { is_write_broken_ = false, crash_at_write_.reset(); }
  void listen(HttpListener* listener) { listener_ = listener; }
  /// False: nobody is there.
  bool request(ports::HttpRequest request);
  void stream_writable(ports::RequestId id);
  void request_closed(ports::RequestId id);

  void set_disk(Duration write_min, Duration write_max) { write_min_ = write_min, write_max_ = write_max; }
  /// Stored as an upload would: durable when this returns.
  BlobId keep_blob(const std::string& bytes);
  /// The bytes of a blob that is there; nullptr otherwise.
  [[nodiscard]] const std::string* find_blob(const BlobId& blob) const;
  void set_full(bool is_full);

  [[nodiscard]] bool is_running() const { return daemon_ != nullptr; }
  /// Everything decided is durable and told: memory must be what a reload gives.
  [[nodiscard]] bool is_quiet() const { return daemon_ && daemon_->fatal() == nullptr && daemon_->journal().idle(); }
  [[nodiscard]] const scheduler::Daemon* daemon() const { return daemon_.get(); }
  [[nodiscard]] const memory::Tables& tables() const { return *tables_; }
  [[nodiscard]] MachineClock& clock() { return clock_; }
  /// Moves with every call of the daemon: nothing has changed in it while it stands still.
  [[nodiscard]] std::uint64_t calls() const { return calls_; }
  /// What all lives of the daemon have refused, from /metrics, by reason.
  [[nodiscard]] std::map<std::string, std::uint64_t> refusals();

  void on_connected(ConnectionId id) override;
  void on_dial_failed(ConnectionId /*id*/) override {}
  void on_bytes(ConnectionId id, ByteView bytes, Instant empty_since) override;
  void on_closed(ConnectionId id) override;
  void on_room(ConnectionId id) override;

 private:
  void wake(ports::LinkId link) override { woken_.insert(link); }
  void close(ports::LinkId link) override { closing_.insert(link); }
  void respond(ports::RequestId id, ports::HttpResponse response) override;
  void begin_stream(ports::RequestId id, ports::HttpResponse head) override;
  void write_stream(ports::RequestId id, std::string bytes) override;
  void end_stream(ports::RequestId id) override;
  void abort_stream(ports::RequestId id) override;
  void read_body(ports::RequestId id) override;

  /// After every call of the daemon that may have given it something to decide.
  void settle();
  /// What it wants written, closed and committed, and when it wants to be called.
  void carry_out();
  void write_out(ports::LinkId link);
  bool close_ended();
  void plan_turn();
  void plan_write();
  void plan_blob();
  void end_process(bool is_silent);
  void end_batch();
  void fail_write();
  void start_later();
  void on_alarm();
  void read_refusals();

  Surroundings world_;
  Durable& durable_;
  Told& told_;
  MachineClock clock_;
  SeededEntropy entropy_;
  TraceLog log_;
  Alarm alarm_;
  SchedulerSettings settings_;
  Prng promises_;  ///< of the store
  BatchFates fates_;
  bool is_write_broken_ = false;
  std::optional<bool> crash_at_write_;  ///< silently or not
  bool has_store_failed_ = false;
  Duration write_min_ = std::chrono::microseconds{100};
  Duration write_max_ = std::chrono::milliseconds{10};
  bool is_full_ = false;

  std::shared_ptr<memory::Tables> tables_ = std::make_shared<memory::Tables>();
  std::unique_ptr<WatchedStore> store_;
  std::unique_ptr<memory::MemoryReader> reader_;
  std::shared_ptr<memory::BlobFiles> blob_files_ = std::make_shared<memory::BlobFiles>();
  std::unique_ptr<memory::MemoryBlobStore> blobs_;
  std::unique_ptr<scheduler::Daemon> daemon_;
  std::uint64_t life_ = 0;
  std::uint64_t calls_ = 0;
  bool turn_is_planned_ = false;
  bool write_is_planned_ = false;
  bool blob_is_planned_ = false;
  std::set<ports::LinkId> links_;
  std::set<ports::LinkId> woken_;
  std::set<ports::LinkId> closing_;
  std::map<ports::RequestId, ports::HttpRequest> requests_;
  HttpListener* listener_ = nullptr;
  std::string metrics_;
  std::map<std::string, std::uint64_t> refusals_;
};

}  // namespace stint::sim
