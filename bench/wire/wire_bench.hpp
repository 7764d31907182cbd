#pragma once

#include <iosfwd>

namespace stint::bench {

/// `stint bench wire`: what a signed message costs beside the HMAC it cannot do without. See wire_bench.cpp for the method.
///
/// Returns 0 if the bars are met, 1 if not. Call it before anything else uses libcrypto, or its allocations are reported as skipped.
int run_wire_bench(bool json, std::ostream& out);

}  // namespace stint::bench
