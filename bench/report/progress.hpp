#pragma once

#include <string>

namespace stint::bench {

/// One line on stderr that says what is being measured, if a person looks on. stdout belongs to the report.
class Progress {
 public:
  Progress();
  ~Progress() { say(""); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// Takes the place of what was said before.
  void say(const std::string& line) const;

 private:
  bool is_terminal_;
};

}  // namespace stint::bench
