#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace stint::client {

struct KeyEpochView {
  std::uint64_t epoch = 0;
  std::string state;        ///< next, current, accepted, retired, removed
  std::uint64_t agents = 0;
  std::string installed_at;
  std::string retire_at;
  std::string retired_at;
  std::string removed_at;
};

/// An agent whose last session was under an older key than the current one.
struct BehindView {
  std::string agent;
  std::uint64_t epoch = 0;
  std::string key_state;
  bool connected = false;
  std::string last_seen_at;
};

/// GET /v1/keys
struct KeysView {
  std::vector<KeyEpochView> epochs;
  std::uint64_t current = 0;
  std::string next_rotation_at;  ///< empty: never by itself
  std::vector<BehindView> behind;
};

/// Errors:  corrupt  not what the scheduler answers.
[[nodiscard]] Result<KeysView> parse_keys_view(std::string_view json);

}  // namespace stint::client
