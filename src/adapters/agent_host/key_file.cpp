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

Result<boost::json::object> read_object(const std::string& path) {
  STINT_TRY(const std::string text, read_secret(path));
  boost::system::error_code error;
  auto value = boost::json::parse(text, error);
  if (error || !value.is_object())
    return fail(Errc::invalid_argument, path + ": not a JSON object; `stint agent token` writes such a file");
  return std::move(value.get_object());
}

Result<std::vector<Pin>> find_pins(const boost::json::object& object) {
  std::vector<Pin> pins;
  const auto* list = object.if_contains("tls_pins");
  if (list == nullptr) return pins;
  if (!list->is_array() || list->get_array().size() > kPinsMax) return fail(Errc::invalid_argument, "no list of at most 8");
  for (const auto& item : list->get_array()) {
    STINT_TRY(const Pin pin, parse_pin(item.is_string() ? std::string_view{item.get_string()} : std::string_view{}));
    pins.push_back(pin);
  }
  return pins;
}

Status replace_secret(const std::string& path, const std::string& text) {
  const std::string draft = path + ".new";
  const int fd = open(draft.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return fail(Errc::io, draft + ": " + std::strerror(errno));
  const bool is_written = write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()) && fsync(fd) == 0;
  const int error = errno;
  close(fd);
  if (!is_written) return fail(error == ENOSPC || error == EDQUOT ? Errc::no_space : Errc::io, draft + ": " + std::strerror(error));
  if (rename(draft.c_str(), path.c_str()) != 0) return fail(Errc::io, path + ": " + std::strerror(errno));
  return {};
}

}  // namespace

Result<KeyFile> read_key_file(const std::string& path) {
  STINT_TRY(const auto object, read_object(path));
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
  auto pins = find_pins(object);
  if (!pins) return fail(pins.error().code, path + ": \"tls_pins\": " + pins.error().detail);
  file.tls_pins = std::move(*pins);
  return file;
}

Status write_key_file_pins(const std::string& path, const std::vector<Pin>& pins) {
  STINT_TRY(auto object, read_object(path));
  boost::json::array list;
  for (const Pin& pin : pins) list.emplace_back(to_text(pin));
  object["tls_pins"] = std::move(list);
  return replace_secret(path, boost::json::serialize(object) + "\n");
}

}  // namespace stint::agent_host
