#include "protocol/encode.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/assert.hpp"
#include "protocol/codec.hpp"
#include "protocol/limits.hpp"
#include "wire/limits.hpp"

namespace stint::protocol {
namespace {

using namespace encoding;

constexpr std::array<std::uint8_t, wire::kHeaderSize> kHeadroom{};
constexpr std::uint64_t kToBeStamped = 1;                     // 0 would be left out of the buffer
constexpr std::size_t kBuilderKept = std::size_t{256} << 10;  // a larger buffer's memory is given back

/// Whether the frame's tag lies in the buffer's signature vector (as the seed has it) or behind a buffer without one.
enum class Form : std::uint8_t { signature_last, tag_appended };

struct Body {
  schema::SchedulerMessage type;
  Offset<void> value;
};
template <class Table>
Body body(schema::SchedulerMessage type, Offset<Table> value) {
  return {type, value.Union()};
}

/// `make(builder)` gives the Body. The signature comes first, so that it ends up last.
template <class Make>
Unsealed envelope(FlatBufferBuilder& b, Form form, Make make) {
  b.Clear();
  Offset<flatbuffers::Vector<std::uint8_t>> signature;
  if (form == Form::signature_last) {
    std::uint8_t* bytes = nullptr;
    signature = b.CreateUninitializedVector<std::uint8_t>(wire::kTagSize, &bytes);
    std::memset(bytes, 0, wire::kTagSize);
  }
  const Body made = make(b);
  schema::MessageEnvelopeBuilder out(b);
  out.add_timestamp(kToBeStamped);
  out.add_signature(signature);
  out.add_message(made.value);
  out.add_message_type(made.type);
  b.Finish(out.Finish());
  b.PushFlatBuffer(kHeadroom.data(), kHeadroom.size());

  Unsealed result;
  const std::size_t size = b.GetSize();
  result.space.reserve(size + wire::kTagSize);
  result.space.assign(b.GetBufferPointer(), b.GetBufferPointer() + size);
  if (form == Form::tag_appended) result.space.resize(size + wire::kTagSize);
  STINT_ASSERT(result.space.size() % wire::kAlignment == 0);  // the timestamp is 8 wide, so the builder aligns the whole to 8
  const auto* root = flatbuffers::GetRoot<flatbuffers::Table>(result.space.data() + wire::kHeaderSize);
  const auto* timestamp = root->GetAddressOf(schema::MessageEnvelope::VT_TIMESTAMP);
  result.timestamp_at = static_cast<std::size_t>(timestamp - result.space.data());
  if (size > kBuilderKept) b.Reset();
  return result;
}

Body heartbeat(FlatBufferBuilder& b, const Heartbeat& m) {
  schema::HeartbeatBuilder out(b);
  out.add_clock_boot_ns(m.clock_boot_ns == 0 ? kToBeStamped : unsigned_of(m.clock_boot_ns));
  out.add_running(m.running);
  return body(schema::SchedulerMessage::Heartbeat, out.Finish());
}

std::size_t find_clock(const Unsealed& frame) {
  const auto* root = schema::GetMessageEnvelope(frame.space.data() + wire::kHeaderSize);
  const auto* table = reinterpret_cast<const flatbuffers::Table*>(root->message_as_Heartbeat());
  return static_cast<std::size_t>(table->GetAddressOf(schema::Heartbeat::VT_CLOCK_BOOT_NS) - frame.space.data());
}

Decoded<void> too_long(const char* list, std::size_t size, std::size_t limit) {
  if (size <= limit) return {};
  return tl::unexpected(
      Refused{Refusal::unsendable, std::string(list) + " of " + std::to_string(size) + " items, limit " + std::to_string(limit)});
}

Decoded<void> text_fits(const char* what, std::string_view value, std::size_t limit) {
  if (value.size() <= limit) return {};
  return tl::unexpected(
      Refused{Refusal::unsendable, std::string(what) + " of " + std::to_string(value.size()) + " bytes, limit " + std::to_string(limit)});
}

template <class List>
Decoded<void> texts_fit(const char* what, const List& values, std::size_t limit) {
  for (const auto& value : values) {
    if (auto fits = text_fits(what, value, limit); !fits) return fits;
  }
  return {};
}

Decoded<void> files_fit(const char* what, const std::vector<FileRef>& files) {
  if (auto fits = too_long("files", files.size(), limits::kFiles); !fits) return fits;
  for (const FileRef& file : files) {
    if (file.path.empty()) return tl::unexpected(Refused{Refusal::unsendable, std::string(what) + " without a path"});
    if (auto fits = text_fits(what, file.path, limits::kText); !fits) return fits;
  }
  if (const std::size_t size = files_bound(files); size > limits::kFilesBytes)
    return tl::unexpected(Refused{Refusal::unsendable, "the list of " + std::to_string(files.size()) + " files takes " +
                                                           std::to_string(size) + " bytes, limit " + std::to_string(limits::kFilesBytes)});
  return {};
}

Decoded<void> check_extra(const AssignedExtra& extra) {
  if (auto fits = text_fits("token", extra.token, limits::kToken); !fits) return fits;
  if (auto fits = text_fits("item", extra.item, limits::kItem); !fits) return fits;
  if (auto fits = files_fit("file", extra.files); !fits) return fits;
  if (auto fits = too_long("values", extra.values.size(), limits::kValues); !fits) return fits;
  for (const auto& [name, value] : extra.values) {
    if (name.empty()) return tl::unexpected(Refused{Refusal::unsendable, "a value without a name"});
    if (auto fits = text_fits("value", name, limits::kName); !fits) return fits;
    if (auto fits = text_fits("value", value, limits::kItem); !fits) return fits;
  }
  if (const std::size_t size = size_bound(extra); size > limits::kTemplateBytes)
    return tl::unexpected(Refused{Refusal::unsendable, "the items of one attempt take " + std::to_string(size) + " bytes"});
  return {};
}

Decoded<void> check_info(const AgentInfo& info) {
  for (const auto& [name, list] : {std::pair{"drivers", &info.drivers}, {"notes", &info.notes}, {"shared_paths", &info.shared_paths}}) {
    if (auto fits = too_long(name, list->size(), limits::kInfoItems); !fits) return fits;
    if (auto fits = texts_fit(name, *list, limits::kText); !fits) return fits;
  }
  if (auto fits = too_long("labels", info.labels.size(), limits::kInfoItems); !fits) return fits;
  for (const auto& [name, value] : info.labels) {
    if (name.empty()) return tl::unexpected(Refused{Refusal::unsendable, "a label without a name"});
    if (auto fits = text_fits("label", name, limits::kName); !fits) return fits;
    if (auto fits = text_fits("label", value, limits::kText); !fits) return fits;
  }
  if (info.name.empty()) return tl::unexpected(Refused{Refusal::unsendable, "an agent without a name"});
  return texts_fit("agent info", std::array{info.name, info.version, info.boot_id, info.host}, limits::kName);
}

/// One visitor call per message; appends to `out` only what is complete.
class MessageEncoder {
 public:
  MessageEncoder(FlatBufferBuilder& builder, std::vector<Unsealed>& out) : builder_(builder), out_(out) {}

