#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"

/// stint.toml: what a scheduler is told, with defaults, limits and a place for every complaint. docs/operations.md shows the file.
namespace stint::config {

/// The defaults are those of the product. Zero age, size or count: without limit.
struct SchedulerConfig {
  std::string listen = "127.0.0.1:7464";
  bool fixed_port = false;
  std::string state_dir;  ///< empty: where the command line would look
  std::string advertise;  ///< empty: what is listened on
  bool insecure_plaintext = false;
  Duration heartbeat = std::chrono::seconds{30};
  Duration keys_rotate_every = std::chrono::hours{24 * 30};
  Duration keys_grace = std::chrono::hours{24};
  std::string tls_certificate, tls_key, tls_client_ca;  ///< paths; empty: the cell's own key, any client
  std::string tls_next_pins;  ///< sha256:HEX, with commas
  std::string log_level = "info";
  Duration jobs_age = std::chrono::hours{24 * 30};
  std::uint64_t jobs_count = 100'000;
  Duration logs_age = std::chrono::hours{24 * 14};
  std::uint64_t logs_size = std::uint64_t{10} << 30;
  Duration events_age = std::chrono::hours{24 * 90};
  std::uint64_t events_count = 1'000'000;
  bool operator==(const SchedulerConfig&) const = default;
};

/// Counted from 1; 0: no place of a file, but an option or the environment, or the file as a whole.
struct ConfigProblem {
  std::uint32_t line = 0;
  std::uint32_t column = 0;
  std::string key;  ///< `retention.jobs.age`; empty: none
  std::string detail;
};

/// A setting as it counts, for people: in TOML's notation, with where it came from.
struct ConfigSetting {
  std::string key;
  std::string value;
  std::string origin;  ///< `default`, `/etc/stint/stint.toml:12`, `--listen`, `STINT_STATE_DIR`
};

/// A configuration while it is put together: the file first, then what outranks it.
class ConfigReader {
 public:
  /// All problems of the file at once; what is wrong keeps its default.
  void read_file(std::string_view text, const std::string& name);
  /// `text` as on a command line, without quotes. A problem names `origin`.
  void set(std::string_view key, std::string_view text, const std::string& origin);
  /// What only shows when everything is known: an address beyond this machine. Once, at the end.
  void check_together();

  [[nodiscard]] const SchedulerConfig& config() const { return config_; }
  [[nodiscard]] const std::vector<ConfigProblem>& problems() const { return problems_; }
  [[nodiscard]] bool is_default(std::string_view key) const { return !origins_.contains(key); }
  [[nodiscard]] std::vector<ConfigSetting> settings() const;

 private:
  struct FileWalk;
  void complain(std::uint32_t line, std::uint32_t column, std::string key, std::string detail);

  SchedulerConfig config_;
  std::map<std::string, std::string, std::less<>> origins_;
  std::vector<ConfigProblem> problems_;
};

/// A file with every setting at its default and a comment above it.
[[nodiscard]] std::string default_config_file();

}  // namespace stint::config
