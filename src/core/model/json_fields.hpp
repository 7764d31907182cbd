#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"

namespace stint::core {

/// Names and texts, sorted by name.
using Pairs = std::vector<std::pair<std::string, std::string>>;

/// Reads the keys of one object. The first problem of the whole document is kept, and every read after it gives the default: the caller
/// reads straight through and asks once at the end.
class Fields {
 public:
  /// `path` names the object in messages; `problem` outlives this.
  Fields(const boost::json::value& value, std::string path, std::optional<Error>& problem);

  std::string text(std::string_view key, std::string fallback = {});
  std::int64_t integer(std::string_view key, std::int64_t low, std::int64_t high, std::int64_t fallback);
  std::uint32_t count(std::string_view key, std::uint32_t fallback);
  std::int64_t amount(std::string_view key, std::int64_t fallback);
  Duration duration(std::string_view key, Duration fallback);
  bool flag(std::string_view key, bool fallback);
  std::vector<std::string> texts(std::string_view key);
  /// Sorted by name: equal specs compare equal however they were written.
  Pairs pairs(std::string_view key);
  const boost::json::array* list(std::string_view key);
  /// The value of a key that may be left out; null counts as left out.
  const boost::json::value* find(std::string_view key);

  [[nodiscard]] std::string key_path(std::string_view key) const;
  [[nodiscard]] std::string item_path(std::string_view key, std::size_t index) const;
  void report_kind(std::string_view key, const std::string& expected, const boost::json::value& got);
  void report(const std::string& path, const std::string& what);
  /// Call when every key has been asked for: what was not asked for is unknown.
  void finish();

 private:
  std::string path_;
  std::optional<Error>& problem_;
  const boost::json::object* object_ = nullptr;
  std::vector<std::string_view> known_;
};

}  // namespace stint::core
