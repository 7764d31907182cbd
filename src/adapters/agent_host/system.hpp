#pragma once

#include <span>
#include <string>

#include "base/resources.hpp"
#include "base/time.hpp"
#include "ports/entropy.hpp"

/// What the agent's process asks the kernel for.
namespace stint::agent_host {

/// CLOCK_BOOTTIME (it goes on while the machine sleeps) and the wall clock.
[[nodiscard]] Now read_now();

/// The kernel's random bytes.
class KernelEntropy final : public ports::Entropy {
 public:
  void fill(std::span<std::uint8_t> out) override;
};

/// Of /proc/sys/kernel/random/boot_id; empty if there is none.
[[nodiscard]] std::string read_boot_id();
[[nodiscard]] std::string read_host_name();

/// The CPUs this process may run on, the machine's memory or the cgroup's limit if that is less, the GPUs with a device file, and what is
/// free
/// on the disk of `state_dir`.
[[nodiscard]] Resources detect_resources(const std::string& state_dir);

/// Gives back the program's own pages in memory, code and constants: those that only the start needed do not come again. What is needed
/// is read again from the kernel's cache of the file. Worth its while once, some time after the start.
void forget_program_pages();

}  // namespace stint::agent_host
