#pragma once

#include <deque>
#include <functional>
#include <variant>
#include <vector>

#include "base/ids.hpp"
#include "base/result.hpp"
#include "core/effects.hpp"
#include "ports/http.hpp"
#include "ports/link.hpp"
#include "ports/store.hpp"
#include "protocol/enrol_session.hpp"

namespace stint::scheduler {

/// An HTTP answer that waits for its watermark; `make` runs at that moment and may read the store.
struct PendingReply {
  ports::RequestId request;
  std::function<ports::HttpResponse()> make;
};

/// Log bytes taken over from an agent: it may forget them once they are durable.
struct LogTaken {
  AgentNumber agent;
  AttemptRef ref;
  std::uint8_t stream = 1;
  std::uint64_t end = 0;
};

/// What was decided on an ENROL.
struct EnrolAnswer {
  ports::LinkId link;
  std::variant<protocol::EnrolGrant, protocol::EnrolRefusal> what;
};

/// What one turn of the loop decided: rows to write, then words to tell.
struct Turn {
  core::Effects effects;
  std::vector<LogTaken> logs;
  std::vector<PendingReply> replies;
  std::vector<EnrolAnswer> enrolments;
  std::vector<core::EventRow> events;        ///< those of the rows, once they are durable: for followers
  std::vector<JobId> ended_jobs;             ///< by its rows, once they are durable
  KeyEpoch newest_key;  ///< the current one, if a key epoch was installed, retired or removed: agents are told; zero: none was
  [[nodiscard]] bool empty() const {
    return effects.rows.empty() && effects.sends.empty() && logs.empty() && replies.empty() && enrolments.empty();
  }
};

/// Write, then tell (promise 1): what a turn says leaves only when its rows, and all rows before them, are durable.
///
/// Group commit sizes itself: while one batch is on its way to the disk, everything that is decided gathers for the next.
class Journal {
 public:
  /// `tell` gets each turn once, in order, after its rows are durable.  `failed` gets what the store said instead; nothing of the turns
  /// since is told.
  Journal(ports::Store& store, std::function<void(Turn&&)> tell, std::function<void(const Error&)> failed);
  /// Gets each turn that will be durable within a moment, before it is: what is said of it may be forgotten by whoever hears it.
  void set_announce(std::function<void(const Turn&)> announce) { announce_ = std::move(announce); }

  /// Starts (again) after `last` is the last batch of the store; drops what was not told.
  void restart(BatchNumber last);
  /// The turn that is being filled.
  [[nodiscard]] Turn& turn() { return turn_; }
  /// The end of a turn: writes it unless a batch is on its way already.
  void flush();
  void on_committed(BatchNumber number, const Status& status);
  /// Answers that wait, of the turn being filled and of the one being written.
  [[nodiscard]] std::vector<PendingReply> take_replies();
  [[nodiscard]] bool idle() const { return !in_flight_ && turn_.empty(); }
  [[nodiscard]] std::uint64_t batches() const { return last_.value; }

 private:
  ports::Store& store_;
  std::function<void(Turn&&)> tell_;
  std::function<void(const Error&)> failed_;
  std::function<void(const Turn&)> announce_;
  BatchNumber last_;
  Turn turn_;
  Turn writing_;
  bool in_flight_ = false;
};

}  // namespace stint::scheduler