  Decoded<void> operator()(const AssignmentList& m);
  Decoded<void> operator()(const UpdateList& m);
  Decoded<void> operator()(const StatusAck& m) {
    return in_parts(m.items.size(), [&](FlatBufferBuilder& b, std::size_t first, std::size_t count) {
      const auto items = structs<schema::UpdateKey>(b, count, [&](std::size_t i) {
        const UpdateKey& key = m.items[first + i];
        return schema::UpdateKey(attempt(key.ref), key.number);
      });
      return body(schema::SchedulerMessage::StatusAck, schema::CreateStatusAck(b, items));
    });
  }
  Decoded<void> operator()(const AgentInfo& m) {
    if (auto fits = check_info(m); !fits) return fits;
    return append([&](FlatBufferBuilder& b) { return body(schema::SchedulerMessage::AgentInfo, agent_info(b, m)); });
  }
  Decoded<void> operator()(const Resume& m);
  Decoded<void> operator()(const Reconcile& m);
  Decoded<void> operator()(const Heartbeat& m) {
    out_.push_back(envelope(builder_, Form::tag_appended, [&](FlatBufferBuilder& b) { return heartbeat(b, m); }));
    out_.back().clock_at = find_clock(out_.back());
    return {};
  }
  Decoded<void> operator()(const HeartbeatAck& m) {
    out_.push_back(envelope(builder_, Form::tag_appended, [&](FlatBufferBuilder& b) {
      return body(schema::SchedulerMessage::HeartbeatAck,
                  schema::CreateHeartbeatAck(b, unsigned_of(m.clock_boot_ns), unsigned_of(m.session_time_ms)));
    }));
    return {};
  }
  Decoded<void> operator()(const Cancel& m) {
    return in_parts(m.items.size(), [&](FlatBufferBuilder& b, std::size_t first, std::size_t count) {
      const auto items = structs<schema::CancelItem>(b, count, [&](std::size_t i) {
        const CancelItem& item = m.items[first + i];
        return schema::CancelItem(attempt(item.ref), static_cast<schema::CancelMode>(item.mode),
                                  static_cast<schema::EndReason>(item.reason));
      });
      return body(schema::SchedulerMessage::Cancel, schema::CreateCancel(b, items));
    });
  }
  Decoded<void> operator()(const LogChunk& m);
  Decoded<void> operator()(const Credit& m);
  Decoded<void> operator()(const ErrorMessage& m) {
    return append([&](FlatBufferBuilder& b) {
      const auto code = cut_text(b, m.code, limits::kName);
      const auto detail = cut_text(b, m.detail, limits::kText);
      return body(schema::SchedulerMessage::Error, schema::CreateError(b, code, detail, m.measured_ms, m.limit_ms));
    });
  }
  Decoded<void> operator()(const Close& m) {
    return append([&](FlatBufferBuilder& b) {
      const auto detail = cut_text(b, m.detail, limits::kText);
      return body(schema::SchedulerMessage::Close, schema::CreateClose(b, static_cast<schema::CloseReason>(m.reason), detail));
    });
  }

