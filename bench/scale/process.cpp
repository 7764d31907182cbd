#include "bench/scale/process.hpp"

#include <time.h>

#include <cstring>
#include <fstream>
#include <string>
#include <string_view>

namespace stint::bench {

namespace {

/// The number behind `label` in a file of /proc.
Result<double> read_number(pid_t process, const char* file_name, std::string_view label) {
  const std::string path = "/proc/" + std::to_string(process) + "/" + file_name;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);)
    if (line.starts_with(label)) return std::stod(line.substr(label.size()));
  return fail(Errc::io, path + ": no " + std::string(label) + " the process has ended");
}

}  // namespace

Result<double> resident_bytes(pid_t process) {
  STINT_TRY(const double kib, read_number(process, "status", "VmRSS:"));
  return kib * 1024;
}

// What is counted as on its way to the disk is whole folios of the page cache, however little of them was written.
Result<double> written_bytes(pid_t process) { return read_number(process, "io", "wchar:"); }

Result<Duration> cpu_time(pid_t process) {
  clockid_t clock{};
  timespec time{};
  const int error = ::clock_getcpuclockid(process, &clock);
  if (error != 0) return fail(Errc::io, "processor time of process " + std::to_string(process) + ": " + std::strerror(error));
  ::clock_gettime(clock, &time);
  return std::chrono::seconds{time.tv_sec} + std::chrono::nanoseconds{time.tv_nsec};
}

}  // namespace stint::bench
