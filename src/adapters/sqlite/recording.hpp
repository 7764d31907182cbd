#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>

#include "adapters/sqlite/database.hpp"
#include "base/bytes.hpp"

namespace stint::sqlite {

/// Statements without results, as text and values: what a batch writes, for a file that takes it sooner than a database does.
///
/// Format:  of each statement its text, its values, and a byte of 0. A value is a byte that says its kind, and an integer or a double of 8
///          bytes, or text or a blob. Text and blobs have their length before them, 4 bytes. Numbers are little-endian.
class Recording {
 public:
  enum class Kind : std::uint8_t { end, null, integer, real, text, blob };

  void begin(std::string_view sql) { put_with_length(as_bytes(sql)); }
  void add(std::nullptr_t) { put(Kind::null); }
  void add(std::int64_t value);
  void add(double value);
  void add(std::string_view text);
  void add(ByteView bytes);
  void end() { put(Kind::end); }

  [[nodiscard]] ByteView bytes() const { return bytes_; }
  void clear() { bytes_.clear(); }

 private:
  void put(Kind kind) { bytes_.push_back(static_cast<std::uint8_t>(kind)); }
  void put_number(std::uint64_t value, std::size_t bytes);
  void put_with_length(ByteView bytes);

  Bytes bytes_;
};

/// Takes a recording apart. The bytes must live as long as what was read from them is used.
class RecordingReader {
 public:
  struct End {};
  using Value = std::variant<End, std::nullptr_t, std::int64_t, double, std::string_view, ByteView>;

  explicit RecordingReader(ByteView bytes) : left_(bytes) {}
  [[nodiscard]] bool at_end() const { return left_.empty(); }
  /// Text of a statement, or its next value; nothing: the bytes are no recording.
  [[nodiscard]] std::optional<std::string_view> statement();
  [[nodiscard]] std::optional<Value> value();

 private:
  [[nodiscard]] std::optional<ByteView> take(std::size_t bytes);
  [[nodiscard]] std::optional<std::uint64_t> take_number(std::size_t bytes);
  [[nodiscard]] std::optional<ByteView> take_with_length();

  ByteView left_;
};

/// Runs what was recorded with this database, or one with the same tables.
/// Errors:  corrupt  these bytes are no recording;  no_space, io.
[[nodiscard]] Status replay(Database& database, ByteView recorded);

}  // namespace stint::sqlite
