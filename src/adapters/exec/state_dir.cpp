#include "adapters/exec/state_dir.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "adapters/exec/limits.hpp"
#include "adapters/exec/system.hpp"

namespace stint::exec {
namespace {

constexpr const char* kSocketName = "keeper.sock";
constexpr const char* kLockName = "keeper.lock";

sockaddr_un socket_address(int dir) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/%s", dir, kSocketName);
  return address;
}

Result<UniqueFd> make_socket() {
  UniqueFd socket{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  if (!socket) return fail_errno("socket", errno);
  return socket;
}

Status make_directories(const std::string& path) {
  for (std::size_t at = path.find('/', 1); at != std::string::npos; at = path.find('/', at + 1)) {
    ::mkdir(path.substr(0, at).c_str(), 0700);  // what is wrong with a parent shows in the last one
  }
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return fail_errno("state directory " + path, errno);
  return {};
}

}  // namespace

Result<StateDir> StateDir::open(const std::string& path) {
  STINT_TRY_VOID(make_directories(path));
  StateDir state;
  state.dir_ = UniqueFd{::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!state.dir_) return fail_errno("state directory " + path, errno);
  for (const char* name : {"run", "spool"}) {
    if (::mkdirat(state.dir_.get(), name, 0700) != 0 && errno != EEXIST) return fail_errno(path + "/" + name, errno);
  }
  char resolved[PATH_MAX];
  if (::realpath(path.c_str(), resolved) == nullptr) return fail_errno("state directory " + path, errno);
  state.path_ = resolved;
  return state;
}

Result<std::optional<UniqueFd>> StateDir::try_lock() const {
  UniqueFd lock{::openat(dir_.get(), kLockName, O_RDWR | O_CREAT | O_CLOEXEC, 0600)};
  if (!lock) return fail_errno(path_ + "/" + kLockName, errno);
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) == 0) return lock;
  if (errno == EWOULDBLOCK) return std::nullopt;
  return fail_errno(path_ + "/" + kLockName, errno);
}

Result<UniqueFd> StateDir::listen() const {
  STINT_TRY(UniqueFd socket, make_socket());
  if (::unlinkat(dir_.get(), kSocketName, 0) != 0 && errno != ENOENT) return fail_errno(path_ + "/" + kSocketName, errno);
  ::fchmod(socket.get(), 0600);  // before bind: the file is never open to others
  const sockaddr_un address = socket_address(dir_.get());
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(socket.get(), limits::kConnectionsMax) != 0) {
    return fail_errno(path_ + "/" + kSocketName, errno);
  }
  return socket;
}

bool StateDir::is_there() const {
  struct stat info{};
  return ::fstatat(dir_.get(), kSocketName, &info, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT;
}

Result<UniqueFd> StateDir::connect() const {
  STINT_TRY(UniqueFd socket, make_socket());
  const sockaddr_un address = socket_address(dir_.get());
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return fail(Errc::unavailable, path_ + "/" + kSocketName + ": " + errno_text(errno));
  }
  STINT_TRY(const uid_t user, peer_user(socket.get()));
  if (user != ::geteuid()) return fail(Errc::forbidden, path_ + "/" + kSocketName + ": user " + std::to_string(user) + " listens there");
  return socket;
}

Result<UniqueFd> StateDir::open_dir(const char* name) const {
  UniqueFd dir{::openat(dir_.get(), name, O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!dir) return fail_errno(path_ + "/" + name, errno);
  return dir;
}

std::string report_name(const AttemptRef& ref) {
  return std::to_string(ref.task.job.value) + "." + std::to_string(ref.task.group) + "." + std::to_string(ref.task.index) + "." +
         std::to_string(ref.attempt) + ".report";
}

std::optional<AttemptRef> parse_report_name(const char* name) {
  unsigned long long job = 0;
  AttemptRef ref;
  if (std::sscanf(name, "%llu.%u.%u.%u.report", &job, &ref.task.group, &ref.task.index, &ref.attempt) != 4) return std::nullopt;
  ref.task.job = JobId{job};
  if (report_name(ref) != name) return std::nullopt;
  return ref;
}

Result<uid_t> peer_user(int socket) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return fail_errno("SO_PEERCRED", errno);
  return peer.uid;
}

}  // namespace stint::exec
