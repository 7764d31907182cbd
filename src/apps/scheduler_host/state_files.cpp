#include "apps/scheduler_host/state_files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "base/bytes.hpp"

namespace stint::apps {
namespace {

Errc code_of(int error) { return error == ENOSPC || error == EDQUOT ? Errc::no_space : Errc::io; }

Status write_private(const std::string& path, const std::string& text) {
  const std::string temporary = path + ".new";
  const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return fail(code_of(errno), temporary + ": " + std::strerror(errno));
  const bool written = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()) && ::fsync(fd) == 0;
  const int error = errno;
  ::close(fd);
  if (!written) return fail(code_of(error), temporary + ": " + std::strerror(error));
  if (::rename(temporary.c_str(), path.c_str()) != 0) return fail(code_of(errno), path + ": " + std::strerror(errno));
  return {};
}

bool read_file(const std::string& path, std::string& text) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return false;
  text.assign(std::istreambuf_iterator<char>(file), {});
  return true;
}

Status check_private(const std::string& path) {
  struct stat info{};
  if (::stat(path.c_str(), &info) == 0 && (info.st_mode & 077) != 0)
    return fail(Errc::forbidden, path + ": others may read this key; make it yours alone with chmod 600");
  return {};
}

}  // namespace

Status make_state_dir(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) return fail(Errc::io, "state directory " + path + ": " + error.message());
  if (::chmod(path.c_str(), 0700) != 0) return fail(Errc::io, "state directory " + path + ": " + std::strerror(errno));
  return {};
}

namespace {

Result<std::array<std::uint8_t, 32>> parse_kek(const std::string& where, std::string text, const char* remedy) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  std::array<std::uint8_t, 32> kek{};
  Bytes bytes;
  if (!from_hex(text, bytes) || bytes.size() != kek.size()) return fail(Errc::corrupt, where + ": expected 64 hexadecimal digits" + remedy);
  std::copy(bytes.begin(), bytes.end(), kek.begin());
  return kek;
}

}  // namespace

Result<std::array<std::uint8_t, 32>> load_or_make_kek(const std::string& state_dir, const char* environment, ports::Entropy& entropy) {
  const std::string path = state_dir + "/kek";
  const bool is_given = environment != nullptr && *environment != '\0';
  std::array<std::uint8_t, 32> kek{};
  if (is_given) {
    STINT_TRY(kek, parse_kek(kKekVariable, environment, "; `openssl rand -hex 32` makes some"));
  }
  std::string text;
  if (!read_file(path, text)) {
    if (is_given) return kek;
    entropy.fill(kek);
    STINT_TRY_VOID(write_private(path, to_hex(kek) + "\n"));
    return kek;
  }
  STINT_TRY_VOID(check_private(path));
  STINT_TRY(const auto stored, parse_kek(path, text, ": restore it from a backup"));
  if (is_given && stored != kek)
    return fail(Errc::conflict, std::string(kKekVariable) + " and " + path +
                                    " differ: the database opens with one of them only; unset the variable, or move the file away");
  return stored;
}

Result<std::string> load_or_make_token(const std::string& state_dir, ports::Entropy& entropy) {
  std::string text;
  if (read_file(state_dir + "/context.json", text)) {
    boost::system::error_code error;
    const auto value = boost::json::parse(text, error);
    if (!error && value.is_object())
      if (const auto* token = value.as_object().if_contains("token"); token != nullptr && token->is_string() && !token->as_string().empty())
        return std::string(token->as_string());
  }
  std::array<std::uint8_t, 24> bytes{};
  entropy.fill(bytes);
  return to_hex(bytes);
}

Status write_context(const std::string& state_dir, const ContextFile& context) {
  const boost::json::object object{{"server", context.server}, {"token", context.token}, {"tls_pin", to_text(context.pins)}};
  return write_private(state_dir + "/context.json", boost::json::serialize(object) + "\n");
}

Result<std::string> load_or_make_tls_key(const std::string& state_dir, const std::string& name) {
  const std::string path = state_dir + "/" + name;
  std::string text;
  if (!read_file(path, text)) {
    STINT_TRY(text, net::make_key());
    STINT_TRY_VOID(write_private(path, text));
    return text;
  }
  STINT_TRY_VOID(check_private(path));
  if (const auto pin = net::pin_of_key(text); !pin)
    return fail(Errc::corrupt,
                path + ": " + pin.error().detail +
                    ". Restore it from a backup; without it every agent must be told the new key: move it away to have one made");
  return text;
}

Result<bool> ensure_tls_certificate(const std::string& state_dir, const std::string& key, const net::CertificateWish& wish) {
  const std::string path = state_dir + "/tls.crt";
  std::string text;
  if (read_file(path, text) && net::find_renewal_reason(text, key, wish).empty()) return false;
  STINT_TRY(text, net::make_certificate(key, wish));
  STINT_TRY_VOID(write_private(path, text));
  return true;
}

}  // namespace stint::apps
