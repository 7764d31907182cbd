#include "apps/scheduler_host/urgency.hpp"

#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <optional>

namespace stint::apps {
namespace {

/// The least that kernels take.
constexpr std::uint64_t kSliceNs = 100'000;

/// The kernel's struct sched_attr in its first version. Its header, <linux/sched/types.h>, cannot stand beside <sched.h> of glibc 2.36.
struct Attributes {
  std::uint32_t size;
  std::uint32_t policy;
  std::uint64_t flags;
  std::int32_t nice;
  std::uint32_t priority;
  std::uint64_t runtime;  ///< of SCHED_OTHER: the slice, ns
  std::uint64_t deadline;
  std::uint64_t period;
};
static_assert(sizeof(Attributes) == 48);

std::optional<Attributes> read_attributes() {
  Attributes attributes{};
  if (::syscall(SYS_sched_getattr, 0, &attributes, sizeof attributes, 0) != 0) return std::nullopt;
  return attributes;
}

}  // namespace

void ask_for_short_slices() {
  auto attributes = read_attributes();
  if (!attributes || attributes->policy != SCHED_OTHER || attributes->runtime <= kSliceNs) return;
  attributes->runtime = kSliceNs;
  static_cast<void>(::syscall(SYS_sched_setattr, 0, &*attributes, 0));  // nothing is lost but time if it is refused
}

std::uint64_t slice_ns() {
  const auto attributes = read_attributes();
  return attributes && attributes->policy == SCHED_OTHER ? attributes->runtime : 0;
}

}  // namespace stint::apps
