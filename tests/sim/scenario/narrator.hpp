#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "core/effects.hpp"
#include "sim/scenario/stage.hpp"

namespace stint::sim::scenario {

/// What happens, for people: a line for each thing, and one for many of a kind at the same moment.
class Narrator {
 public:
  using Print = std::function<void(const std::string& line)>;
  explicit Narrator(Print print) : print_(std::move(print)) {}

  void note(const core::Effects& effects, const Stage& stage);
  /// Prints what was noted for the moment: call before time moves on.
  void flush(const Stage& stage);
  void say(const Stage& stage, const std::string& line);

 private:
  /// Things of one kind: "%s placed on a1", of 1.train.
  struct Many {
    std::string entry;
    std::string what;
    std::vector<std::string> names;
  };

  void note(const core::AttemptRow& row, const Stage& stage);
  void note(const core::EventRow& row);
  void note(const core::JobStateRow& row);
  void note_one(const std::string& line) { moment_.push_back({{}, line, {}}); }
  void note_attempt(const core::AttemptRow& row, const Stage& stage, std::string what);

  Print print_;
  std::vector<Many> moment_;
  std::map<AttemptRef, core::AttemptRow> attempts_;
};

}  // namespace stint::sim::scenario
