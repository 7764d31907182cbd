#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "protocol/messages.hpp"
#include "sim/durable.hpp"
#include "sim/network.hpp"
#include "wire/aligned_buffer.hpp"
#include "wire/frame_reader.hpp"

namespace stint::sim {

/// Which situations of the core a world came to, told from outside: from the rows that reach the disk and the messages that pass on the
/// wire. What is never reached is not tested, however many seeds are clean.
class Situations {
 public:
  /// Before `durable` takes the batch.
  void note_batch(const std::vector<core::Row>& batch, const Durable& durable);
  /// Bytes that arrive at `side`.
  void overhear(ConnectionId id, Side side, ByteView bytes);
  /// In words, such as `attempt failed oom`.
  [[nodiscard]] std::set<std::string> reached() const;
  [[nodiscard]] static std::set<std::string> known();

 private:
  enum class Kind : std::uint8_t { row, attempt, task_mark, entry, job, to_agent, to_scheduler, verdict, cancel, close, named };
  static constexpr std::size_t kKinds = static_cast<std::size_t>(Kind::named) + 1;
  static constexpr std::size_t kItems = 96;  ///< of one kind

  [[nodiscard]] static std::string name_of(Kind kind, std::size_t item);
  void reach(Kind kind, std::size_t item) {
    if (item < kItems) reached_[static_cast<std::size_t>(kind)][item] = true;
  }
  void note(const core::AttemptRow& row, const Durable& durable);
  void note_end(const core::AttemptRow& row, const core::AttemptRow& before, const core::TaskSpec& spec);
  void note_new(const core::AttemptRow& row, const Durable& durable);
  void note(const core::AgentRow& row, const Durable& durable);
  void note(const core::GroupRow& row);
  void note(const core::MasterKeyRow& row);
  void hear(const wire::RawFrame& frame, Side side);
  void hear(const protocol::Message& message);
  void hear(const protocol::Reconcile& reconcile);
  void hear(const protocol::AssignmentList& list);

  std::array<std::array<bool, kItems>, kKinds> reached_{};
  std::set<std::string> events_;
  std::map<std::pair<ConnectionId, Side>, wire::FrameReader> readers_;
  wire::AlignedBuffer scratch_;
  std::set<AttemptRef> given_;
  std::set<AttemptRef> unconfirmed_;  ///< given before they were durable
};

}  // namespace stint::sim
