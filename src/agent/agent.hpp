#pragma once

#include <array>
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
#include "agent/held_keys.hpp"
#include "agent/log_pump.hpp"
#include "agent/reports.hpp"
#include "base/log.hpp"
#include "ports/entropy.hpp"
#include "ports/journal.hpp"
#include "ports/key_store.hpp"
#include "ports/link_client.hpp"
#include "protocol/session.hpp"

namespace stint::agent {

struct AgentConfig {
  AgentNumber number;
  std::vector<ports::HeldKey> keys;  ///< at least one
  ports::KeyStore* key_store = nullptr;  ///< null: no newer key can be taken
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
/// It has two lines to the scheduler, each for one connection. One carries the session; the other is dialled when there is a newer key to
/// use:
/// the session moves to it without a moment in which the agent is out of reach. The Agent itself is the first line's LinkClient.
///
/// Thread:  one at a time.
/// Source:  docs/protocol.md "Session" and "Keys"; DESIGN "Agent".
class Agent final : public ports::LinkClient {
 public:
  Agent(AgentConfig config, std::vector<DriverSlot> drivers, ports::Journal& journal, ports::Entropy& entropy, Log& log);

  /// First, once: reads the journal.
  /// Errors:  corrupt, io  the journal cannot be read;  no_space, io  a new one cannot be written.
  [[nodiscard]] Status recover(Now now);

  /// For an adapter of its own; only the first line has drivers and signals. What is called on one may give the other something to do.
  [[nodiscard]] ports::LinkClient& second_line() { return second_line_; }

  [[nodiscard]] bool wants_link(Now now) const override { return wants_link(kFirst, now); }
  void on_link_dialing() override { on_link_dialing(kFirst); }
  void on_link_open(Now now) override { on_link_open(kFirst, now); }
  void on_link_failed(const std::string& why, Now now) override { on_link_failed(kFirst, why, now); }
  void on_link_bytes(ByteView bytes, Now now, Instant empty_since) override { on_link_bytes(kFirst, bytes, now, empty_since); }
  void on_link_closed(Now now) override { on_link_closed(kFirst, now); }
  [[nodiscard]] bool has_link_output() const override { return has_link_output(kFirst); }
  void take_link_output(Now now, std::size_t budget, Bytes& out) override { take_link_output(kFirst, now, budget, out); }
  [[nodiscard]] bool wants_close() const override { return wants_close(kFirst); }

  void on_driver_events(Now now) override { finish_turn(now); }
  void on_timer(Now now) override;
  [[nodiscard]] Instant next_deadline() const override;

  void leave(Now now) override;
  void drain(Now now) override;
  [[nodiscard]] bool is_finished() const override { return is_leaving_ && !lines_[kFirst].session && !lines_[kSecond].session; }

  [[nodiscard]] std::size_t held() const { return attempts_.size(); }
  [[nodiscard]] bool is_synced() const { return is_synced_; }

 private:
  enum LineId : std::size_t { kFirst = 0, kSecond = 1 };
  static LineId other(LineId line) { return line == kFirst ? kSecond : kFirst; }
  struct Line {
    std::unique_ptr<protocol::Session> session;
    KeyEpoch epoch;  ///< of the session's key
    Instant dial_at = Instant::max();
    bool is_dialing = false;
    bool is_silenced = false;  ///< the other line speaks, and this one's session is heard no more
    [[nodiscard]] bool is_in_use() const { return session != nullptr || is_dialing; }
  };
  class SecondLine final : public ports::LinkClient {
   public:
    explicit SecondLine(Agent& agent) : agent_(agent) {}
    [[nodiscard]] bool wants_link(Now now) const override { return agent_.wants_link(kSecond, now); }
    void on_link_dialing() override { agent_.on_link_dialing(kSecond); }
    void on_link_open(Now now) override { agent_.on_link_open(kSecond, now); }
    void on_link_failed(const std::string& why, Now now) override { agent_.on_link_failed(kSecond, why, now); }
    void on_link_bytes(ByteView bytes, Now now, Instant empty_since) override { agent_.on_link_bytes(kSecond, bytes, now, empty_since); }
    void on_link_closed(Now now) override { agent_.on_link_closed(kSecond, now); }
    [[nodiscard]] bool has_link_output() const override { return agent_.has_link_output(kSecond); }
    void take_link_output(Now now, std::size_t budget, Bytes& out) override { agent_.take_link_output(kSecond, now, budget, out); }
    [[nodiscard]] bool wants_close() const override { return agent_.wants_close(kSecond); }
    void on_driver_events(Now /*now*/) override {}
    void on_timer(Now now) override { agent_.on_line_timer(kSecond, now); }
    [[nodiscard]] Instant next_deadline() const override { return agent_.line_deadline(kSecond); }
    void leave(Now /*now*/) override {}
    void drain(Now /*now*/) override {}
    [[nodiscard]] bool is_finished() const override { return agent_.is_finished(); }

