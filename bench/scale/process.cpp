#include "bench/scale/process.hpp"

#include <time.h>

#include <cstring>
#include <fstream>
#include <string>

namespace stint::bench {

Result<double> resident_bytes(pid_t process) {
  const std::string path = "/proc/" + std::to_string(process) + "/status";
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("VmRSS:")) return std::stod(line.substr(line.find(':') + 1)) * 1024;
  return fail(Errc::io, path + ": no VmRSS: the process has ended");
}

Result<Duration> cpu_time(pid_t process) {
  clockid_t clock{};
  timespec time{};
  const int error = ::clock_getcpuclockid(process, &clock);
  if (error != 0) return fail(Errc::io, "processor time of process " + std::to_string(process) + ": " + std::strerror(error));
  ::clock_gettime(clock, &time);
  return std::chrono::seconds{time.tv_sec} + std::chrono::nanoseconds{time.tv_nsec};
}

}  // namespace stint::bench
