#include "apps/stint/dev_state.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>

#include "apps/stint/files.hpp"

namespace stint::cli {

namespace fs = std::filesystem;
namespace json = boost::json;

static constexpr std::string_view kRecordSchema = "stint.dev/1";

std::vector<std::string> DevState::find_agent_dirs() const {
  std::vector<std::string> dirs;
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator(dir_ + "/agents", failed))
    if (entry.is_directory(failed)) dirs.push_back(entry.path().string());
  return dirs;
}

std::vector<std::size_t> DevState::find_agents_beyond(std::size_t count) const {
  std::vector<std::size_t> numbers;
  for (const std::string& dir : find_agent_dirs()) {
    const std::string name = fs::path(dir).filename().string();
    std::size_t number = 0;
    const auto [end, failed] = std::from_chars(name.data(), name.data() + name.size(), number);
    if (failed == std::errc() && end == name.data() + name.size() && number > count) numbers.push_back(number);
  }
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

Status DevState::lock() {
  STINT_TRY_VOID(make_private_dir(dir_));
  const std::string path = dir_ + "/dev.lock";
  lock_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock_ < 0) return fail(Errc::io, path + ": " + std::strerror(errno));
  if (::flock(lock_, LOCK_EX | LOCK_NB) == 0) return {};
  if (errno != EWOULDBLOCK) return fail(Errc::io, path + ": " + std::strerror(errno));
  return fail(Errc::already_exists, "`stint dev` runs already in " + dir_ + "; `stint dev stop` ends it, `stint dev status` shows it");
}

Status DevState::write_record() const {
  const exec::ProcessId self = exec::identify(::getpid());
  const json::object record{{"schema", kRecordSchema},
                            {"pid", self.pid},
                            {"start_ticks", self.start_ticks},
                            {"boot_id", self.boot_id},
                            {"version", STINT_VERSION}};
  return write_private_file(dir_ + "/dev.json", json::serialize(record) + "\n");
}

Result<std::optional<exec::ProcessId>> DevState::find_process() const {
  const auto text = read_file(dir_ + "/dev.json");
  if (!text && text.error().code == Errc::not_found) return std::nullopt;
  if (!text) return tl::unexpected<Error>(text.error());
  json::error_code failed;
  const json::value value = json::parse(*text, failed);
  const json::object* record = failed ? nullptr : value.if_object();
  const auto field = [&](const char* key) { return record != nullptr ? record->if_contains(key) : nullptr; };
  const json::value *schema = field("schema"), *pid = field("pid"), *ticks = field("start_ticks"), *boot = field("boot_id");
  const bool is_ours = schema != nullptr && schema->is_string() && std::string_view(schema->get_string()) == kRecordSchema &&
                       pid != nullptr && pid->is_number() && ticks != nullptr && ticks->is_number() && boot != nullptr && boot->is_string();
  if (!is_ours) return fail(Errc::corrupt, dir_ + "/dev.json was written by another version of stint; stop it with that version");
  exec::ProcessId process{pid->to_number<std::int64_t>(), ticks->to_number<std::uint64_t>(), std::string(boot->get_string())};
  return exec::is_alive(process) ? std::optional(std::move(process)) : std::nullopt;
}

Status DevState::link_context() const {
  const std::string path = dir_ + "/context.json";
  const std::string draft = path + "." + random_hex(4);
  if (::symlink("scheduler/context.json", draft.c_str()) == 0 && ::rename(draft.c_str(), path.c_str()) == 0) return {};
  return fail(Errc::io, path + ": " + std::strerror(errno));
}

void DevState::clean_up() const {
  ::unlink((dir_ + "/context.json").c_str());
  ::unlink((dir_ + "/dev.json").c_str());
}

}  // namespace stint::cli
