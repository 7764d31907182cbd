#include "apps/stint-agent/environment.hpp"

#include <cstdlib>

namespace stint {

std::string environment(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): one thread, before anything else runs
  return value == nullptr ? std::string{} : std::string{value};
}

Result<std::string> find_base_dir(const std::string& option) {
  if (!option.empty()) return option;
  if (auto base = environment("STINT_STATE_DIR"); !base.empty()) return base;
  if (const auto xdg = environment("XDG_STATE_HOME"); !xdg.empty()) return xdg + "/stint";
  if (const auto home = environment("HOME"); !home.empty()) return home + "/.local/state/stint";
  return fail(Errc::invalid_argument, "no state directory: HOME is not set; name one with --state-dir or STINT_STATE_DIR");
}

}  // namespace stint
