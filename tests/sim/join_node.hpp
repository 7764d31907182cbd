#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "agent/enroller.hpp"
#include "protocol/counters.hpp"
#include "sim/surroundings.hpp"

namespace stint::sim {

/// A machine on which somebody has pasted the line: the production enroller between a network and a disk with two files. A crash ends the
/// process and leaves the files.
class JoinNode final : public Peer {
 public:
  /// `on_told`: at the moment the machine believes an answer.
  using OnTold = std::function<void(const JoinNode& node, const protocol::EnrolGrant& grant)>;
  JoinNode(Surroundings world, std::size_t index, std::string token, OnTold on_told);

  /// `stint agent join`, again and again the same line.
  void run();
  void crash();

  [[nodiscard]] bool is_running() const { return is_running_; }
  [[nodiscard]] const std::optional<wire::SigningKey>& signing_key() const { return signing_key_; }
  [[nodiscard]] const std::optional<protocol::EnrolGrant>& key_file() const { return key_file_; }
  /// Of the last run that gave up; empty: none, or it was not the scheduler that refused.
  [[nodiscard]] const std::string& refusal() const { return refusal_; }
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const protocol::SessionCounters& counters() const { return counters_; }

  void on_connected(ConnectionId id) override;
  void on_dial_failed(ConnectionId id) override;
  void on_bytes(ConnectionId id, ByteView bytes, Instant empty_since) override;
  void on_closed(ConnectionId id) override;
  void on_room(ConnectionId id) override;

 private:
  /// A write that has not come back when the process dies was made, or not.
  void write_then(std::function<void()> write, std::function<void()> go_on);
  void ask();
  void settle();
  void finish();
  void end_process();

  Surroundings world_;
  std::size_t index_;
  std::string name_;
  std::string token_;
  OnTold on_told_;
  MachineClock clock_;
  SeededEntropy entropy_;
  TraceLog log_;
  Alarm alarm_;
  protocol::SessionCounters counters_;
  std::optional<wire::SigningKey> signing_key_;
  std::optional<protocol::EnrolGrant> key_file_;
  std::string refusal_;
  std::unique_ptr<agent::Enroller> enroller_;
  ConnectionId connection_;
  ConnectionId dialing_;
  std::uint64_t life_ = 0;
  bool is_running_ = false;
};

}  // namespace stint::sim
