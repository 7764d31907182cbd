#pragma once

#include <iosfwd>

namespace stint::bench {

/// What `stint-agent` costs a small machine: the file, its memory when idle as the kernel accounts for it, the bytes of a heartbeat.
/// The program is the one beside this one. Returns 0 the bars are met, 1 not, 2 it could not be measured.
/// Source:  docs/architecture.md, DESIGN "Speed we owe".
int run_agent_bench(bool json, std::ostream& out);

}  // namespace stint::bench
