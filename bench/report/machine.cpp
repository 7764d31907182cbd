#include <sys/utsname.h>
#include <sys/vfs.h>

#include <array>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>
#include <utility>

#include "bench/report/report.hpp"

namespace stint::bench {
namespace {

/// The value of the first line of /proc/cpuinfo with this key; x86 and ARM name things differently.
std::string cpu_field(std::string_view key) {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const auto colon = line.find(':');
    if (colon != std::string::npos && line.rfind(key, 0) == 0) return line.substr(std::min(line.size(), colon + 2));
  }
  return {};
}

bool has_word(const std::string& text, const std::string& word) {
  std::istringstream words(text);
  for (std::string each; words >> each;) {
    if (each == word) return true;
  }
  return false;
}

/// By the magic numbers of statfs(2).
std::string file_system() {
  struct statfs stats{};
  if (statfs(".", &stats) != 0) return "unknown";
  constexpr std::array<std::pair<unsigned long, const char*>, 7> kNames{{{0xEF53, "ext4"},
                                                                         {0x01021994, "tmpfs"},
                                                                         {0x58465342, "xfs"},
                                                                         {0x9123683E, "btrfs"},
                                                                         {0x794c7630, "overlay"},
                                                                         {0x6969, "nfs"},
                                                                         {0x2fc12fc1, "zfs"}}};
  const auto type = static_cast<unsigned long>(stats.f_type);
  for (const auto& [magic, name] : kNames) {
    if (magic == type) return name;
  }
  std::ostringstream hex;
  hex << "0x" << std::hex << type;
  return hex.str();
}

}  // namespace

boost::json::object machine_facts() {
  utsname names{};
  uname(&names);
  const std::string model = cpu_field("model name");
  return {{"cpu", model.empty() ? std::string(names.machine) : model},
          {"cores", std::thread::hardware_concurrency()},
          {"sha_ni", has_word(cpu_field("flags"), "sha_ni") || has_word(cpu_field("Features"), "sha2")},
          {"kernel", std::string(names.sysname) + " " + names.release},
          {"fs", file_system()}};
}

}  // namespace stint::bench
