#include "agent/attempt_journal.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

namespace stint::agent {
namespace {

constexpr std::uint8_t kVersion = 1;
enum class Tag : std::uint8_t { identity = 1, connect = 2, attempt = 3, forget = 4, left = 5 };

template <class T>
void put(Bytes& out, T value) {
  const auto at = out.size();
  out.resize(at + sizeof(T));
  store_le(out.data() + at, static_cast<std::make_unsigned_t<T>>(value));
}

void put_text(Bytes& out, std::string_view text) {
  put(out, static_cast<std::uint16_t>(text.size()));
  out.insert(out.end(), text.begin(), text.end());
}

void put_ref(Bytes& out, const AttemptRef& ref) {
  put(out, ref.task.job.value);
  put(out, ref.task.group);
  put(out, ref.task.index);
  put(out, ref.attempt);
}

void put_tag(Bytes& out, Tag tag) {
  if (out.empty()) out.push_back(kVersion);
  out.push_back(static_cast<std::uint8_t>(tag));
}

void put_identity(Bytes& out, const Token16& instance) {
  put_tag(out, Tag::identity);
  out.insert(out.end(), instance.begin(), instance.end());
}

void put_connect(Bytes& out, std::uint64_t connect) {
  put_tag(out, Tag::connect);
  put(out, connect);
}

bool has_left(const AttemptState& state) { return !state.result.empty() || state.is_result_too_large || !state.outputs.empty(); }

void put_left(Bytes& out, const AttemptState& state) {
  put_tag(out, Tag::left);
  put_ref(out, state.ref);
  put(out, static_cast<std::uint8_t>(state.is_result_too_large));
  put(out, static_cast<std::uint32_t>(state.result.size()));
  out.insert(out.end(), state.result.begin(), state.result.end());
  put(out, static_cast<std::uint16_t>(state.outputs.size()));
  for (const auto& file : state.outputs) {
    out.insert(out.end(), file.blob.bytes.begin(), file.blob.bytes.end());
    put(out, file.size);
    put(out, static_cast<std::uint8_t>(file.is_executable));
    put_text(out, file.path);
  }
}

void put_attempt(Bytes& out, const AttemptState& state) {
  put_tag(out, Tag::attempt);
  put_ref(out, state.ref);
  put(out, static_cast<std::uint8_t>(state.status));
  put(out, static_cast<std::uint8_t>(state.reason));
  put(out, state.exit_code);
  put(out, state.signal);
  put(out, state.started_ms);
  put(out, state.ended_ms);
  put(out, state.number);
  for (auto bytes : state.output_bytes) put(out, bytes);
  put(out, static_cast<std::uint16_t>(state.gpus.size()));
  for (auto index : state.gpus) put(out, index);
  put_text(out, state.driver);
  put_text(out, state.detail);
  if (has_left(state)) put_left(out, state);
}

/// Reads one record front to back; after a read beyond its end everything is zero and `is_short` says so.
class Reader {
 public:
  explicit Reader(ByteView bytes) : rest_(bytes) {}
  [[nodiscard]] bool at_end() const { return rest_.empty(); }
  [[nodiscard]] bool is_short() const { return is_short_; }

  template <class T>
  T get() {
    const auto bytes = take(sizeof(T));
    return bytes.empty() ? T{} : static_cast<T>(load_le<std::make_unsigned_t<T>>(bytes.data()));
  }
  ByteView take(std::size_t size) {
    if (size > rest_.size()) {
      is_short_ = true;
      rest_ = {};
      return {};
    }
    const auto bytes = rest_.first(size);
    rest_ = rest_.subspan(size);
    return bytes;
  }
  std::string get_text() { return std::string{as_text(take(get<std::uint16_t>()))}; }
  AttemptRef get_ref() {
    AttemptRef ref;
    ref.task.job.value = get<std::uint64_t>();
    ref.task.group = get<std::uint32_t>();
    ref.task.index = get<std::uint32_t>();
    ref.attempt = get<std::uint32_t>();
    return ref;
  }
  AttemptState get_attempt() {
    AttemptState state;
    state.ref = get_ref();
    state.status = static_cast<TaskStatus>(get<std::int8_t>());
    state.reason = static_cast<EndReason>(get<std::uint8_t>());
    state.exit_code = get<std::int32_t>();
    state.signal = get<std::int32_t>();
    state.started_ms = get<std::int64_t>();
    state.ended_ms = get<std::int64_t>();
    state.number = get<std::uint32_t>();
    for (auto& bytes : state.output_bytes) bytes = get<std::uint64_t>();
    const auto gpus = get<std::uint16_t>();
    for (std::uint16_t i = 0; i < gpus && !is_short_; ++i) state.gpus.push_back(get<std::uint32_t>());
    state.driver = get_text();
    state.detail = get_text();
    return state;
  }

