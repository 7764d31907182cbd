#include "bench/allocations/allocation_count.hpp"

#include <openssl/crypto.h>

#include <atomic>
#include <cstdlib>
#include <new>

namespace {

thread_local std::uint64_t here = 0;
std::atomic<std::uint64_t> in_libcrypto{0};

void* counted_new(std::size_t size) {
  ++here;
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}

void* counted_malloc(std::size_t size, const char*, int) {
  in_libcrypto.fetch_add(1, std::memory_order_relaxed);
  return std::malloc(size);
}

void* counted_realloc(void* memory, std::size_t size, const char*, int) {
  in_libcrypto.fetch_add(1, std::memory_order_relaxed);
  return std::realloc(memory, size);
}

void counted_free(void* memory, const char*, int) { std::free(memory); }

}  // namespace

void* operator new(std::size_t size) { return counted_new(size); }
void* operator new[](std::size_t size) { return counted_new(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }

namespace stint::bench {

std::uint64_t allocations_here() { return here; }

bool count_libcrypto() { return CRYPTO_set_mem_functions(counted_malloc, counted_realloc, counted_free) == 1; }

std::uint64_t allocations_in_libcrypto() { return in_libcrypto.load(std::memory_order_relaxed); }

}  // namespace stint::bench
