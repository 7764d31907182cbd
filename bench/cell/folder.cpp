#include "bench/cell/folder.hpp"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>

namespace stint::bench {

Result<Folder> Folder::make() {
  const char* tmp = std::getenv("TMPDIR");
  std::string name = std::string(tmp != nullptr ? tmp : "/var/tmp") + "/stint-bench-XXXXXX";
  if (::mkdtemp(name.data()) == nullptr) return fail(Errc::io, name + ": " + std::strerror(errno));
  return Folder(name);
}

Folder::~Folder() {
  if (path_.empty()) return;
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace stint::bench
