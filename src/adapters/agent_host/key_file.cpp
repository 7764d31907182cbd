#include "adapters/agent_host/key_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cerrno>
#include <cstring>
#include <limits>
#include <optional>
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

namespace json = boost::json;

struct Text {
  std::string path;
  json::object object;
};

Result<Text> parse_file(const std::string& path) {
  STINT_TRY(const std::string text, read_secret(path));
  boost::system::error_code error;
  auto value = json::parse(text, error);
  if (error || !value.is_object())
    return fail(Errc::invalid_argument, path + ": not a JSON object; `stint agent token` writes such a file");
  return Text{path, std::move(value.get_object())};
}

Result<std::array<std::uint8_t, 32>> read_digits(const std::string& path, std::string_view name, std::string_view digits) {
  std::array<std::uint8_t, 32> out{};
  Bytes bytes;
  if (!from_hex(digits, bytes) || bytes.size() != out.size())
    return fail(Errc::invalid_argument, path + ": \"" + std::string(name) + "\" must be 64 hexadecimal digits");
  std::copy(bytes.begin(), bytes.end(), out.begin());
  return out;
}

Result<ports::HeldKey> read_key(const std::string& path, const json::object& object) {
  ports::HeldKey key;
  const auto epoch = find_number(object, "key_epoch");
  if (epoch == 0 || epoch > std::numeric_limits<std::uint16_t>::max())
    return fail(Errc::invalid_argument, path + ": \"key_epoch\" must be a number from 1 to 65535");
  key.epoch.value = static_cast<std::uint16_t>(epoch);
  key.generation = static_cast<std::uint32_t>(find_number(object, "generation"));
  STINT_TRY(key.key, read_digits(path, "key", find_text(object, "key")));
  return key;
}

Result<std::vector<Pin>> read_pins(const std::string& path, const json::object& object) {
  const auto wrong = [&](const std::string& why) { return fail(Errc::invalid_argument, path + ": \"tls_pins\": " + why); };
  std::vector<Pin> pins;
  const auto* list = object.if_contains("tls_pins");
  if (list == nullptr) return pins;
  if (!list->is_array() || list->get_array().size() > kPinsMax) return wrong("no list of at most " + std::to_string(kPinsMax));
  for (const auto& item : list->get_array()) {
    auto pin = parse_pin(item.is_string() ? std::string_view{item.get_string()} : std::string_view{});
    if (!pin) return wrong(pin.error().detail);
    pins.push_back(*pin);
  }
  return pins;
}

json::object key_json(const ports::HeldKey& key) {
  return {{"key_epoch", key.epoch.value}, {"key", to_hex(key.key)}, {"generation", key.generation}};
}

Status fail_with_errno(const std::string& path) {
  const int error = errno;
  const bool is_full = error == ENOSPC || error == EDQUOT;
  const bool is_closed = error == EACCES || error == EPERM || error == EROFS;
  return fail(is_full ? Errc::no_space : is_closed ? Errc::forbidden : Errc::io, path + ": " + std::strerror(error));
}

Status sync_directory_of(const std::string& path) {
  const auto slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
  const int fd = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return fail_with_errno(folder);
  const bool is_synced = fsync(fd) == 0;
  close(fd);
  return is_synced ? Status{} : fail_with_errno(folder);
}

/// Either the old file or the new one is there, whatever dies meanwhile; when this returns, the new one.
Status replace_file(const std::string& path, const std::string& text) {
  const std::string draft = path + ".new";
  const int fd = open(draft.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return fail_with_errno(draft);
  const bool is_written =
      fchmod(fd, 0600) == 0 && write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()) && fsync(fd) == 0;
  auto status = is_written ? Status{} : fail_with_errno(draft);
  close(fd);
  if (status && rename(draft.c_str(), path.c_str()) != 0) status = fail_with_errno(path);
  if (!status) {
    unlink(draft.c_str());
    return status;
  }
  return sync_directory_of(path);
}

}  // namespace

Result<KeyFile> read_key_file(const std::string& path) {
  STINT_TRY(const auto text, parse_file(path));
  const auto& object = text.object;
  KeyFile file;
  file.server = find_text(object, "server");
  file.name = find_text(object, "name");
  file.token = find_text(object, "token");
  file.agent.value = find_number(object, "agent");
  if (!file.agent) return fail(Errc::invalid_argument, path + ": \"agent\" must be the agent's number, 1 or more");
  STINT_TRY(auto newest, read_key(path, object));
  file.keys.push_back(newest);
  if (const auto* older = object.if_contains("older_keys"); older != nullptr && older->is_array())
    for (const auto& item : older->get_array()) {
      if (!item.is_object()) return fail(Errc::invalid_argument, path + ": \"older_keys\" must be a list of objects");
      STINT_TRY(auto key, read_key(path, item.get_object()));
      file.keys.push_back(key);
    }
  STINT_TRY(file.tls_pins, read_pins(path, object));
  return file;
}

namespace {

constexpr const char* kBase = "base_key";  // of the fallback: the key in the key file that it goes on from

/// What stands in `fallback_path` if it goes on from that key file; else none.
std::optional<json::object> find_fallback(const json::object& file, const std::string& fallback_path) {
  if (access(fallback_path.c_str(), F_OK) != 0) return std::nullopt;
  auto kept = parse_file(fallback_path);
  if (!kept || find_text(kept->object, kBase) != find_text(file, "key")) return std::nullopt;
  return std::move(kept->object);
}

template <class Change>
Status rewrite(const std::string& path, const std::string& fallback_path, const Change& change) {
  STINT_TRY(auto text, parse_file(path));
  const std::string base = find_text(text.object, "key");
  auto kept = find_fallback(text.object, fallback_path);
  json::object object = kept ? std::move(*kept) : std::move(text.object);
  change(object);
  object.erase(kBase);
  auto status = replace_file(path, json::serialize(object) + "\n");
  if (status || status.error().code != Errc::forbidden) return status;
  object[kBase] = base;
  return replace_file(fallback_path, json::serialize(object) + "\n");
}

}  // namespace

Result<KeyFile> KeyFiles::read() const {
  STINT_TRY(const auto text, parse_file(path_));
  if (find_fallback(text.object, fallback_path_)) return read_key_file(fallback_path_);
  return read_key_file(path_);
}

Status KeyFiles::write_keys(const std::vector<ports::HeldKey>& keys) {
  return rewrite(path_, fallback_path_, [&](json::object& object) {
    for (const auto& [name, value] : key_json(keys.front())) object[name] = value;
    json::array older;
    for (std::size_t i = 1; i < keys.size(); ++i) older.push_back(key_json(keys[i]));
    object["older_keys"] = std::move(older);
  });
}

Status KeyFiles::write_pins(const std::vector<Pin>& pins) {
  STINT_TRY(const auto held, read());
  if (held.tls_pins == pins) return {};
  return rewrite(path_, fallback_path_, [&](json::object& object) {
    json::array list;
    for (const auto& pin : pins) list.emplace_back(to_text(pin));
    object["tls_pins"] = std::move(list);
  });
}

}  // namespace stint::agent_host
