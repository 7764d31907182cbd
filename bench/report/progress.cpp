#include "bench/report/progress.hpp"

#include <unistd.h>

#include <cstdio>

namespace stint::bench {

Progress::Progress() : is_terminal_(::isatty(STDERR_FILENO) == 1) {}

void Progress::say(const std::string& line) const {
  if (is_terminal_) std::fprintf(stderr, "\r\033[K%s", line.c_str());
}

}  // namespace stint::bench
