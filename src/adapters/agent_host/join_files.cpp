#include "adapters/agent_host/join_files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "base/bytes.hpp"

namespace stint::agent_host {
namespace {

namespace fs = std::filesystem;

tl::unexpected<Error> io_error(const std::string& path, int error) { return fail(Errc::io, path + ": " + std::strerror(error)); }

Status sync_folder(const std::string& path) {
  const fs::path parent = fs::path(path).parent_path();
  const std::string folder = parent.empty() ? "." : parent.string();
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return io_error(folder, errno);
  const bool is_synced = ::fsync(fd) == 0;
  const int error = errno;
  ::close(fd);
  return is_synced ? Status{} : io_error(folder, error);
}

/// All of it or nothing, whatever happens, and durable when this returns.
Status write_durably(const std::string& path, const std::string& text) {
  const std::string draft = path + ".new";
  ::unlink(draft.c_str());  // of a run that was interrupted
  const int fd = ::open(draft.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return io_error(draft, errno);
  const bool is_written = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()) && ::fsync(fd) == 0;
  const int error = errno;
  ::close(fd);
  if (!is_written) return io_error(draft, error);
  if (::rename(draft.c_str(), path.c_str()) != 0) return io_error(path, errno);
  return sync_folder(path);
}

}  // namespace

Result<std::array<std::uint8_t, 32>> load_or_make_signing_key(const std::string& path, ports::Entropy& entropy) {
  std::array<std::uint8_t, 32> seed{};
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0 && errno != ENOENT) return io_error(path, errno);
  if (fd < 0) {
    entropy.fill(seed);
    STINT_TRY_VOID(write_durably(path, to_hex(seed) + "\n"));
    return seed;
  }
  struct stat info{};
  std::array<char, 80> text{};
  const bool is_seen = ::fstat(fd, &info) == 0;
  const auto got = ::read(fd, text.data(), text.size());
  const int error = errno;
  ::close(fd);
  if (!is_seen || got < 0) return io_error(path, error);
  if ((info.st_mode & 077) != 0) return fail(Errc::forbidden, path + ": others may read this key; run: chmod 600 " + path);
  std::string_view digits(text.data(), static_cast<std::size_t>(got));
  if (digits.ends_with('\n')) digits.remove_suffix(1);
  Bytes bytes;
  if (!from_hex(digits, bytes) || bytes.size() != seed.size())
    return fail(Errc::corrupt, path + ": expected 64 hexadecimal digits; remove it if no agent has joined with it");
  std::copy(bytes.begin(), bytes.end(), seed.begin());
  return seed;
}

Status write_joined_key(const std::string& path, const JoinedKey& key) {
  namespace json = boost::json;
  json::object object{{"server", key.server},
                      {"agent", key.agent.value},
                      {"name", key.name},
                      {"key_epoch", key.key.epoch.value},
                      {"key", to_hex(key.key.key)},
                      {"generation", key.key.generation},
                      {"signing_key", fs::path(signing_key_path(path)).filename().string()},
                      {"token", key.token}};
  json::array pins;
  for (const Pin& pin : key.tls_pins) pins.emplace_back(to_text(pin));
  object["tls_pins"] = std::move(pins);
  return write_durably(path, json::serialize(object) + "\n");
}

}  // namespace stint::agent_host
