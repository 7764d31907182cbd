#include "adapters/exec/keeper_protocol.hpp"

#include <array>
#include <concepts>
#include <cstring>
#include <type_traits>

#include "adapters/exec/limits.hpp"

namespace stint::exec {
namespace {

constexpr std::size_t kLengthSize = 4;

/// Type bytes in the order of the alternatives of Message.
constexpr std::array<std::uint8_t, std::variant_size_v<Message>> kTypes{1, 2, 3, 4, 5, 6, 7, 64, 65, 66, 67, 68, 69, 70, 71, 8, 9, 10, 11};

class Writer {
 public:
  explicit Writer(Bytes& out) : out_(out) {}
  template <std::integral T>
  void scalar(T value) {
    const std::size_t at = out_.size();
    out_.resize(at + sizeof(T));
    store_le(out_.data() + at, static_cast<std::make_unsigned_t<T>>(value));
  }
  void blob(ByteView bytes) {
    scalar(static_cast<std::uint32_t>(bytes.size()));
    out_.insert(out_.end(), bytes.begin(), bytes.end());
  }

 private:
  Bytes& out_;
};

/// Reads past the end give zeros and spoil the message: one check at its end is enough.
class Reader {
 public:
  explicit Reader(ByteView bytes) : rest_(bytes) {}
  template <std::integral T>
  void scalar(T& value) {
    const ByteView bytes = take(sizeof(T));
    value = bytes.empty() ? T{} : static_cast<T>(load_le<std::make_unsigned_t<T>>(bytes.data()));
  }
  ByteView blob() {
    std::uint32_t size = 0;
    scalar(size);
    return take(size);
  }
  [[nodiscard]] bool is_spoilt() const { return spoilt_; }
  [[nodiscard]] bool is_exhausted() const { return rest_.empty() && !spoilt_; }

 private:
  ByteView take(std::size_t size) {
    if (size > rest_.size()) spoilt_ = true;
    if (spoilt_) return {};
    const ByteView taken = rest_.first(size);
    rest_ = rest_.subspan(size);
    return taken;
  }

