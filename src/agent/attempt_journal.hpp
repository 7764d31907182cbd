#pragma once

#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "agent/attempt.hpp"
#include "agent/limits.hpp"
#include "base/ids.hpp"
#include "base/result.hpp"
#include "ports/journal.hpp"

namespace stint::agent {

/// What an agent must find again after a restart, as records of a ports::Journal. One record per turn, applied whole or not at all; one of
/// more than limits::kJournalRecordBytes goes on in another, at the border of two attempts.
///
///   record  = version u8 (1), entries
///   entry   = tag u8, then
///     1 identity   instance 16 bytes                     once per state directory
///     2 connect    counter u64                           before every HELLO
///     3 attempt    ref, status u8, reason u8, exit i32, signal i32, started i64, ended i64, number u32, stdout u64, stderr u64,
///                  gpu count u16, indices u32 …, driver length u16, bytes, detail length u16, bytes
///     4 forget     ref
///     5 left       ref, result is too large u8, result length u32, bytes, output count u16, then of each output: SHA-256 32 bytes,
///                  size u64, executable u8, path length u16, bytes          behind an attempt that has any of these
///   ref     = job u64, group u32, index u32, attempt u32;  all numbers little-endian
///
/// A later entry `attempt` replaces all that was said of it. Records written before there was `left` are read as ever.
class AttemptJournal {
 public:
  struct Recovered {
    std::optional<Token16> instance;
    std::uint64_t connect = 0;
    std::map<AttemptRef, AttemptState> attempts;
  };

  explicit AttemptJournal(ports::Journal& file) : file_(file) {}

  /// Errors:  corrupt  a record that passed its checksum is of another version or cut short.
  [[nodiscard]] Result<Recovered> load();

  void stage_identity(const Token16& instance);
  void stage_connect(std::uint64_t connect);
  void stage_attempt(const AttemptState& state);
  void stage_forget(const AttemptRef& ref);
  [[nodiscard]] bool has_staged() const { return !staged_.empty(); }
  /// Appends what was staged. Afterwards nothing is staged, whatever came out: on an error the caller stages anew what
  /// still holds.
  [[nodiscard]] Status commit();

  /// True once most of the file is dead.
  [[nodiscard]] bool wants_rewrite() const { return file_.size_bytes() > rewrite_at_; }
  /// Replaces the file by what is alive: `for_each` calls its argument for every attempt to keep.
  using Visitor = std::function<void(const AttemptState&)>;
  /// Errors:  those of ports::Journal::rewrite; the old file stays, and the next try waits until it has doubled.
  [[nodiscard]] Status rewrite(const std::function<void(const Visitor&)>& for_each, const Token16& instance, std::uint64_t connect);

 private:
  ports::Journal& file_;
  Bytes& open_record();

  std::vector<Bytes> staged_;  ///< records
  std::size_t rewrite_at_ = limits::kJournalCompactMin;
};

}  // namespace stint::agent