  Decoded<void> operator()(const Rekey& m) {
    return append([&](FlatBufferBuilder& b) {
      const auto nonce = b.CreateVector(m.nonce.data(), m.nonce.size());
      const auto wrapped = b.CreateVector(m.wrapped_key.data(), m.wrapped_key.size());
      return body(schema::SchedulerMessage::Rekey, schema::CreateRekey(b, m.key_epoch.value, m.generation, nonce, wrapped));
    });
  }
  Decoded<void> operator()(const CellPins& m) {
    if (auto fits = too_long("pins", m.pins.size(), limits::kCellPins); !fits) return fits;
    if (m.pins.empty()) return tl::unexpected(Refused{Refusal::unsendable, "no pins"});
    return append([&](FlatBufferBuilder& b) {
      Bytes joined;
      for (const auto& pin : m.pins) joined.insert(joined.end(), pin.begin(), pin.end());
      return body(schema::SchedulerMessage::CellPins, schema::CreateCellPins(b, b.CreateVector(joined)));
    });
  }

 private:
  template <class Make>
  Decoded<void> append(Make make) {
    out_.push_back(envelope(builder_, Form::signature_last, make));
    return {};
  }
  /// A list as frames of at most kListItems; an empty list is one empty frame.
  template <class Make>
  Decoded<void> in_parts(std::size_t size, Make make) {
    std::size_t first = 0;
    do {
      const std::size_t count = std::min(size - first, limits::kListItems);
      out_.push_back(envelope(builder_, Form::signature_last, [&](FlatBufferBuilder& b) { return make(b, first, count); }));
      first += count;
    } while (first < size);
    return {};
  }
  Decoded<void> append_confirmed(const std::vector<AttemptRef>& refs);
  std::size_t append_assignments(const AssignmentList& m, std::size_t first, const std::vector<std::size_t>& sizes);

