#include "adapters/agent_host/system.hpp"

#include <dirent.h>
#include <link.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <ctime>
#include <fstream>
#include <optional>
#include <string_view>

#include "base/assert.hpp"

namespace stint::agent_host {
namespace {

std::string read_first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

std::optional<std::int64_t> read_number(const std::string& path) {
  const auto line = read_first_line(path);
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), value);
  if (error != std::errc{} || end == line.data()) return std::nullopt;
  return value;
}

std::int64_t count_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
  return std::max<std::int64_t>(sysconf(_SC_NPROCESSORS_ONLN), 1);
}

/// The memory limit of the cgroup at the root of what this process sees: that of a container. "max" reads as no number.
std::int64_t count_memory() {
  std::int64_t bytes = static_cast<std::int64_t>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGESIZE);
  for (const auto* path : {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"})
    if (const auto limit = read_number(path); limit && *limit > 0) bytes = std::min(bytes, *limit);
  return bytes;
}

/// /dev/nvidia0, /dev/nvidia1 …: what a CUDA program needs to open, with or without nvidia-smi installed.
std::int64_t count_gpus() {
  DIR* folder = opendir("/dev");
  if (folder == nullptr) return 0;
  std::int64_t count = 0;
  while (const auto* entry = readdir(folder)) {
    std::string_view name = entry->d_name;
    if (!name.starts_with("nvidia")) continue;
    name.remove_prefix(std::string_view{"nvidia"}.size());
    const auto is_digit = [](char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; };
    if (!name.empty() && std::all_of(name.begin(), name.end(), is_digit)) ++count;
  }
  closedir(folder);
  return count;
}

std::int64_t count_storage(const std::string& path) {
  struct statvfs disk{};
  if (statvfs(path.c_str(), &disk) != 0) return 0;
  return static_cast<std::int64_t>(disk.f_bavail) * static_cast<std::int64_t>(disk.f_frsize);
}

Duration read_clock(clockid_t id) {
  timespec t{};
  STINT_ASSERT(clock_gettime(id, &t) == 0);
  return std::chrono::seconds{t.tv_sec} + std::chrono::nanoseconds{t.tv_nsec};
}

}  // namespace

Now read_now() { return {Instant{read_clock(CLOCK_BOOTTIME)}, unix_millis(to_ms(read_clock(CLOCK_REALTIME)))}; }

void KernelEntropy::fill(std::span<std::uint8_t> out) {
  while (!out.empty()) {
    const auto got = getrandom(out.data(), out.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    STINT_ASSERT(got > 0);  // without random bytes there are no safe nonces
    out = out.subspan(static_cast<std::size_t>(got));
  }
}

std::string read_boot_id() { return read_first_line("/proc/sys/kernel/random/boot_id"); }

std::string read_host_name() {
  std::array<char, 256> name{};
  return gethostname(name.data(), name.size() - 1) == 0 ? std::string{name.data()} : std::string{"unknown"};
}

Resources detect_resources(const std::string& state_dir) {
  Resources found;
  found.cpu_millis = count_cpus() * 1000;
  found.memory_bytes = count_memory();
  found.gpus = count_gpus();
  found.storage_bytes = count_storage(state_dir);
  return found;
}

namespace {

/// Of the program or one of its libraries: what is mapped from the file and cannot have been written to.
int forget_pages_of(dl_phdr_info* object, std::size_t /*size*/, void* /*unused*/) {
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  for (int i = 0; i < object->dlpi_phnum; ++i) {
    const auto& segment = object->dlpi_phdr[i];
    if (segment.p_type != PT_LOAD || (segment.p_flags & PF_W) != 0) continue;
    const std::uintptr_t begin = (object->dlpi_addr + segment.p_vaddr) & ~(page - 1);
    const std::uintptr_t end = object->dlpi_addr + segment.p_vaddr + segment.p_memsz;
    // NOLINTNEXTLINE(performance-no-int-to-ptr): the loader says addresses as numbers
    ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);  // a hint: nothing is lost if it is not taken
  }
  return 0;
}

}  // namespace

void forget_program_pages() { ::dl_iterate_phdr(forget_pages_of, nullptr); }

}  // namespace stint::agent_host
