#include "apps/stint/files.hpp"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "apps/stint/report.hpp"
#include "base/assert.hpp"
#include "base/bytes.hpp"

namespace stint::cli {

namespace fs = std::filesystem;

static tl::unexpected<Error> io_error(const std::string& path) { return fail(Errc::io, path + ": " + std::strerror(errno)); }

Result<std::string> find_state_dir(const CommonOptions& options) {
  STINT_TRY(const std::string chosen, find_base_dir(options.state_dir));
  std::error_code failed;
  const fs::path path = fs::absolute(chosen, failed);
  if (failed) return fail(Errc::io, chosen + ": " + failed.message());
  std::string text = path.lexically_normal().string();
  while (text.size() > 1 && text.back() == '/') text.pop_back();
  return text;
}

Result<std::string> read_file(const std::string& path) {
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) return fail(Errc::io, path + ": " + std::strerror(EISDIR));
  std::ifstream file(path, std::ios::binary);
  if (!file) return fail(errno == ENOENT ? Errc::not_found : Errc::io, path + ": " + std::strerror(errno));
  std::ostringstream text;
  text << file.rdbuf();
  if (file.bad()) return io_error(path);
  return std::move(text).str();
}

Status write_private_file(const std::string& path, const std::string& text) {
  const std::string draft = path + "." + random_hex(4);
  const int fd = ::open(draft.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return io_error(draft);
  const bool is_written = write_all(fd, text) && ::fsync(fd) == 0;
  const bool is_there = ::close(fd) == 0 && is_written && ::rename(draft.c_str(), path.c_str()) == 0;
  if (is_there) return {};
  const auto failure = io_error(path);
  ::unlink(draft.c_str());
  return failure;
}

Status make_private_dir(const std::string& path) {
  const mode_t before = ::umask(0077);
  std::error_code failed;
  fs::create_directories(path, failed);
  ::umask(before);
  if (failed) return fail(Errc::io, path + ": " + failed.message());
  return {};
}

std::string random_hex(std::size_t count) {
  Bytes bytes(count);
  STINT_ASSERT(::getrandom(bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()));
  return to_hex(bytes);
}

std::string own_executable() {
  std::error_code failed;
  return fs::read_symlink("/proc/self/exe", failed).string();
}

std::string sibling_executable(const std::string& name) { return (fs::path(own_executable()).parent_path() / name).string(); }

}  // namespace stint::cli
