#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "agent/backoff.hpp"
#include "base/log.hpp"
#include "ports/entropy.hpp"
#include "ports/link_client.hpp"
#include "protocol/enrol_session.hpp"
#include "protocol/enrol_token.hpp"

namespace stint::agent {

struct EnrollerConfig {
  protocol::EnrolToken token;
  wire::SigningKey key;  ///< durable already: with it the same answer can be had again
  std::string name;      ///< wanted; empty: the token's
  std::string host;
  Duration patience = std::chrono::minutes{5};  ///< how long a scheduler that cannot be reached is waited for
  protocol::SessionCounters* counters = nullptr;
};

/// Gets this machine its number and its key: dials, asks, and asks again with the same key whenever the answer was lost, until it has one.
///
/// Thread:  one thread, the adapter's.
class Enroller final : public ports::LinkClient {
 public:
  Enroller(EnrollerConfig config, ports::Entropy& entropy, Log& log, Now now);

  [[nodiscard]] const protocol::EnrolGrant* granted() const { return granted_ ? &*granted_ : nullptr; }
  /// Why it has given up. Codes: those of EnrolAck; `unauthenticated` (nobody has signed it); `unreachable`; `interrupted`.
  [[nodiscard]] const protocol::EnrolRefusal* failed() const { return failed_ ? &*failed_ : nullptr; }

  [[nodiscard]] bool wants_link(Now now) const override { return !session_ && !has_outcome() && now.mono >= dial_at_; }
  void on_link_dialing() override { dial_at_ = Instant::max(); }
  void on_link_open(Now now) override;
  void on_link_failed(const std::string& why, Now now) override;
  void on_link_bytes(ByteView bytes, Now now, Instant empty_since) override;
  void on_link_closed(Now now) override;
  [[nodiscard]] bool has_link_output() const override { return session_ && session_->has_output(); }
  void take_link_output(Now now, std::size_t budget, Bytes& out) override;
  [[nodiscard]] bool wants_close() const override { return session_ && session_->ended(); }

  void on_driver_events(Now /*now*/) override {}
  void on_timer(Now now) override;
  [[nodiscard]] Instant next_deadline() const override;
  void leave(Now now) override { drain(now); }
  void drain(Now now) override;
  [[nodiscard]] bool is_finished() const override { return has_outcome() && !session_; }

 private:
  [[nodiscard]] bool has_outcome() const { return granted_ || failed_; }
  void take_outcome();
  void try_later(const std::string& why, Now now);
  void give_up(std::string code, std::string detail);

  EnrollerConfig config_;
  wire::EnrolPrk prk_;
  ports::Entropy& entropy_;
  Log& log_;
  Backoff backoff_;
  std::unique_ptr<protocol::AgentEnrol> session_;
  std::optional<protocol::EnrolGrant> granted_;
  std::optional<protocol::EnrolRefusal> failed_;
  std::string last_problem_;
  std::uint32_t rejects_ = 0;
  Instant dial_at_ = Instant::min();
  Instant give_up_at_;
};

}  // namespace stint::agent
