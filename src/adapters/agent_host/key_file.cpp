#include "adapters/agent_host/key_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cerrno>
#include <cstring>
#include <limits>
#include <string_view>

#include "adapters/agent_host/limits.hpp"
#include "base/bytes.hpp"

namespace stint::agent_host {
namespace {

Result<std::string> read_secret(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return fail(Errc::io, path + ": " + std::strerror(errno));
  struct stat info{};
  std::string text(limits::kKeyFileMax, '\0');
  const auto is_seen = fstat(fd, &info) == 0;
  const auto got = read(fd, text.data(), text.size());
  const auto error = errno;
  close(fd);
  if (!is_seen || got < 0) return fail(Errc::io, path + ": " + std::strerror(error));
  if ((info.st_mode & 077) != 0) return fail(Errc::forbidden, path + ": others may read this key; run: chmod 600 " + path);
  text.resize(static_cast<std::size_t>(got));
  return text;
}

std::string find_text(const boost::json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  return value != nullptr && value->is_string() ? std::string{std::string_view{value->get_string()}} : std::string{};
}

std::uint64_t find_number(const boost::json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  return value != nullptr && value->is_int64() && value->get_int64() > 0 ? static_cast<std::uint64_t>(value->get_int64()) : 0;
}

}  // namespace

Result<KeyFile> read_key_file(const std::string& path) {
  STINT_TRY(const std::string text, read_secret(path));
  boost::system::error_code error;
  const auto value = boost::json::parse(text, error);
  if (error || !value.is_object())
    return fail(Errc::invalid_argument, path + ": not a JSON object; `stint agent token` writes such a file");
  const auto& object = value.get_object();
  const auto wrong = [&](const std::string& key, const std::string& want) {
    return fail(Errc::invalid_argument, path + ": \"" + key + "\" must be " + want);
  };

  KeyFile file;
  file.server = find_text(object, "server");
  file.name = find_text(object, "name");
  file.agent.value = find_number(object, "agent");
  const auto epoch = find_number(object, "key_epoch");
  Bytes key;
  if (!file.agent) return wrong("agent", "the agent's number, 1 or more");
  if (epoch == 0 || epoch > std::numeric_limits<std::uint16_t>::max()) return wrong("key_epoch", "a number from 1 to 65535");
  if (!from_hex(find_text(object, "key"), key) || key.size() != file.key.size()) return wrong("key", "64 hexadecimal digits");
  file.key_epoch.value = static_cast<std::uint16_t>(epoch);
  std::copy(key.begin(), key.end(), file.key.begin());
  return file;
}

}  // namespace stint::agent_host