  FlatBufferBuilder& builder_;
  std::vector<Unsealed>& out_;
};

/// One frame from `first` on, with the templates it needs. Returns the first item that no longer fits.
std::size_t MessageEncoder::append_assignments(const AssignmentList& m, std::size_t first, const std::vector<std::size_t>& sizes) {
  constexpr std::uint32_t kNotHere = UINT32_MAX;
  std::vector<std::uint32_t> local(m.templates.size(), kNotHere);
  std::vector<const TaskTemplate*> used;
  const auto first_extra = std::lower_bound(m.extras.begin(), m.extras.end(), first,
                                            [](const AssignedExtra& extra, std::size_t index) { return extra.index < index; });
  auto extra = first_extra;
  std::size_t bytes = 0;
  std::size_t end = first;
  for (; end < m.items.size() && end - first < limits::kListItems; ++end) {
    const std::uint32_t index = m.items[end].template_index;
    const bool is_new = local[index] == kNotHere;
    const bool has_extra = extra != m.extras.end() && extra->index == end;
    const std::size_t more = sizeof(schema::AssignedAttempt) + (is_new ? sizes[index] : 0) + (has_extra ? size_bound(*extra) : 0);
    if (end != first && bytes + more > limits::kListBytes) break;
    bytes += more;
    if (has_extra) ++extra;
    if (!is_new) continue;
    local[index] = static_cast<std::uint32_t>(used.size());
    used.push_back(&m.templates[index]);
  }
  out_.push_back(envelope(builder_, Form::signature_last, [&](FlatBufferBuilder& b) {
    std::vector<Offset<schema::TaskAssignment>> templates;
    templates.reserve(used.size());
    for (const TaskTemplate* task : used) templates.push_back(task_template(b, *task));
    const auto templates_at = b.CreateVector(templates);
    const auto items = structs<schema::AssignedAttempt>(b, end - first, [&](std::size_t i) {
      const Assignment& item = m.items[first + i];
      return schema::AssignedAttempt(attempt(item.ref), local[item.template_index]);
    });
    std::vector<Offset<schema::AssignedExtra>> extras;
    for (auto at = first_extra; at != extra; ++at) extras.push_back(assigned_extra(b, *at, at->index - static_cast<std::uint32_t>(first)));
    const auto extras_at = extras.empty() ? 0 : b.CreateVector(extras);
    return body(schema::SchedulerMessage::AssignmentList,
                schema::CreateAssignmentList(b, templates_at, items, extras_at, m.is_provisional));
  }));
  return end;
}

Decoded<void> MessageEncoder::append_confirmed(const std::vector<AttemptRef>& refs) {
  return in_parts(refs.size(), [&](FlatBufferBuilder& b, std::size_t first, std::size_t count) {
    const auto confirmed = structs<schema::AttemptRef>(b, count, [&](std::size_t i) { return attempt(refs[first + i]); });
    return body(schema::SchedulerMessage::AssignmentList, schema::CreateAssignmentList(b, 0, 0, 0, false, confirmed));
  });
}

Decoded<void> MessageEncoder::operator()(const AssignmentList& m) {
  if (!m.confirmed.empty())
    if (auto good = append_confirmed(m.confirmed); !good) return good;
  std::vector<std::size_t> sizes;
  sizes.reserve(m.templates.size());
  for (const TaskTemplate& task : m.templates) {
    if (auto good = check_template(task); !good) return good;
    sizes.push_back(size_bound(task));
  }
  for (const Assignment& item : m.items) STINT_ASSERT(item.template_index < m.templates.size());
  for (std::size_t i = 0; i < m.extras.size(); ++i) {
    STINT_ASSERT(m.extras[i].index < m.items.size() && (i == 0 || m.extras[i - 1].index < m.extras[i].index));
    if (auto good = check_extra(m.extras[i]); !good) return good;
  }
  for (std::size_t first = 0; first < m.items.size();) first = append_assignments(m, first, sizes);
  return {};
}

Decoded<void> MessageEncoder::operator()(const UpdateList& m) {
  for (const StatusUpdate& update : m.items)
    if (auto fits = check_update(update); !fits) return fits;
  std::size_t first = 0;
  while (first < m.items.size()) {
    std::size_t bytes = 0;
    std::size_t end = first;
    for (; end < m.items.size() && end - first < limits::kListItems; ++end) {
      const std::size_t more = size_bound(m.items[end]);
      if (end != first && bytes + more > limits::kListBytes) break;
      bytes += more;
    }
    out_.push_back(envelope(builder_, Form::signature_last, [&](FlatBufferBuilder& b) {
      return body(schema::SchedulerMessage::UpdateList, update_list(b, m, first, end - first));
    }));
    first = end;
  }
  return {};
}

Decoded<void> MessageEncoder::operator()(const Resume& m) {
  if (auto fits = check_info(m.info); !fits) return fits;
  if (auto fits = too_long("held attempts", m.held.size(), limits::kHeldItems); !fits) return fits;
  return append([&](FlatBufferBuilder& b) {
    const auto info = agent_info(b, m.info);
    const auto held = structs<schema::HeldAttempt>(b, m.held.size(), [&](std::size_t i) {
      const HeldAttempt& h = m.held[i];
      return schema::HeldAttempt(attempt(h.ref), h.stdout_bytes, h.stderr_bytes, h.last_update, static_cast<schema::TaskStatus>(h.status));
    });
    return body(schema::SchedulerMessage::Resume, schema::CreateResume(b, info, held));
  });
}

Decoded<void> MessageEncoder::operator()(const Reconcile& m) {
  if (auto fits = too_long("verdicts", m.items.size(), limits::kHeldItems); !fits) return fits;
  return append([&](FlatBufferBuilder& b) {
    const auto items = structs<schema::AttemptVerdict>(b, m.items.size(), [&](std::size_t i) {
      const AttemptVerdict& v = m.items[i];
      return schema::AttemptVerdict(attempt(v.ref), v.stdout_acked, v.stderr_acked, v.acked_update,
                                    static_cast<schema::Verdict>(v.verdict));
    });
    return body(schema::SchedulerMessage::Reconcile, schema::CreateReconcile(b, items));
  });
}

Decoded<void> MessageEncoder::operator()(const LogChunk& m) {
  if (m.bytes.empty() || m.bytes.size() > limits::kLogChunk) {
    return tl::unexpected(Refused{
        Refusal::unsendable, "log chunk of " + std::to_string(m.bytes.size()) + " bytes, limit 1 to " + std::to_string(limits::kLogChunk)});
  }
  return append([&](FlatBufferBuilder& b) {
    const auto bytes = b.CreateVector(m.bytes);
    const auto ref = attempt(m.ref);
    return body(schema::SchedulerMessage::LogChunk,
                schema::CreateLogChunk(b, &ref, static_cast<schema::LogStream>(m.stream), m.offset, bytes));
  });
}

Decoded<void> MessageEncoder::operator()(const Credit& m) {
  bool counts_sent = false;
  return in_parts(m.log_acks.size(), [&](FlatBufferBuilder& b, std::size_t first, std::size_t count) {
    const auto acks = structs<schema::LogAck>(b, count, [&](std::size_t i) {
      const LogAckItem& ack = m.log_acks[first + i];
      return schema::LogAck(attempt(ack.ref), ack.acked, static_cast<schema::LogStream>(ack.stream));
    });
    const bool is_first = !std::exchange(counts_sent, true);  // counts add up, so only one part may carry them
    return body(schema::SchedulerMessage::Credit, schema::CreateCredit(b, is_first ? m.log_chunks : 0, is_first ? m.reports : 0, acks));
  });
}

}  // namespace

Unsealed Encoder::encode(const Hello& m) {
  return envelope(builder_, Form::signature_last, [&](FlatBufferBuilder& b) {
    const auto nonce = b.CreateVector(m.nonce.data(), m.nonce.size());
    const auto instance = b.CreateVector(m.info.instance.data(), m.info.instance.size());
    const auto boot = b.CreateVector(m.info.boot.data(), m.info.boot.size());
    return body(schema::SchedulerMessage::Hello,
                schema::CreateHello(b, m.info.agent.value, nonce, unsigned_of(m.clock_boot_ns), m.version_min, m.version_max, m.features,
                                    instance, boot, m.info.connect));
  });
}

Unsealed Encoder::encode(const HelloAck& m) {
  return envelope(builder_, Form::signature_last, [&](FlatBufferBuilder& b) {
    const auto nonce = b.CreateVector(m.nonce.data(), m.nonce.size());
    const auto echo = b.CreateVector(m.nonce_echo.data(), m.nonce_echo.size());
    return body(schema::SchedulerMessage::HelloAck,
                schema::CreateHelloAck(b, m.session.value, nonce, echo, unsigned_of(m.received_ms), m.version, m.features, m.body_limit,
                                       m.heartbeat_ms, m.tolerance_ms, m.log_credit, m.report_credit));
  });
}

Unsealed Encoder::encode(const Enrol& m) {
  return envelope(builder_, Form::signature_last, [&](FlatBufferBuilder& b) {
    const auto nonce = b.CreateVector(m.nonce.data(), m.nonce.size());
    const auto key = b.CreateVector(m.public_key.data(), m.public_key.size());
    const auto proof = b.CreateVector(m.proof.data(), m.proof.size());
    const auto cell = b.CreateVector(m.cell.data(), m.cell.size());
    const auto name = cut_text(b, m.name, limits::kName);
    const auto host = cut_text(b, m.host, limits::kName);
    return body(schema::SchedulerMessage::Enrol,
                schema::CreateEnrol(b, m.token, nonce, key, proof, cell, m.version_min, m.version_max, name, host));
  });
}

Unsealed Encoder::encode(const EnrolAck& m) {
  return envelope(builder_, Form::signature_last, [&](FlatBufferBuilder& b) {
    const auto nonce = b.CreateVector(m.nonce.data(), m.nonce.size());
    const auto echo = b.CreateVector(m.nonce_echo.data(), m.nonce_echo.size());
    const auto code = cut_text(b, m.code, limits::kName);
    const auto detail = cut_text(b, m.detail, limits::kName);
    const bool is_enrolled = m.code.empty();
    const auto wrapped =
        is_enrolled ? b.CreateVector(m.wrapped_key.data(), m.wrapped_key.size()) : Offset<flatbuffers::Vector<std::uint8_t>>{};
    const auto name = is_enrolled ? cut_text(b, m.name, limits::kName) : Text{};
    return body(schema::SchedulerMessage::EnrolAck,
                schema::CreateEnrolAck(b, m.token, nonce, echo, m.version, code, detail, is_enrolled ? m.agent.value : 0,
                                       is_enrolled ? m.key_epoch.value : std::uint16_t{0}, is_enrolled ? m.generation : 0, wrapped, name));
  });
}

Unsealed Encoder::encode(const Reject& m) {
  return envelope(builder_, Form::tag_appended, [&](FlatBufferBuilder& b) {
    const auto code = cut_text(b, m.code, limits::kName);
    const auto detail = cut_text(b, m.detail, limits::kName);
    return body(schema::SchedulerMessage::Reject, schema::CreateReject(b, code, detail));
  });
}

Decoded<void> Encoder::encode(const Message& message, std::vector<Unsealed>& out) {
  return std::visit(MessageEncoder{builder_, out}, message);
}

Decoded<void> check_update(const StatusUpdate& update) {
  if (auto fits = text_fits("result", update.result, limits::kResult); !fits) return fits;
  return files_fit("output", update.outputs);
}

Decoded<void> check_template(const TaskTemplate& task) {
  if (task.driver.empty()) return tl::unexpected(Refused{Refusal::unsendable, "a task without a driver"});
  if (task.array_step == 0 || task.array_size == 0) return tl::unexpected(Refused{Refusal::unsendable, "an array with step or size 0"});
  if (millis(task.timeout) > limits::kTimeoutMs || millis(task.kill_grace) > limits::kTimeoutMs) {
    return tl::unexpected(Refused{Refusal::unsendable, "a timeout above 100 years"});
  }
  if (auto fits = texts_fit("task name", std::array{task.job_name, task.task_name, task.driver, task.submit_boot_id}, limits::kName); !fits)
    return fits;
  if (auto fits = text_fits("workdir", task.workdir, limits::kText); !fits) return fits;
  if (auto fits = too_long("command", task.command.size(), limits::kArguments); !fits) return fits;
  if (auto fits = too_long("env", task.env.size(), limits::kEnvironment); !fits) return fits;
  if (auto fits = too_long("outputs", task.outputs.size(), limits::kPatterns); !fits) return fits;
  if (auto fits = texts_fit("output", task.outputs, limits::kText); !fits) return fits;
  for (const auto& variable : task.env) {
    if (variable.first.empty()) return tl::unexpected(Refused{Refusal::unsendable, "an environment variable without a name"});
  }
  if (const std::size_t size = size_bound(task); size > limits::kTemplateBytes) {
    return tl::unexpected(Refused{Refusal::unsendable, "command and environment of " + std::to_string(size) + " bytes, limit " +
                                                           std::to_string(limits::kTemplateBytes)});
  }
  return {};
}

}  // namespace stint::protocol
