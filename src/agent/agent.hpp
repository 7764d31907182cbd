#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/attempt_journal.hpp"
#include "agent/attempts.hpp"
#include "agent/backoff.hpp"
#include "agent/executor.hpp"
#include "agent/log_pump.hpp"
#include "agent/reports.hpp"
#include "base/log.hpp"
#include "ports/entropy.hpp"
#include "ports/journal.hpp"
#include "ports/link_client.hpp"
#include "protocol/session.hpp"

namespace stint::agent {

struct AgentConfig {
  AgentNumber number;
  KeyEpoch key_epoch;
  protocol::AgentKeyBytes key{};
  protocol::AgentInfo info;  ///< window 0: limits::kWindowDefault
  Environment base_env;      ///< of every task, under what its job says
  protocol::SessionCounters* counters = nullptr;
};

/// The agent daemon without an operating system: holds attempts, runs them through drivers, tells the scheduler.
///
/// A turn is one call of an `on_` function: take what arrived, start what may start, persist all changes as one record, and only then send.
/// Whatever the agent has said it can say again after a crash at any point, word for word, because the journal knew it first.
///
/// Errors:  a journal that cannot be written stops nothing that runs: new assignments are refused, changes wait and are written when it
/// can.
/// Thread:  one at a time.
/// Source:  docs/protocol.md "Session"; DESIGN "Agent".
class Agent final : public ports::LinkClient {
 public:
  Agent(AgentConfig config, std::vector<DriverSlot> drivers, ports::Journal& journal, ports::Entropy& entropy, Log& log);

  /// First, once: reads the journal.
  /// Errors:  corrupt, io  the journal cannot be read;  no_space, io  a new one cannot be written.
  [[nodiscard]] Status recover(Now now);

  [[nodiscard]] bool wants_link(Now now) const override;
  void on_link_dialing() override { dial_at_ = Instant::max(); }
  void on_link_open(Now now) override;
  void on_link_failed(const std::string& why, Now now) override;
  void on_link_bytes(ByteView bytes, Now now, Instant empty_since) override;
  void on_link_closed(Now now) override;
  [[nodiscard]] bool has_link_output() const override { return session_ && session_->has_output(); }
  void take_link_output(Now now, std::size_t budget, Bytes& out) override;
  [[nodiscard]] bool wants_close() const override { return session_ && session_->ended(); }

  void on_driver_events(Now now) override { finish_turn(now); }
  void on_timer(Now now) override;
  [[nodiscard]] Instant next_deadline() const override;

  void leave(Now now) override;
  void drain(Now now) override;
  [[nodiscard]] bool is_finished() const override { return is_leaving_ && !session_; }

  [[nodiscard]] std::size_t held() const { return attempts_.size(); }
  [[nodiscard]] bool is_synced() const { return is_synced_; }

 private:
  void pump(Now now);
  void on_event(const protocol::Established& event, Now now);
  void on_event(protocol::Received event, Now now);
  void on_event(const protocol::Ended& event, Now now);

  void on_message(protocol::AssignmentList message, Now now);
  void on_message(const protocol::StatusAck& message, Now now);
  void on_message(const protocol::Reconcile& message, Now now);
  void on_message(const protocol::Cancel& message, Now now);
  void on_message(const protocol::Credit& message, Now now);
  void on_message(const protocol::ErrorMessage& message, Now now);
  /// What the session deals with itself, and what only agents send.
  template <class Other>
  void on_message(const Other& /*message*/, Now /*now*/) {}

  void apply_verdict(Attempt& attempt, const protocol::AttemptVerdict& verdict, Now now);
  [[nodiscard]] std::optional<std::string> find_refusal() const;

  void finish_turn(Now now);
  void run_drivers(Now now);
  void persist(Now now);
  void compact();
  void send_updates(Now now);
  void send_output();
  void dial_later(Now now);
  void refresh_notes();
  void tell_info();
  [[nodiscard]] protocol::AgentInfo make_info() const;

  AgentConfig config_;
  AttemptJournal journal_;
  ports::Entropy& entropy_;
  Log& log_;
  Attempts attempts_;
  Executor executor_;
  LogPump logs_;
  Reports reports_;
  Backoff backoff_;

  Token16 instance_{};
  Token16 boot_{};
  std::uint64_t connect_ = 0;
  std::unique_ptr<protocol::Session> session_;
  bool is_synced_ = false;  ///< Reconcile was read: updates and output may be sent
  bool info_is_due_ = false;  ///< it has changed since Resume
  bool is_leaving_ = false;
  bool is_draining_ = false;
  Instant dial_at_ = Instant::min();
  std::optional<Instant> journal_retry_at_;  ///< set while the journal cannot be written
  std::deque<std::pair<Instant, AttemptRef>> accepts_;  ///< when an accepted attempt is reported if it has not started by then
  std::vector<std::string> driver_notes_;
};

}  // namespace stint::agent
