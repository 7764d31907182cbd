#include "bench/agent/agent_bench.hpp"

#include <elf.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <ostream>
#include <string>
#include <thread>
#include <vector>

#include "bench/agent/frame_tap.hpp"
#include "bench/cell/cell_processes.hpp"
#include "bench/report/report.hpp"

namespace stint::bench {
namespace {

constexpr double kMiB = 1024.0 * 1024.0;
constexpr double kMB = 1e6;
constexpr double kFileMBMax = 8;
constexpr double kPlainMiBMax = 6;
constexpr double kTlsMiBMax = 8;
constexpr double kAnonymousMiBMax = 2;
constexpr double kHeartbeatBytesMax = 136;
constexpr auto kIdleTime = std::chrono::seconds(12);  ///< a start, its settling, and a dozen heartbeats
constexpr const char* kSettings = "[scheduler]\nheartbeat = \"1s\"\n";

/// What is left of the file when it is stripped: everything up to the end of the last loaded segment.
Result<double> loaded_bytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  Elf64_Ehdr head{};
  if (!file.read(reinterpret_cast<char*>(&head), sizeof head) || std::memcmp(head.e_ident, ELFMAG, SELFMAG) != 0)
    return fail(Errc::io, path + ": not an ELF program that can be read");
  std::uint64_t end = 0;
  for (std::size_t i = 0; i < head.e_phnum; ++i) {
    Elf64_Phdr segment{};
    file.seekg(static_cast<std::streamoff>(head.e_phoff + i * head.e_phentsize));
    if (!file.read(reinterpret_cast<char*>(&segment), sizeof segment)) return fail(Errc::io, path + ": program headers cannot be read");
    if (segment.p_type == PT_LOAD) end = std::max(end, segment.p_offset + segment.p_filesz);
  }
  return static_cast<double>(end);
}

/// VmRSS, RssAnon … of /proc/PID/status, in bytes.
Result<std::map<std::string, double>> read_memory(pid_t pid) {
  const std::string path = "/proc/" + std::to_string(pid) + "/status";
  std::ifstream file(path);
  std::map<std::string, double> found;
  for (std::string line; std::getline(file, line);) {
    const auto colon = line.find(':');
    if (colon == std::string::npos || !line.ends_with(" kB")) continue;
    found[line.substr(0, colon)] = std::stod(line.substr(colon + 1)) * 1024;
  }
  if (!found.contains("VmRSS") || !found.contains("RssAnon")) return fail(Errc::io, path + ": no VmRSS and RssAnon: the agent has ended");
  return found;
}

std::string agent_program() { return (std::filesystem::read_symlink("/proc/self/exe").parent_path() / "stint-agent").string(); }

/// One idle agent's row and bars.
Status measure_idle(CellProcesses& cell, const std::string& transport, const std::string& server, double most_mib, Report& report) {
  STINT_TRY(const auto pid, cell.start_program(agent_program(), server));
  std::this_thread::sleep_for(kIdleTime);
  STINT_TRY(const auto memory, read_memory(pid));
  report.rows.push_back({{"transport", transport},
                         {"rss_bytes", memory.at("VmRSS")},
                         {"anonymous_bytes", memory.at("RssAnon")},
                         {"peak_rss_bytes", memory.contains("VmHWM") ? memory.at("VmHWM") : 0.0}});
  report.bars.push_back({"idle RSS, MiB, " + transport, memory.at("VmRSS") / kMiB, "<=", most_mib});
  report.bars.push_back({"idle anonymous memory, MiB, " + transport, memory.at("RssAnon") / kMiB, "<=", kAnonymousMiBMax});
  return {};
}

/// The frames of an idle agent after its first ones are heartbeats.
Status measure_heartbeats(const FrameTap& tap, std::size_t seen_before, Report& report) {
  const auto sizes = tap.frame_sizes();
  if (sizes.size() < seen_before + 3) return fail(Errc::unavailable, "fewer than three heartbeats came");
  const auto largest = *std::max_element(sizes.begin() + static_cast<std::ptrdiff_t>(seen_before), sizes.end());
  report.notes["heartbeats_seen"] = sizes.size() - seen_before;
  report.bars.push_back({"heartbeat frame, bytes", static_cast<double>(largest), "<=", kHeartbeatBytesMax});
  return {};
}

Status measure(Report& report) {
  STINT_TRY(const double bytes, loaded_bytes(agent_program()));
  report.notes["program_bytes"] = bytes;
  report.bars.push_back({"stint-agent stripped, MB", bytes / kMB, "<=", kFileMBMax});

  STINT_TRY(auto cell, CellProcesses::start({.agents = 0, .cpus = 1, .settings = kSettings}));
  STINT_TRY(const auto tap, FrameTap::start(cell->server()));
  STINT_TRY_VOID(measure_idle(*cell, "plain", tap->address(), kPlainMiBMax, report));
  const std::size_t seen = tap->frame_sizes().size();
  std::this_thread::sleep_for(std::chrono::seconds(5));
  STINT_TRY_VOID(measure_heartbeats(*tap, seen, report));
  return measure_idle(*cell, "TLS", "https://" + cell->server(), kTlsMiBMax, report);
}

}  // namespace

int run_agent_bench(bool json, std::ostream& out) {
  Report report;
  report.bench = "agent";
  report.rounds = 1;
  if (const Status measured = measure(report); !measured) {
    out << "bench agent: " << measured.error().detail << "\n";
    return 2;
  }
  return print(report, json, out);
}

}  // namespace stint::bench
