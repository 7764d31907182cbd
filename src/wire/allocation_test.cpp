// Replaces the global operator new of the test program to count: a steady flow of frames must not allocate.
// Left out under ThreadSanitizer, which brings an operator new of its own: two of them do not link.

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define STINT_FOREIGN_OPERATOR_NEW
#endif
#endif
#ifndef STINT_FOREIGN_OPERATOR_NEW

#include <gtest/gtest.h>

#include <cstdlib>
#include <new>

#include "wire/frame_reader.hpp"
#include "wire/frame_writer.hpp"

namespace {
std::size_t allocations = 0;

void* counted(std::size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}
}  // namespace

void* operator new(std::size_t size) { return counted(size); }
void* operator new[](std::size_t size) { return counted(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }

namespace stint::wire {
namespace {

struct Flow {
  MacKey sender{Bytes(32, 1)};
  MacKey receiver{Bytes(32, 1)};
  FrameWriter writer;
  FrameReader reader;
  AlignedBuffer scratch;
  std::uint64_t sequence = 0;

  bool carry(ByteView body, Compression compression) {
    ++sequence;
    const auto frame = writer.write({.principal = 3, .sequence = sequence}, body, sender, compression);
    if (!frame) return false;
    reader.feed(*frame);
    const auto received = reader.next();
    return received && open_frame(*received, receiver, sequence, scratch).has_value();
  }
};

TEST(Allocation, ASteadyFlowOfFramesAllocatesNothing) {
  for (const auto compression : {Compression::never, Compression::allowed}) {
    Flow flow;
    flow.reader.set_limit(limits::kBodyDefault);
    const Bytes body(100'000, 'a');
    const auto carry_all_sizes = [&] {
      for (std::size_t size = 1000; size <= body.size(); size += 1000) {
        if (!flow.carry(ByteView(body).first(size), compression)) return false;
      }
      return true;
    };
    EXPECT_TRUE(carry_all_sizes());
    const std::size_t before = allocations;
    EXPECT_TRUE(carry_all_sizes());
    EXPECT_EQ(allocations - before, 0u);
  }
}

TEST(Allocation, TheCounterCounts) {
  const std::size_t before = allocations;
  AlignedBuffer buffer;
  buffer.reserve(100);
  EXPECT_EQ(allocations - before, 1u);
}

}  // namespace
}  // namespace stint::wire

#endif  // STINT_FOREIGN_OPERATOR_NEW
