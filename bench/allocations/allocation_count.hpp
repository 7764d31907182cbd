#pragma once

#include <cstdint>

namespace stint::bench {

/// Calls of operator new by this thread since it began: ours, FlatBuffers', the standard library's. A program that uses this has its global
/// operator new replaced by one that also adds 1 to a thread-local number.
[[nodiscard]] std::uint64_t allocations_here();

/// Makes libcrypto count its allocations. False if it has allocated before, when it no longer can.
[[nodiscard]] bool count_libcrypto();
/// Of all threads, since count_libcrypto().
[[nodiscard]] std::uint64_t allocations_in_libcrypto();

}  // namespace stint::bench
