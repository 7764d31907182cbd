#include "adapters/sqlite/recording.hpp"

#include <bit>
#include <type_traits>

namespace stint::sqlite {
namespace {

constexpr std::size_t kLengthBytes = 4;
constexpr std::size_t kNumberBytes = 8;

Statement& bind(Statement& statement, const RecordingReader::Value& value) {
  return std::visit(
      [&statement](const auto& v) -> Statement& {
        using Type = std::decay_t<decltype(v)>;
        if constexpr (std::is_same_v<Type, RecordingReader::End>) {
          return statement;
        } else if constexpr (std::is_same_v<Type, std::nullptr_t>) {
          return statement.bind_null();
        } else {
          return statement.bind(v);
        }
      },
      value);
}

}  // namespace

void Recording::put_number(std::uint64_t value, std::size_t bytes) {
  for (std::size_t i = 0; i < bytes; ++i) bytes_.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
}

void Recording::put_with_length(ByteView bytes) {
  put_number(bytes.size(), kLengthBytes);
  bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
}

void Recording::add(std::int64_t value) {
  put(Kind::integer);
  put_number(static_cast<std::uint64_t>(value), kNumberBytes);
}

void Recording::add(double value) {
  put(Kind::real);
  put_number(std::bit_cast<std::uint64_t>(value), kNumberBytes);
}

void Recording::add(std::string_view text) {
  put(Kind::text);
  put_with_length(as_bytes(text));
}

void Recording::add(ByteView bytes) {
  put(Kind::blob);
  put_with_length(bytes);
}

std::optional<ByteView> RecordingReader::take(std::size_t bytes) {
  if (bytes > left_.size()) return std::nullopt;
  const ByteView taken = left_.first(bytes);
  left_ = left_.subspan(bytes);
  return taken;
}

std::optional<std::uint64_t> RecordingReader::take_number(std::size_t bytes) {
  const auto taken = take(bytes);
  if (!taken) return std::nullopt;
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < bytes; ++i) value |= std::uint64_t{(*taken)[i]} << (8 * i);
  return value;
}

std::optional<ByteView> RecordingReader::take_with_length() {
  const auto length = take_number(kLengthBytes);
  return length ? take(static_cast<std::size_t>(*length)) : std::nullopt;
}

std::optional<std::string_view> RecordingReader::statement() {
  const auto text = take_with_length();
  return text ? std::optional(as_text(*text)) : std::nullopt;
}

std::optional<RecordingReader::Value> RecordingReader::value() {
  const auto kind = take(1);
  if (!kind) return std::nullopt;
  switch (static_cast<Recording::Kind>(kind->front())) {
    case Recording::Kind::end: return End{};
    case Recording::Kind::null: return nullptr;
    case Recording::Kind::integer:
      if (const auto number = take_number(kNumberBytes)) return static_cast<std::int64_t>(*number);
      return std::nullopt;
    case Recording::Kind::real:
      if (const auto number = take_number(kNumberBytes)) return std::bit_cast<double>(*number);
      return std::nullopt;
    case Recording::Kind::text:
      if (const auto text = take_with_length()) return as_text(*text);
      return std::nullopt;
    case Recording::Kind::blob:
      if (const auto bytes = take_with_length()) return *bytes;
      return std::nullopt;
  }
  return std::nullopt;
}

Status replay(Database& database, ByteView recorded) {
  const auto broken = [] { return fail(Errc::corrupt, "not the bytes of a recording"); };
  RecordingReader reader(recorded);
  while (!reader.at_end()) {
    const auto sql = reader.statement();
    if (!sql) return broken();
    STINT_TRY(auto statement, database.prepare(*sql));
    for (;;) {
      const auto value = reader.value();
      if (!value) return broken();
      if (std::holds_alternative<RecordingReader::End>(*value)) break;
      bind(statement, *value);
    }
    STINT_TRY_VOID(statement.run());
  }
  return {};
}

}  // namespace stint::sqlite