   private:
    Agent& agent_;
  };

  [[nodiscard]] bool wants_link(LineId line, Now now) const;
  void on_link_dialing(LineId line);
  void on_link_open(LineId line, Now now);
  void on_link_failed(LineId line, const std::string& why, Now now);
  void on_link_bytes(LineId line, ByteView bytes, Now now, Instant empty_since);
  void on_link_closed(LineId line, Now now);
  [[nodiscard]] bool has_link_output(LineId line) const;
  void take_link_output(LineId line, Now now, std::size_t budget, Bytes& out);
  [[nodiscard]] bool wants_close(LineId line) const;
  void on_line_timer(LineId line, Now now);
  [[nodiscard]] Instant line_deadline(LineId line) const;

  /// The session that speaks for the agent; null: none.
  [[nodiscard]] protocol::Session* session() const { return lines_[speaking_].session.get(); }
  void speak_on(LineId line, Now now);
  void lose_session(Now now);
  void disown(Attempt& attempt, Now now);
  void assign(const AttemptRef& ref, const protocol::TaskTemplate& tmpl, const protocol::AssignedExtra* extra, Now now);
  void assign_again(Attempt& held, bool is_provisional);
  void confirm_key();
  void dial_after(LineId lost, Now now);

  void pump(LineId line, Now now);
  void on_event(LineId line, const protocol::Established& event, Now now);
  void on_event(LineId line, protocol::Received event, Now now);
  void on_event(LineId line, const protocol::Ended& event, Now now);

  void on_message(protocol::AssignmentList message, Now now);
  void on_message(const protocol::StatusAck& message, Now now);
  void on_message(const protocol::Reconcile& message, Now now);
  void on_message(const protocol::Cancel& message, Now now);
  void on_message(const protocol::Credit& message, Now now);
  void on_message(const protocol::ErrorMessage& message, Now now);
  void on_message(const protocol::Rekey& message, Now now);
  void on_message(const protocol::CellPins& message, Now now);
  /// What the session deals with itself, and what only agents send.
  template <class Other>
  void on_message(const Other& /*message*/, Now /*now*/) {}

  void apply_verdict(Attempt& attempt, const protocol::AttemptVerdict& verdict, Now now);
  [[nodiscard]] std::optional<std::string> find_refusal() const;

  void finish_turn(Now now);
  void run_drivers(Now now);
  void persist(Now now);
  void release_dropped();
  [[nodiscard]] bool make_way(const AttemptRef& ref, Now now);
  void refuse_unpersisted(const std::string& why, Now now);
  void compact();
  void send_updates(Now now);
  void send_output();
  void note_reach();
  void refresh_info();
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
  HeldKeys keys_;
  std::array<Line, 2> lines_;
  LineId speaking_ = kFirst;
  SecondLine second_line_{*this};
  bool is_synced_ = false;  ///< Reconcile was read: updates and output may be sent
  bool is_in_reach_ = false;  ///< as drivers were told
  Instant last_heard_{};  ///< from the scheduler, while it was
  Duration heartbeat_{};  ///< of the last session
  Instant told_heard_{};  ///< the value of it that drivers know
  bool has_adopted_ = false;  ///< as the info last told says it
  bool info_is_due_ = false;  ///< it has changed since Resume
  bool is_leaving_ = false;
  bool is_draining_ = false;
  std::optional<Instant> journal_retry_at_;  ///< set while the journal cannot be written
  std::deque<std::pair<Instant, AttemptRef>> accepts_;  ///< when an accepted attempt is reported if it has not started by then
  std::vector<std::string> driver_notes_;
};

}  // namespace stint::agent
