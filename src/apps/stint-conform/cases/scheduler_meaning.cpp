#include <cmath>
#include <limits>

#include "apps/stint-conform/cases/scheduler_cases.hpp"

// Messages that are well made and mean nothing: each is answered with its code, changes nothing, and the session goes on.
namespace stint::conform::scheduler {
namespace {

using Subject = SchedulerSubject;
using schema::SchedulerMessage;

constexpr const char* kMissingRule = "| `missing_field` | an attempt, name or driver that must be there | Error |";
constexpr const char* kRangeRule = "| `bad_enum`, `bad_progress`, `bad_value`, `bad_size`, `bad_resources` | out of range | Error |";
constexpr const char* kListRule =
    "| assignments, confirmations, updates, acknowledgements, cancels, log acknowledgements in a frame | 1,024 | `list_too_long` |";
constexpr const char* kNameRule = "| names, also of labels and metrics, versions, codes, kernel boot ids | 256 bytes | `text_too_long` |";
constexpr const char* kDetailRule = "| details, drivers, notes, paths, values of labels | 4,096 bytes | `text_too_long` |";
constexpr const char* kInfoRule =
    "| metrics of an update; labels, drivers, notes, shared paths of an agent: each | 256 | `list_too_long` |";
constexpr const char* kChunkRule = "| bytes of a LogChunk | 1 to 65,536 | `bad_size` |";
constexpr const char* kIndexRule = "in tables beside it, each with the index of its record, rising.";

Check refused(Subject& subject, SchedulerMessage type, const Build& build, const char* code) {
  CONFORM_TRY(auto session, subject.establish());
  session.send_envelope(type, build);
  return session.expect_error(code);
}

// ---- AgentInfo

struct InfoSpec {
  std::string name = "a";
  std::string host{};
  std::size_t labels = 0;
  std::string label_name = "k";
  std::string note{};
  std::size_t notes = 0;
  std::uint32_t cpu = 0;
  std::uint32_t gpu = 0;
  std::vector<std::int8_t> types{};
};
Build info(InfoSpec spec) {
  return [spec = std::move(spec)](Builder& b) {
    const auto name = spec.name.empty() ? flatbuffers::Offset<flatbuffers::String>{} : b.CreateString(spec.name);
    const auto host = b.CreateString(spec.host);
    std::vector<flatbuffers::Offset<schema::NamedText>> labels;
    for (std::size_t i = 0; i < spec.labels; ++i) labels.push_back(schema::CreateNamedTextDirect(b, spec.label_name.c_str(), "v"));
    std::vector<flatbuffers::Offset<flatbuffers::String>> notes;
    for (std::size_t i = 0; i < spec.notes; ++i) notes.push_back(b.CreateString(spec.note));
    const auto labels_at = b.CreateVector(labels);
    const auto notes_at = b.CreateVector(notes);
    const auto types = b.CreateVector(spec.types);
    const auto resources = schema::CreateResourceSpec(b, spec.cpu, 0, spec.gpu, 0);
    schema::AgentInfoBuilder made(b);
    made.add_name(name);
    made.add_host(host);
    made.add_labels(labels_at);
    made.add_notes(notes_at);
    if (!spec.types.empty()) made.add_types(types.o);
    made.add_resources(resources);
    return made.Finish().Union();
  };
}
Check bad_info(Subject& subject, InfoSpec spec, const char* code) {
  return refused(subject, SchedulerMessage::AgentInfo, info(std::move(spec)), code);
}

// ---- updates

struct UpdateSpec {
  std::size_t records = 1;
  std::uint64_t job = 1;
  std::uint32_t attempt = 1;
  float progress = 0;
  std::uint8_t status = 1;
  std::uint8_t reason = 0;
  std::uint64_t started_ms = 0;
  std::uint32_t number = 1;
};
schema::UpdateRecord record(const UpdateSpec& spec) {
  return {schema::AttemptRef(spec.job, 0, 0, spec.attempt),
          spec.started_ms,
          0,
          spec.number,
          0,
          spec.progress,
          static_cast<schema::TaskStatus>(spec.status),
          static_cast<schema::EndReason>(spec.reason),
          0};
}
Build update(const UpdateSpec& spec) {
  return [spec](Builder& b) {
    const std::vector<schema::UpdateRecord> records(spec.records, record(spec));
    return schema::CreateUpdateListDirect(b, &records).Union();
  };
}
Check bad_update(Subject& subject, const UpdateSpec& spec, const char* code) {
  return refused(subject, SchedulerMessage::UpdateList, update(spec), code);
}

using BuildExtra = std::function<flatbuffers::Offset<schema::UpdateExtra>(Builder&)>;
Check bad_extra(Subject& subject, const BuildExtra& build, const char* code, std::size_t times = 1) {
  return refused(
      subject, SchedulerMessage::UpdateList,
      [&](Builder& b) {
        std::vector<flatbuffers::Offset<schema::UpdateExtra>> extras;
        for (std::size_t i = 0; i < times; ++i) extras.push_back(build(b));
        const std::vector<schema::UpdateRecord> records(1, record({}));
        return schema::CreateUpdateListDirect(b, &records, &extras).Union();
      },
      code);
}
BuildExtra metric(std::string name, double value, std::size_t times = 1) {
  return [=](Builder& b) {
    std::vector<flatbuffers::Offset<schema::Metric>> metrics;
    for (std::size_t i = 0; i < times; ++i)
      metrics.push_back(schema::CreateMetricDirect(b, name.empty() ? nullptr : name.c_str(), value, 0));
    return schema::CreateUpdateExtraDirect(b, 0, &metrics);
  };
}
BuildExtra detail(std::size_t size) {
  return [size](Builder& b) { return schema::CreateUpdateExtraDirect(b, 0, nullptr, std::string(size, 'x').c_str()); };
}
BuildExtra result(std::size_t size) {
  return [size](Builder& b) {
    return schema::CreateUpdateExtraDirect(b, 0, nullptr, nullptr, nullptr, nullptr, std::string(size, 'x').c_str());
  };
}
BuildExtra receipt(std::size_t size) {
  return [size](Builder& b) {
    const std::vector<std::uint8_t> bytes(size, 1);
    return schema::CreateUpdateExtraDirect(b, 0, nullptr, nullptr, &bytes);
  };
}
BuildExtra output(const char* path, std::size_t blob) {
  return [path, blob](Builder& b) {
    const std::vector<std::uint8_t> bytes(blob, 1);
    const std::vector<flatbuffers::Offset<schema::FileRef>> files(1, schema::CreateFileRefDirect(b, path, &bytes, 1));
    return schema::CreateUpdateExtraDirect(b, 0, nullptr, nullptr, nullptr, &files);
  };
}

/// One long text, pointed to from many places: what a buffer costs is bounded all the same.
Check copied_bytes(Subject& subject) {
  return refused(
      subject, SchedulerMessage::UpdateList,
      [](Builder& b) {
        constexpr std::uint32_t kUpdates = 1000;
        const auto text = b.CreateString(std::string(60'000, 'x'));
        std::vector<flatbuffers::Offset<schema::UpdateExtra>> extras;
        for (std::uint32_t i = 0; i < kUpdates; ++i) {
          schema::UpdateExtraBuilder extra(b);
          extra.add_index(i);
          extra.add_result(text);
          extras.push_back(extra.Finish());
        }
        const std::vector<schema::UpdateRecord> records(kUpdates, record({}));
        return schema::CreateUpdateListDirect(b, &records, &extras).Union();
      },
      "text_too_long");
}

// ---- log chunks

struct ChunkSpec {
  bool has_attempt = true;
  std::size_t size = 1;
  std::uint8_t stream = 1;
  std::uint64_t offset = 0;
};
Check bad_chunk(Subject& subject, const ChunkSpec& spec, const char* code) {
  return refused(
      subject, SchedulerMessage::LogChunk,
      [spec](Builder& b) {
        const schema::AttemptRef ref(1, 0, 0, 1);
        const auto bytes = b.CreateVector(Bytes(spec.size, 'x'));
        return schema::CreateLogChunk(b, spec.has_attempt ? &ref : nullptr, static_cast<schema::LogStream>(spec.stream), spec.offset, bytes)
            .Union();
      },
      code);
}

Check status_update_without_attempt(Subject& subject) {
  return refused(
      subject, SchedulerMessage::StatusUpdate, [](Builder& b) { return schema::CreateStatusUpdate(b).Union(); }, "missing_field");
}

Check held_without_number(Subject& subject) {
  CONFORM_TRY(auto session, subject.shake_hands());
  session.send_envelope(SchedulerMessage::Resume, [](Builder& b) {
    const auto info_at = flatbuffers::Offset<schema::AgentInfo>(info({})(b).o);
    const std::vector<schema::HeldAttempt> held(1, {schema::AttemptRef(0, 0, 0, 0), 0, 0, 1, schema::TaskStatus::Running});
    return schema::CreateResumeDirect(b, info_at, &held).Union();
  });
  CONFORM_TRY(const auto error, session.take<protocol::ErrorMessage>("Error `missing_field`"));
  return require(error.code == "missing_field", "Error `missing_field`", error.code);
}

/// Nothing of a refused list is applied: not even its good part, which would be acknowledged.
Check nothing_applied(Subject& subject) {
  CONFORM_TRY(auto session, subject.establish());
  session.send_envelope(SchedulerMessage::UpdateList, [](Builder& b) {
    UpdateSpec bad;
    bad.progress = 2;
    const std::vector<schema::UpdateRecord> records{record({}), record(bad)};
    return schema::CreateUpdateListDirect(b, &records).Union();
  });
  CONFORM_CHECK(session.expect_error("bad_progress"));
  CONFORM_TRY(const auto heard, session.next(now() + limits::kQuiet));
  return require(!heard || !std::holds_alternative<protocol::StatusAck>(heard->message), "no acknowledgement", "StatusAck");
}

}  // namespace

std::vector<SchedulerCase> meaning_cases() {
  constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
  constexpr double kInfinite = std::numeric_limits<double>::infinity();
  return {
      {"S16.01", "AgentInfo without a name", kMissingRule, [](Subject& s) { return bad_info(s, {.name = ""}, "missing_field"); }},
      {"S16.02", "AgentInfo with a name of 257 bytes", kNameRule,
       [](Subject& s) { return bad_info(s, {.name = std::string(257, 'x')}, "text_too_long"); }},
      {"S16.03", "AgentInfo with 257 labels", kInfoRule, [](Subject& s) { return bad_info(s, {.labels = 257}, "list_too_long"); }},
      {"S16.04", "a label without a name", kMissingRule,
       [](Subject& s) { return bad_info(s, {.labels = 1, .label_name = ""}, "missing_field"); }},
      {"S16.05", "a note of 4,097 bytes", kDetailRule,
       [](Subject& s) { return bad_info(s, {.note = std::string(4097, 'x'), .notes = 1}, "text_too_long"); }},
      {"S16.06", "257 notes", kInfoRule, [](Subject& s) { return bad_info(s, {.note = "n", .notes = 257}, "list_too_long"); }},
      {"S16.07", "more cpu than there can be", "| cpu, GPUs | 100,000,000 millicores, 65,536 | `bad_resources` |",
       [](Subject& s) { return bad_info(s, {.cpu = 100'000'001}, "bad_resources"); }},
      {"S16.08", "more GPUs than there can be", "| cpu, GPUs | 100,000,000 millicores, 65,536 | `bad_resources` |",
       [](Subject& s) { return bad_info(s, {.gpu = 65'537}, "bad_resources"); }},
      {"S16.09", "an agent type of tomorrow", kRangeRule, [](Subject& s) { return bad_info(s, {.types = {9}}, "bad_enum"); }},
      {"S16.10", "an update without a job", kMissingRule, [](Subject& s) { return bad_update(s, {.job = 0}, "missing_field"); }},
      {"S16.11", "an update without an attempt number", kMissingRule,
       [](Subject& s) { return bad_update(s, {.attempt = 0}, "missing_field"); }},
      {"S16.12", "a job beyond 63 bits", kRangeRule, [](Subject& s) { return bad_update(s, {.job = ~std::uint64_t{0}}, "bad_value"); }},
      {"S16.13", "progress that is not a number", kRangeRule, [](Subject& s) { return bad_update(s, {.progress = kNaN}, "bad_progress"); }},
      {"S16.14", "progress above 1", kRangeRule, [](Subject& s) { return bad_update(s, {.progress = 1.01F}, "bad_progress"); }},
      {"S16.15", "progress below 0", kRangeRule, [](Subject& s) { return bad_update(s, {.progress = -0.01F}, "bad_progress"); }},
      {"S16.16", "a status of tomorrow", kRangeRule, [](Subject& s) { return bad_update(s, {.status = 9}, "bad_enum"); }},
      {"S16.17", "a reason of tomorrow", kRangeRule, [](Subject& s) { return bad_update(s, {.reason = 200}, "bad_enum"); }},
      {"S16.18", "a time beyond 63 bits", kRangeRule,
       [](Subject& s) { return bad_update(s, {.started_ms = ~std::uint64_t{0}}, "bad_value"); }},
      {"S16.19", "1,025 updates", kListRule, [](Subject& s) { return bad_update(s, {.records = 1025}, "list_too_long"); }},
      {"S16.20", "a metric that is not finite", kRangeRule,
       [](Subject& s) { return bad_extra(s, metric("loss", kInfinite), "bad_value"); }},
      {"S16.21", "a metric without a name", kMissingRule, [](Subject& s) { return bad_extra(s, metric("", 1), "missing_field"); }},
      {"S16.22", "a metric's name of 257 bytes", kNameRule,
       [](Subject& s) { return bad_extra(s, metric(std::string(257, 'x'), 1), "text_too_long"); }},
      {"S16.23", "257 metrics", kInfoRule, [](Subject& s) { return bad_extra(s, metric("loss", 1, 257), "list_too_long"); }},
      {"S16.24", "a detail of 4,097 bytes", kDetailRule, [](Subject& s) { return bad_extra(s, detail(4097), "text_too_long"); }},
      {"S16.25", "a result of 65,537 bytes", "| result of an update | 65,536 bytes | `text_too_long` |",
       [](Subject& s) { return bad_extra(s, result(65'537), "text_too_long"); }},
      {"S16.26", "a receipt of 16,385 bytes", "| receipt | 16,384 bytes | `bad_size` |",
       [](Subject& s) { return bad_extra(s, receipt(16'385), "bad_size"); }},
      {"S16.27", "a blob of 31 bytes", "| SHA-256 of a blob | 32 bytes, or absent where there may be none | `bad_size` |",
       [](Subject& s) { return bad_extra(s, output("a", 31), "bad_size"); }},
      {"S16.28", "an output without a path", kMissingRule, [](Subject& s) { return bad_extra(s, output(nullptr, 32), "missing_field"); }},
      {"S16.29", "an extra of a record that is not there", kIndexRule,
       [](Subject& s) { return bad_extra(s, [](Builder& b) { return schema::CreateUpdateExtraDirect(b, 7); }, "bad_value"); }},
      {"S16.30", "two extras of one record", kIndexRule, [](Subject& s) { return bad_extra(s, detail(1), "bad_value", 2); }},
      {"S16.31", "more than 8 MiB copied out of one buffer",
       "| texts and bytes copied out of one buffer, plus 32 per list item | 8 MiB | `text_too_long` |", copied_bytes},
      {"S16.32", "StatusUpdate without an attempt", kMissingRule, status_update_without_attempt},
      {"S16.33", "a log chunk without an attempt", kMissingRule,
       [](Subject& s) { return bad_chunk(s, {.has_attempt = false}, "missing_field"); }},
      {"S16.34", "an empty log chunk", kChunkRule, [](Subject& s) { return bad_chunk(s, {.size = 0}, "bad_size"); }},
      {"S16.35", "a log chunk of 65,537 bytes", kChunkRule, [](Subject& s) { return bad_chunk(s, {.size = 65'537}, "bad_size"); }},
      {"S16.36", "a log stream of tomorrow", kRangeRule, [](Subject& s) { return bad_chunk(s, {.stream = 7}, "bad_enum"); }},
      {"S16.37", "an offset beyond 63 bits", kRangeRule,
       [](Subject& s) { return bad_chunk(s, {.offset = ~std::uint64_t{0}}, "bad_value"); }},
      {"S16.38", "a held attempt that has no name", kMissingRule, held_without_number},
      {"S16.39", "nothing of a refused list is applied", "A failure in steps 8 and 9 is answered with `Error`, and the session goes on.",
       nothing_applied},
  };
}

}  // namespace stint::conform::scheduler
