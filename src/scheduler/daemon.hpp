#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/log.hpp"
#include "base/pin.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "core/scheduler.hpp"
#include "ports/blob_store.hpp"
#include "ports/entropy.hpp"
#include "ports/http.hpp"
#include "ports/link.hpp"
#include "ports/listener_counters.hpp"
#include "ports/store.hpp"
#include "scheduler/assignments.hpp"
#include "scheduler/attempt_token.hpp"
#include "scheduler/blob_sweep.hpp"
#include "scheduler/enrol_desk.hpp"
#include "scheduler/journal.hpp"
#include "scheduler/key_rotation.hpp"
#include "scheduler/keyring.hpp"
#include "scheduler/limits.hpp"
#include "scheduler/prepare/preparer.hpp"
#include "scheduler/retention.hpp"
#include "scheduler/session_hub.hpp"

namespace stint::scheduler {

namespace api {
class Api;
}
struct Cell;

struct DaemonOptions {
  Keyring::KeyEncryptionKey key_encryption_key{};
  std::array<std::uint8_t, 32> api_token_sha256{};
  std::int64_t session_time_offset_ms = 0;      ///< Unix ms - CLOCK_BOOTTIME ms at the start: what session time reads
  Duration heartbeat_interval = std::chrono::seconds{30};
  std::string server;                           ///< host:port told to agents
  std::vector<std::string> addresses;           ///< host:port under which other machines find it, the likeliest first; none: `server`
  std::vector<Pin> tls_pins;                    ///< of the cell's keys, from the one that it shows to the newest; none: no TLS
  const ports::ListenerCounters* listener = nullptr;  ///< for /metrics; none: nobody counts
  std::string state_dir;
  Duration blob_grace = limits::kBlobGrace;     ///< how long a blob that nothing refers to stays
  RetentionLimits retention;                    ///< nothing given: everything is kept
  KeySettings keys;
};

/// What the daemon needs from outside; main() owns it all.
struct DaemonPorts {
  ports::Store& store;
  ports::StoreReader& reader;
  ports::BlobStore& blobs;
  ports::Links& links;
  ports::HttpReplies& replies;
  ports::Entropy& entropy;
  Log& log;
};

/// The scheduler daemon without OS calls. Between two calls of end_turn it takes what arrives; end_turn places once and writes once;
/// what is durable is told to agents from on_committed, which the store calls, and to clients at the end of the turn.
///
/// Thread:  one thread.
class Daemon final : private AgentMessages, private EnrolRequests {
 public:
  Daemon(DaemonOptions options, DaemonPorts ports);
  ~Daemon() override;

  /// Loads the state after the store was opened. `on_committed` must be what the store calls.
  [[nodiscard]] Status start(const ports::Store::Opened& opened, Now now);
  void on_committed(BatchNumber number, const Status& status, Now now);

  [[nodiscard]] ports::LinkHandler& links() { return desk_; }
  [[nodiscard]] ports::HttpHandler& http();

  /// After every handful of calls: decides, writes, and tells what needs no writing.
  void end_turn(Now now);
  void on_timer(Now now);
  [[nodiscard]] Instant next_deadline() const;
  /// Says goodbye to all agents; their tasks run on.
  void close_sessions(Now now);

  /// Set when the process must end: the store failed, or another scheduler took over. A restart recovers.
  [[nodiscard]] const Error* fatal() const { return fatal_ ? &*fatal_ : nullptr; }
  [[nodiscard]] const std::string& cell_id() const { return meta_.at("cell_id"); }
  [[nodiscard]] const core::Scheduler& core() const { return core_; }
  [[nodiscard]] const Keyring& keys() const { return keys_; }
  [[nodiscard]] const Journal& journal() const { return journal_; }
  [[nodiscard]] const ItemBook& items() const { return preparer_.items(); }

 private:
  void on_resume(const protocol::HelloInfo& hello, const protocol::Resume& resume, Now now) override;
  void on_info(AgentNumber agent, const protocol::AgentInfo& info, Now now) override;
  void on_updates(AgentNumber agent, const protocol::UpdateList& updates, Now now) override;
  std::string on_log(AgentNumber agent, const protocol::LogChunk& chunk, Now now) override;
  void on_disconnected(AgentNumber agent, Now now) override;
  void fill_log_ends(protocol::AttemptVerdict& verdict) override;
  void on_enrol(ports::LinkId link, const protocol::Enrol& request, Now now) override;

  [[nodiscard]] Status load(Now now);
  [[nodiscard]] Status ensure_identity(Now now);
  void tell(Turn&& turn);
  [[nodiscard]] bool keep_back(const core::Send& send);
  void announce(const Turn& turn);
  [[nodiscard]] SessionHub::AssignmentSource assignment_source();
  void tell_agents(const std::vector<core::Send>& sends, const std::vector<LogTaken>& logs);
  /// What is kept of a job for its assignments.
  void forget(JobId job);
  void on_store_failed(const Error& error);
  void close_until_reopened(Now now);
  void forget_enrol_tokens(Now now);
  void try_reopen(Now now);

  DaemonOptions options_;
  DaemonPorts ports_;
  core::Scheduler core_;
  Keyring keys_;
  Journal journal_;
  SessionHub hub_;
  std::unique_ptr<struct Books> books_;
  EnrolDesk desk_;
  std::unique_ptr<Cell> cell_;
  std::unique_ptr<api::Api> api_;
  /// Of what is durable. They wait for the turn's end, behind the frames to agents: a task that shall start comes before words about it.
  std::vector<PendingReply> due_replies_;
  BlobSweep blob_sweep_;
  AttemptTokens attempt_tokens_;
  Preparer preparer_;
  Assignments assignments_;
  std::unique_ptr<class WorkBook> work_;
  Retention retention_;
  KeyRotation rotation_;
  std::map<std::string, std::string> meta_;
  std::optional<Error> fatal_;
  Now now_{};  ///< of the call being served
  Instant reopen_at_ = Instant::max();
  Instant keep_alive_at_{};
  Instant forget_tokens_at_{};
};

}  // namespace stint::scheduler