  void get_left(AttemptState& into) {
    into.is_result_too_large = get<std::uint8_t>() != 0;
    into.result = std::string{as_text(take(get<std::uint32_t>()))};
    const auto outputs = get<std::uint16_t>();
    for (std::uint16_t i = 0; i < outputs && !is_short_; ++i) {
      auto& file = into.outputs.emplace_back();
      const auto blob = take(file.blob.bytes.size());
      std::copy(blob.begin(), blob.end(), file.blob.bytes.begin());
      file.size = get<std::uint64_t>();
      file.is_executable = get<std::uint8_t>() != 0;
      file.path = get_text();
    }
  }

 private:
  ByteView rest_;
  bool is_short_ = false;
};

Status apply(Reader& reader, AttemptJournal::Recovered& into) {
  const auto tag = reader.get<std::uint8_t>();
  switch (static_cast<Tag>(tag)) {
    case Tag::identity: {
      Token16 instance{};
      const auto bytes = reader.take(instance.size());
      std::copy(bytes.begin(), bytes.end(), instance.begin());
      into.instance = instance;
      break;
    }
    case Tag::connect: into.connect = std::max(into.connect, reader.get<std::uint64_t>()); break;
    case Tag::attempt: {
      auto state = reader.get_attempt();
      const auto ref = state.ref;
      into.attempts.insert_or_assign(ref, std::move(state));
      break;
    }
    case Tag::left: {
      const auto found = into.attempts.find(reader.get_ref());
      AttemptState unknown;
      reader.get_left(found == into.attempts.end() ? unknown : found->second);
      break;
    }
    case Tag::forget: into.attempts.erase(reader.get_ref()); break;
    default: return fail(Errc::corrupt, "agent journal: entry of unknown kind " + std::to_string(tag) + "; a newer stint-agent wrote it");
  }
  if (reader.is_short()) return fail(Errc::corrupt, "agent journal: a record of kind " + std::to_string(tag) + " is cut short");
  return {};
}

}  // namespace

Result<AttemptJournal::Recovered> AttemptJournal::load() {
  Recovered recovered;
  Status status;
  STINT_TRY_VOID(file_.load([&](ByteView record) {
    Reader reader{record};
    if (const auto version = reader.get<std::uint8_t>(); status && version != kVersion)
      status = fail(Errc::corrupt, "agent journal: record version " + std::to_string(version) + ", known: 1");
    while (status && !reader.at_end()) status = apply(reader, recovered);
  }));
  STINT_TRY_VOID(std::move(status));
  rewrite_at_ = std::max(limits::kJournalCompactMin, file_.size_bytes());
  return recovered;
}

Bytes& AttemptJournal::open_record() {
  if (staged_.empty() || staged_.back().size() >= limits::kJournalRecordBytes) staged_.emplace_back();
  return staged_.back();
}

void AttemptJournal::stage_identity(const Token16& instance) { put_identity(open_record(), instance); }
void AttemptJournal::stage_connect(std::uint64_t connect) { put_connect(open_record(), connect); }
void AttemptJournal::stage_attempt(const AttemptState& state) { put_attempt(open_record(), state); }
void AttemptJournal::stage_forget(const AttemptRef& ref) {
  auto& record = open_record();
  put_tag(record, Tag::forget);
  put_ref(record, ref);
}

Status AttemptJournal::commit() {
  for (const auto& record : std::exchange(staged_, {})) STINT_TRY_VOID(file_.append(record));
  return {};
}

Status AttemptJournal::rewrite(const std::function<void(const Visitor&)>& for_each, const Token16& instance, std::uint64_t connect) {
  std::vector<Bytes> records(1);
  put_identity(records[0], instance);
  put_connect(records[0], connect);
  for_each([&](const AttemptState& state) { put_attempt(records.emplace_back(), state); });
  auto status = file_.rewrite(records);
  const auto factor = status ? limits::kJournalDeadFactor : 2;
  rewrite_at_ = std::max(limits::kJournalCompactMin, factor * file_.size_bytes());
  return status;
}

}  // namespace stint::agent
