#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

#include "base/bytes.hpp"

/// Reading vector files in tests. A missing file or field throws, and the test fails.
namespace stint {

inline boost::json::value read_json(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file) << path;
  const std::string text(std::istreambuf_iterator<char>(file), {});
  return boost::json::parse(text);
}

inline std::string text_of(const boost::json::object& vector, std::string_view field) { return std::string(vector.at(field).as_string()); }

inline Bytes bytes_of(const boost::json::object& vector, std::string_view field) {
  Bytes out;
  EXPECT_TRUE(from_hex(text_of(vector, field), out)) << field;
  return out;
}

template <std::size_t kSize>
std::array<std::uint8_t, kSize> array_of(const boost::json::object& vector, std::string_view field) {
  const Bytes bytes = bytes_of(vector, field);
  std::array<std::uint8_t, kSize> out{};
  EXPECT_EQ(bytes.size(), kSize) << field;
  std::copy_n(bytes.begin(), std::min(bytes.size(), kSize), out.begin());
  return out;
}

}  // namespace stint