  ByteView rest_;
  bool spoilt_ = false;
};

// --- values, each once for the writer and once for the reader

template <std::integral T>
void value(Writer& w, const T& v) {
  w.scalar(v);
}
template <std::integral T>
void value(Reader& r, T& v) {
  r.scalar(v);
}
template <class T>
  requires std::is_enum_v<T>
void value(Writer& w, const T& v) {
  w.scalar(static_cast<std::underlying_type_t<T>>(v));
}
template <class T>
  requires std::is_enum_v<T>
void value(Reader& r, T& v) {
  std::underlying_type_t<T> raw{};
  r.scalar(raw);
  v = static_cast<T>(raw);
}
void value(Writer& w, const bool& v) { w.scalar(static_cast<std::uint8_t>(v)); }
void value(Reader& r, bool& v) {
  std::uint8_t raw = 0;
  r.scalar(raw);
  v = raw != 0;
}
void value(Writer& w, const Duration& v) { w.scalar(static_cast<std::int64_t>(v.count())); }
void value(Reader& r, Duration& v) {
  std::int64_t ns = 0;
  r.scalar(ns);
  v = Duration{ns};
}
void value(Writer& w, const std::string& v) { w.blob(as_bytes(v)); }
void value(Reader& r, std::string& v) { v = as_text(r.blob()); }
void value(Writer& w, const Bytes& v) { w.blob(v); }
void value(Reader& r, Bytes& v) {
  const ByteView bytes = r.blob();
  v.assign(bytes.begin(), bytes.end());
}
template <class Io, class A, class B>
void value(Io& io, const std::pair<A, B>& v) {
  value(io, v.first), value(io, v.second);
}
template <class A, class B>
void value(Reader& r, std::pair<A, B>& v) {
  value(r, v.first), value(r, v.second);
}
template <class T>
void value(Writer& w, const std::vector<T>& v) {
  w.scalar(static_cast<std::uint32_t>(v.size()));
  for (const T& item : v) value(w, item);
}
/// Memory grows with the bytes that are there, not with the count that is announced.
template <class T>
void value(Reader& r, std::vector<T>& v) {
  std::uint32_t count = 0;
  r.scalar(count);
  for (std::uint32_t i = 0; i < count && !r.is_spoilt(); ++i) value(r, v.emplace_back());
}

// --- messages: the same list of fields writes (const) and reads

template <class T, class M>
concept Is = std::same_as<std::remove_const_t<T>, M>;

template <class Io, class... T>
void all(Io& io, T&... fields) {
  (value(io, fields), ...);
}

void value(auto& io, Is<AttemptRef> auto& v) { all(io, v.task.job.value, v.task.group, v.task.index, v.attempt); }
void value(auto& io, Is<Resources> auto& v) { all(io, v.cpu_millis, v.memory_bytes, v.gpus, v.storage_bytes); }
void value(auto& io, Is<ProcessId> auto& v) { all(io, v.pid, v.start_ticks, v.boot_id); }

void fields(auto& io, Is<message::Hello> auto& m) { all(io, m.magic, m.version, m.role); }
void fields(auto& io, Is<ports::LaunchSpec> auto& s) {
  all(io, s.ref, s.command, s.env, s.workdir, s.submit_boot_id, s.workdir_inode, s.resources, s.gpus, s.timeout, s.kill_grace);
}
void fields(auto& io, Is<message::Start> auto& m) { fields(io, m.spec); }
void fields(auto& io, Is<message::Prepare> auto& m) { fields(io, m.spec); }
void fields(auto& io, Is<message::Proceed> auto& m) { all(io, m.ref); }
void fields(auto& io, Is<message::Stop> auto& m) {
  bool kill = m.mode == ports::Driver::StopMode::kill;
  all(io, m.ref, kill);
  if constexpr (!std::is_const_v<std::remove_reference_t<decltype(m)>>) {
    m.mode = kill ? ports::Driver::StopMode::kill : ports::Driver::StopMode::graceful;
  }
}
void fields(auto& io, Is<message::RequestOutput> auto& m) { all(io, m.ref, m.stream, m.offset, m.max_bytes); }
void fields(auto& io, Is<message::Release> auto& m) { all(io, m.ref); }
void fields(auto& io, Is<message::ReportSeen> auto& m) { all(io, m.ref, m.end); }
void fields(auto&, Is<message::Shutdown> auto&) {}
void fields(auto& io, Is<message::Welcome> auto& m) { all(io, m.version, m.keeper, m.notes); }
void fields(auto& io, Is<ports::DriverHeld> auto& m) { all(io, m.ref, m.ended); }
void fields(auto&, Is<ports::DriverReady> auto&) {}
void fields(auto& io, Is<ports::DriverStarted> auto& m) { all(io, m.ref, m.started_ms, m.pid); }
void fields(auto& io, Is<ports::DriverOutput> auto& m) { all(io, m.ref, m.stream, m.offset, m.bytes); }
void fields(auto& io, Is<message::Report> auto& m) { all(io, m.ref, m.end, m.cut_lines, m.lines); }
void fields(auto& io, Is<ports::DriverEnded> auto& m) {
  all(io, m.ref, m.reason, m.exit_code, m.signal, m.started_ms, m.ended_ms, m.stdout_bytes, m.stderr_bytes, m.detail);
}
void fields(auto& io, Is<message::Refused> auto& m) { all(io, m.detail); }
void fields(auto& io, Is<message::Leash> auto& m) { all(io, m.ref, m.stop_after); }
void fields(auto& io, Is<message::Alone> auto& m) { all(io, m.since_ns); }

Result<Message> decode_body(std::uint8_t type, ByteView body) {
  Reader reader{body};
  std::optional<Message> message;
  [&]<std::size_t... I>(std::index_sequence<I...>) {
    const auto try_one = [&]<std::size_t N>(std::integral_constant<std::size_t, N>) {
      if (kTypes[N] != type) return;
      std::variant_alternative_t<N, Message> m{};
      fields(reader, m);
      message = std::move(m);
    };
    (try_one(std::integral_constant<std::size_t, I>{}), ...);
  }(std::make_index_sequence<kTypes.size()>{});
  if (!message) return fail(Errc::corrupt, "keeper message of unknown type " + std::to_string(type));
  if (!reader.is_exhausted()) {
    return fail(Errc::corrupt, "keeper message of type " + std::to_string(type) + ": " + std::to_string(body.size()) + " bytes do not fit");
  }
  return std::move(*message);
}

}  // namespace

void encode(const Message& message, Bytes& out) {
  const std::size_t at = out.size();
  out.resize(at + kLengthSize);
  out.push_back(kTypes[message.index()]);
  Writer writer{out};
  std::visit([&](const auto& m) { fields(writer, m); }, message);
  store_le(out.data() + at, static_cast<std::uint32_t>(out.size() - at - kLengthSize));
}

Result<std::optional<Message>> decode(ByteView& bytes) {
  if (bytes.size() < kLengthSize) return std::nullopt;
  const std::size_t length = load_le<std::uint32_t>(bytes.data());
  if (length > limits::kMessageMax) {
    return fail(Errc::out_of_range, "keeper message of " + std::to_string(length) + " bytes, limit " + std::to_string(limits::kMessageMax));
  }
  if (length == 0) return fail(Errc::corrupt, "keeper message without a type");
  if (bytes.size() < kLengthSize + length) return std::nullopt;
  const ByteView body = bytes.subspan(kLengthSize + 1, length - 1);
  const std::uint8_t type = bytes[kLengthSize];
  bytes = bytes.subspan(kLengthSize + length);
  STINT_TRY(Message message, decode_body(type, body));
  return message;
}

}  // namespace stint::exec
