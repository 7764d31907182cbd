#include "bench/latency/disk_probe.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

namespace stint::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kPage = 4096;
constexpr std::size_t kFile = 1024 * kPage;   ///< as long as SQLite lets its log become

std::array<char, kPage> page_of(char byte) {
  std::array<char, kPage> page;
  page.fill(byte);
  return page;
}

}  // namespace

Result<DiskProbe> DiskProbe::make(const std::filesystem::path& folder) {
  const std::string path = folder / "probe";
  DiskProbe probe(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (probe.file_ < 0) return fail(Errc::io, path + ": " + std::strerror(errno));
  const auto page = page_of(0);
  for (std::size_t at = 0; at < kFile; at += kPage)
    if (::pwrite(probe.file_, page.data(), kPage, static_cast<off_t>(at)) != static_cast<ssize_t>(kPage))
      return fail(Errc::io, path + ": " + std::strerror(errno));
  if (::fsync(probe.file_) != 0) return fail(Errc::io, path + ": " + std::strerror(errno));
  return probe;
}

DiskProbe::~DiskProbe() {
  if (file_ >= 0) ::close(file_);
}

DiskProbe::DiskProbe(DiskProbe&& other) noexcept : file_(std::exchange(other.file_, -1)), next_(other.next_) {}

Result<double> DiskProbe::time_once() {
  const auto page = page_of(static_cast<char>(next_ / kPage));
  const auto start = Clock::now();
  if (::pwrite(file_, page.data(), kPage, static_cast<off_t>(next_)) != static_cast<ssize_t>(kPage) || ::fdatasync(file_) != 0)
    return fail(Errc::io, std::string("fdatasync: ") + std::strerror(errno));
  next_ = (next_ + kPage) % kFile;
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

}  // namespace stint::bench
