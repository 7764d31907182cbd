#pragma once

#include <cstdio>
#include <mutex>
#include <string>
#include <vector>

#include "apps/stint-conform/check.hpp"
#include "base/time.hpp"

namespace stint::conform {

enum class Verdict { passed, failed, skipped };

struct Outcome {
  std::string id;
  std::string title;
  std::string sentence;
  Verdict verdict = Verdict::passed;
  std::string expected;
  std::string seen;
  Duration took{};
};

struct Summary {
  std::string side;      ///< scheduler, agent
  std::string subject;   ///< its address, or the command that starts it
  std::vector<Outcome> outcomes;
  Duration took{};
  [[nodiscard]] std::size_t count(Verdict verdict) const;
  /// 0 all pass (some may be skipped), 1 failures, 77 nothing but skipped.
  [[nodiscard]] int exit_status() const;
};

/// How far the run has come, on a terminal.
class Progress {
 public:
  explicit Progress(std::size_t total);
  void on_outcome(const Outcome& outcome);
  void end();

 private:
  std::mutex mutex_;
  std::size_t total_;
  std::size_t done_ = 0;
  std::size_t failed_ = 0;
  bool is_terminal_;
};

void print_table(const Summary& summary, std::FILE* out);
/// schema stint.conform/1.
void print_json(const Summary& summary, std::FILE* out);

}  // namespace stint::conform
