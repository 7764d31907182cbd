#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.hpp"
#include "sim/agenda.hpp"

namespace stint::sim {

/// What happened, line by line: printed in a replay, and always hashed, so that two runs of one seed can be compared.
class Trace {
 public:
  enum class Output { none, standard };

  Trace(const Agenda& agenda, Output output) : agenda_(agenda), output_(output) {}
  void note(std::string_view who, std::string_view what);
  [[nodiscard]] std::uint64_t hash() const { return hash_; }
  [[nodiscard]] std::uint64_t lines() const { return lines_; }

 private:
  const Agenda& agenda_;
  Output output_;
  std::uint64_t hash_ = 0xCBF29CE484222325ULL;
  std::uint64_t lines_ = 0;
};

/// What a daemon logs, in the trace.
class TraceLog final : public Log {
 public:
  TraceLog(Trace& trace, std::string who) : trace_(trace), who_(std::move(who)) {}
  void write(LogLevel /*level*/, std::string message) override { trace_.note(who_, message); }

 private:
  Trace& trace_;
  std::string who_;
};

/// Broken promises, in words. The first one ends the run.
class Findings {
 public:
  void add(std::string what) { texts_.push_back(std::move(what)); }
  void expect(bool holds, const char* rule, const std::string& subject) {
    if (!holds) add(subject + ": " + rule);
  }
  [[nodiscard]] bool empty() const { return texts_.empty(); }
  [[nodiscard]] const std::vector<std::string>& texts() const { return texts_; }

 private:
  std::vector<std::string> texts_;
};

}  // namespace stint::sim
