#include "protocol/codec.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "base/random.hpp"
#include "protocol/limits.hpp"
#include "protocol/session_pipe.hpp"
#include "schema/envelope_generated.h"

namespace stint::protocol {
namespace {

using flatbuffers::FlatBufferBuilder;
using schema::SchedulerMessage;

/// `body ‖ tag` as a receiver has it: 8-aligned, stamped; here the tag is the signature's own bytes.
class Buffer {
 public:
  explicit Buffer(const Unsealed& from, std::int64_t timestamp_ms = 1'793'000'000'123) : bytes_(from.space) {
    store_le<std::uint64_t>(bytes_.data() + from.timestamp_at, static_cast<std::uint64_t>(timestamp_ms));
  }
  /// A builder's finished buffer without a signature: form B.
  explicit Buffer(FlatBufferBuilder& builder) : bytes_(wire::kHeaderSize) {
    bytes_.insert(bytes_.end(), builder.GetBufferPointer(), builder.GetBufferPointer() + builder.GetSize());
    bytes_.resize((bytes_.size() + 7) / 8 * 8 + wire::kTagSize);
  }
  [[nodiscard]] ByteView view() const { return ByteView{bytes_}.subspan(wire::kHeaderSize); }
  Bytes& bytes() { return bytes_; }

 private:
  Bytes bytes_;
};

Decoded<Message> decode(const Buffer& buffer) {
  const auto envelope = open_envelope(buffer.view());
  if (!envelope) return tl::unexpected(envelope.error());
  return decode_message(*envelope);
}

std::vector<Unsealed> encode(const Message& message) {
  Encoder encoder;
  std::vector<Unsealed> out;
  const auto encoded = encoder.encode(message, out);
  EXPECT_TRUE(encoded) << encoded.error().detail;
  return out;
}

/// The refusal of an envelope that `make` fills; `none` of them means accepted.
template <class Make>
std::string refusal(Make make) {
  FlatBufferBuilder b;
  make(b);
  const auto decoded = decode(Buffer(b));
  return decoded ? "accepted" : to_string(decoded.error().reason);
}

template <class Table>
void finish(FlatBufferBuilder& b, SchedulerMessage type, flatbuffers::Offset<Table> value) {
  schema::FinishMessageEnvelopeBuffer(b, schema::CreateMessageEnvelope(b, 1, 1'793'000'000'000, type, value.Union()));
}

const schema::AttemptRef kRef(12, 0, 3, 1);

// ---- round trips of every message, from random values

class Gen {
 public:
  explicit Gen(std::uint64_t seed) : prng_(seed) {}

  std::uint64_t number() {
    const std::uint64_t bits = prng_.below(64);
    return prng_.next() >> bits;
  }
  std::uint32_t small() { return static_cast<std::uint32_t>(number()); }
  std::int64_t positive() { return static_cast<std::int64_t>(number() >> 1); }
  std::size_t count(std::size_t most) { return static_cast<std::size_t>(prng_.below(most + 1)); }
  std::string text(std::size_t least = 0, std::size_t most = 40) {
    std::string out(least + count(most - least), ' ');
    for (char& c : out) c = static_cast<char>('a' + prng_.below(26));
    return out;
  }
  std::vector<std::string> texts() {
    return many(5, [&] { return text(); });
  }
  std::vector<std::pair<std::string, std::string>> pairs() {
    return many(5, [&] {
      std::string name = text(1);
      return std::pair(std::move(name), text());
    });
  }
  AttemptRef ref() {
    AttemptRef r;
    r.task.job.value = static_cast<std::uint64_t>(positive() | 1);
    r.task.group = small();
    r.task.index = small();
    r.attempt = small() | 1U;
    return r;
  }
  Resources resources() {
    Resources r;
    r.cpu_millis = static_cast<std::int64_t>(prng_.below(limits::kCpuMillis));
    r.memory_bytes = small() * kMiB;
    r.gpus = static_cast<std::int64_t>(prng_.below(limits::kGpus));
    r.storage_bytes = small() * kGiB;
    return r;
  }
  TaskTemplate task() {
    TaskTemplate t;
    t.job_name = text();
    t.task_name = text();
    t.agent_type = static_cast<AgentType>(prng_.below(kAgentTypes));
    t.driver = text(1);
    t.command = texts();
    t.env = pairs();
    t.workdir = text();
    t.submit_boot_id = text();
    t.workdir_inode = number();
    t.resources = resources();
    t.timeout = from_ms(static_cast<std::int64_t>(prng_.below(limits::kTimeoutMs)));
    t.kill_grace = from_ms(static_cast<std::int64_t>(prng_.below(100'000)));
    t.is_array = prng_.chance(1, 2);
    t.array_first = small();
    t.array_step = small() | 1U;
    t.array_size = small() | 1U;
    return t;
  }
  StatusUpdate update() {
    StatusUpdate u;
    u.ref = ref();
    u.number = small();
    u.status = static_cast<TaskStatus>(prng_.below(5));
    u.reason = static_cast<EndReason>(prng_.below(13));
    u.exit_code = static_cast<std::int32_t>(small());
    u.signal = static_cast<std::int32_t>(prng_.below(65));
    u.started_ms = positive();
    u.ended_ms = positive();
    u.progress = static_cast<float>(prng_.below(1001)) / 1000.0F;
    if (prng_.chance(1, 3)) {
      u.metrics = many(4, [&] {
        std::string name = text(1);
        const double value = static_cast<double>(positive()) / 7.0;
        return Metric{std::move(name), value, number()};
      });
    }
    if (prng_.chance(1, 3)) u.detail = text();
    return u;
  }
  AgentInfo info() {
    AgentInfo i;
    i.name = text(1);
    i.version = text();
    i.types = many(5, [&] { return static_cast<AgentType>(prng_.below(kAgentTypes)); });
    i.resources = resources();
    i.labels = pairs();
    i.drivers = texts();
    i.notes = texts();
    i.shared_paths = texts();
    i.boot_id = text();
    i.host = text();
    i.window = small();
    return i;
  }
  LogStream stream() { return prng_.chance(1, 2) ? LogStream::out : LogStream::err; }
  Bytes bytes(std::size_t size) {
    Bytes out(size);
    prng_.fill(out);
    return out;
  }
  template <class Make>
  auto many(std::size_t most, Make make) -> std::vector<decltype(make())> {
    std::vector<decltype(make())> out(0);
    const std::size_t size = count(most);
    for (std::size_t i = 0; i < size; ++i) out.push_back(make());
    return out;
  }
  Prng& prng() { return prng_; }

 private:
  Prng prng_;
};

// Equality of what travels; messages.hpp needs none of it.
bool same(const Assignment& a, const Assignment& b) { return a.ref == b.ref && a.template_index == b.template_index; }
bool same(const UpdateKey& a, const UpdateKey& b) { return a.ref == b.ref && a.number == b.number; }
bool same(const HeldAttempt& a, const HeldAttempt& b) {
  return a.ref == b.ref && a.status == b.status && a.last_update == b.last_update && a.stdout_bytes == b.stdout_bytes &&
         a.stderr_bytes == b.stderr_bytes;
}
bool same(const AttemptVerdict& a, const AttemptVerdict& b) {
  return a.ref == b.ref && a.verdict == b.verdict && a.acked_update == b.acked_update && a.stdout_acked == b.stdout_acked &&
         a.stderr_acked == b.stderr_acked;
}
bool same(const CancelItem& a, const CancelItem& b) { return a.ref == b.ref && a.mode == b.mode && a.reason == b.reason; }
bool same(const LogAckItem& a, const LogAckItem& b) { return a.ref == b.ref && a.stream == b.stream && a.acked == b.acked; }
template <class T>
bool same(const std::vector<T>& a, const std::vector<T>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const T& x, const T& y) { return same(x, y); });
}
bool same(const AgentInfo& a, const AgentInfo& b) {
  return a.name == b.name && a.version == b.version && a.types == b.types && a.resources == b.resources && a.labels == b.labels &&
         a.drivers == b.drivers && a.notes == b.notes && a.shared_paths == b.shared_paths && a.boot_id == b.boot_id && a.host == b.host &&
         a.window == b.window;
}
bool same(const AssignmentList& a, const AssignmentList& b) { return a.templates == b.templates && same(a.items, b.items); }
bool same(const UpdateList& a, const UpdateList& b) { return a.items == b.items; }
bool same(const StatusAck& a, const StatusAck& b) { return same(a.items, b.items); }
bool same(const Resume& a, const Resume& b) { return same(a.info, b.info) && same(a.held, b.held); }
bool same(const Reconcile& a, const Reconcile& b) { return same(a.items, b.items); }
bool same(const Heartbeat& a, const Heartbeat& b) { return a.clock_boot_ns == b.clock_boot_ns && a.running == b.running; }
bool same(const HeartbeatAck& a, const HeartbeatAck& b) {
  return a.clock_boot_ns == b.clock_boot_ns && a.session_time_ms == b.session_time_ms;
}
bool same(const Cancel& a, const Cancel& b) { return same(a.items, b.items); }
bool same(const LogChunk& a, const LogChunk& b) {
  return a.ref == b.ref && a.stream == b.stream && a.offset == b.offset && a.bytes == b.bytes;
}
bool same(const Credit& a, const Credit& b) {
  return a.log_chunks == b.log_chunks && a.reports == b.reports && same(a.log_acks, b.log_acks);
}
bool same(const ErrorMessage& a, const ErrorMessage& b) {
  return a.code == b.code && a.detail == b.detail && a.measured_ms == b.measured_ms && a.limit_ms == b.limit_ms;
}
bool same(const Close& a, const Close& b) { return a.reason == b.reason && a.detail == b.detail; }

template <class M, class Make>
void round_trips(Make make) {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    Gen gen(seed);
    const M message = make(gen);
    const auto frames = encode(message);
    ASSERT_EQ(frames.size(), 1U) << "seed " << seed;
    ASSERT_EQ(frames[0].space.size() % 8, 0U);
    const auto decoded = decode(Buffer(frames[0]));
    ASSERT_TRUE(decoded) << "seed " << seed << ": " << decoded.error().detail;
    const auto* back = std::get_if<M>(&*decoded);
    ASSERT_NE(back, nullptr) << "seed " << seed;
    EXPECT_TRUE(same(*back, message)) << "seed " << seed;
  }
}

TEST(CodecRoundTrip, AssignmentList) {
  round_trips<AssignmentList>([](Gen& g) {
    AssignmentList m;
    const std::size_t templates = 1 + g.count(3);
    for (std::size_t i = 0; i < templates; ++i) {
      m.templates.push_back(g.task());
      m.items.push_back({g.ref(), static_cast<std::uint32_t>(i)});  // in the order of first use, which is the order on the wire
    }
    for (std::size_t i = g.count(20); i > 0; --i) {
      const AttemptRef ref = g.ref();
      m.items.push_back({ref, static_cast<std::uint32_t>(g.prng().below(templates))});
    }
    return m;
  });
}
TEST(CodecRoundTrip, UpdateList) {
  round_trips<UpdateList>([](Gen& g) {
    UpdateList m;
    for (std::size_t i = 1 + g.count(30); i > 0; --i) m.items.push_back(g.update());
    return m;
  });
}
TEST(CodecRoundTrip, StatusAck) {
  round_trips<StatusAck>([](Gen& g) {
    return StatusAck{g.many(20, [&] {
      const AttemptRef ref = g.ref();
      return UpdateKey{ref, g.small()};
    })};
  });
}
TEST(CodecRoundTrip, AgentInfo) {
  round_trips<AgentInfo>([](Gen& g) { return g.info(); });
}
TEST(CodecRoundTrip, Resume) {
  round_trips<Resume>([](Gen& g) {
    Resume m;
    m.info = g.info();
    m.held = g.many(20, [&] {
      HeldAttempt h;
      h.ref = g.ref();
      h.status = static_cast<TaskStatus>(g.prng().below(5));
      h.last_update = g.small();
      h.stdout_bytes = g.number();
      h.stderr_bytes = g.number();
      return h;
    });
    return m;
  });
}
TEST(CodecRoundTrip, Reconcile) {
  round_trips<Reconcile>([](Gen& g) {
    return Reconcile{g.many(20, [&] {
      AttemptVerdict v;
      v.ref = g.ref();
      v.verdict = static_cast<Verdict>(1 + g.prng().below(3));
      v.acked_update = g.small();
      v.stdout_acked = g.number();
      v.stderr_acked = g.number();
      return v;
    })};
  });
}
TEST(CodecRoundTrip, Heartbeat) {
  round_trips<Heartbeat>([](Gen& g) {
    const std::int64_t clock = g.positive() | 1;
    return Heartbeat{clock, g.small()};
  });
}
TEST(CodecRoundTrip, HeartbeatAck) {
  round_trips<HeartbeatAck>([](Gen& g) {
    const std::int64_t clock = g.positive();
    return HeartbeatAck{clock, g.positive()};
  });
}
TEST(CodecRoundTrip, Cancel) {
  round_trips<Cancel>([](Gen& g) {
    return Cancel{g.many(20, [&] {
      CancelItem item;
      item.ref = g.ref();
      item.mode = g.prng().chance(1, 2) ? CancelMode::graceful : CancelMode::kill;
      item.reason = g.prng().chance(1, 2) ? EndReason::cancelled : EndReason::superseded;
      return item;
    })};
  });
}
TEST(CodecRoundTrip, LogChunk) {
  round_trips<LogChunk>([](Gen& g) {
    LogChunk m;
    m.ref = g.ref();
    m.stream = g.stream();
    m.offset = static_cast<std::uint64_t>(g.positive());
    m.bytes = g.bytes(1 + g.count(3000));
    return m;
  });
}
TEST(CodecRoundTrip, Credit) {
  round_trips<Credit>([](Gen& g) {
    Credit m;
    m.log_chunks = g.small();
    m.reports = g.small();
    m.log_acks = g.many(20, [&] {
      LogAckItem item;
      item.ref = g.ref();
      item.stream = g.stream();
      item.acked = g.number();
      return item;
    });
    return m;
  });
}
TEST(CodecRoundTrip, Error) {
  round_trips<ErrorMessage>([](Gen& g) {
    ErrorMessage m;
    m.code = g.text(1);
    m.detail = g.text();
    m.measured_ms = -g.positive();
    m.limit_ms = g.positive();
    return m;
  });
}
TEST(CodecRoundTrip, Close) {
  round_trips<Close>([](Gen& g) {
    const auto reason = static_cast<CloseReason>(1 + g.prng().below(8));
    return Close{reason, g.text()};
  });
}

TEST(CodecRoundTrip, Handshake) {
  Encoder encoder;
  Hello hello;
  hello.info = {AgentNumber{7}, KeyEpoch{}, {1, 2, 3}, {4, 5, 6}, 9};
  hello.nonce.fill(0x33);
  hello.clock_boot_ns = 123456789;
  hello.features = 0x8000000000000001;
  const Buffer hello_buffer(encoder.encode(hello));
  const auto back = decode_hello(*open_envelope(hello_buffer.view()));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->info.agent, hello.info.agent);
  EXPECT_EQ(back->info.instance, hello.info.instance);
  EXPECT_EQ(back->info.boot, hello.info.boot);
  EXPECT_EQ(back->info.connect, 9U);
  EXPECT_EQ(back->nonce, hello.nonce);
  EXPECT_EQ(back->clock_boot_ns, hello.clock_boot_ns);
  EXPECT_EQ(back->features, hello.features);

  HelloAck ack;
  ack.session = SessionId{5};
  ack.nonce.fill(1);
  ack.nonce_echo.fill(2);
  ack.received_ms = 77;
  ack.body_limit = 1 << 21;
  ack.heartbeat_ms = 30'000;
  ack.tolerance_ms = 5'000;
  ack.log_credit = 3;
  ack.report_credit = 4;
  const Buffer ack_buffer(encoder.encode(ack));
  const auto ack_back = decode_hello_ack(*open_envelope(ack_buffer.view()));
  ASSERT_TRUE(ack_back) << ack_back.error().detail;
  EXPECT_EQ(ack_back->session, ack.session);
  EXPECT_EQ(ack_back->nonce, ack.nonce);
  EXPECT_EQ(ack_back->nonce_echo, ack.nonce_echo);
  EXPECT_EQ(ack_back->received_ms, 77);
  EXPECT_EQ(ack_back->heartbeat_ms, 30'000U);
  EXPECT_EQ(ack_back->log_credit, 3U);
  EXPECT_EQ(ack_back->report_credit, 4U);

  // Each frame kind has its members and no others.
  EXPECT_EQ(decode_message(*open_envelope(hello_buffer.view())).error().reason, Refusal::wrong_direction);
  EXPECT_EQ(decode_hello(*open_envelope(ack_buffer.view())).error().reason, Refusal::wrong_direction);
}

// ---- form

TEST(Codec, SignatureIsTheLast32Bytes) {
  const auto frames = encode(StatusAck{});
  Buffer buffer(frames[0]);
  const auto* root = schema::GetMessageEnvelope(buffer.view().data());
  ASSERT_NE(root->signature(), nullptr);
  EXPECT_EQ(root->signature()->size(), 32U);
  EXPECT_EQ(root->signature()->data() + 32, buffer.view().data() + buffer.view().size());
}

TEST(Codec, HeartbeatFrameIsSmall) {
  EXPECT_LE(encode(Heartbeat{1, 3})[0].space.size(), 136U) << "what an agent says when it has nothing to say";
}

TEST(Codec, ClockOfAHeartbeatCanBeStamped) {
  auto frames = encode(Heartbeat{1, 3});
  store_le<std::uint64_t>(frames[0].space.data() + frames[0].clock_at, 0x1122334455667788);
  const auto decoded = decode(Buffer(frames[0]));
  ASSERT_TRUE(decoded);
  EXPECT_EQ(std::get<Heartbeat>(*decoded).clock_boot_ns, 0x1122334455667788);
}

TEST(Codec, CompletedUpdatesAreCompact) {
  UpdateList list;
  for (std::uint32_t i = 0; i < 1024; ++i) list.items.push_back(testing::update(i, 1, TaskStatus::completed));
  const auto frames = encode(list);
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_LE(frames[0].space.size(), 1024U * 56 + 256) << "56 bytes each and no tables";
}

TEST(Codec, ListsAreCutAtTheirLimits) {
  UpdateList many;
  for (std::uint32_t i = 0; i < 2500; ++i) many.items.push_back(testing::update(i, 1));
  EXPECT_EQ(encode(many).size(), 3U);

  UpdateList wide;
  for (std::uint32_t i = 0; i < 600; ++i) {
    wide.items.push_back(testing::update(i, 1));
    wide.items.back().detail.assign(4096, 'd');
  }
  std::size_t total = 0;
  for (const Unsealed& frame : encode(wide)) {
    EXPECT_LE(frame.space.size(), limits::kListBytes + 4096);
    const auto decoded = decode(Buffer(frame));
    ASSERT_TRUE(decoded);
    total += std::get<UpdateList>(*decoded).items.size();
  }
  EXPECT_EQ(total, 600U);

  AssignmentList assignments;
  for (std::uint32_t i = 0; i < 3; ++i) {
    assignments.templates.push_back(testing::task_template());
    assignments.templates.back().command.assign(1, std::string(600 * 1024, static_cast<char>('a' + i)));
    assignments.items.push_back({testing::ref(i), i});
  }
  const auto frames = encode(assignments);
  ASSERT_EQ(frames.size(), 3U) << "two such templates are above 1 MiB";
  for (std::size_t i = 0; i < 3; ++i) {
    const auto decoded = decode(Buffer(frames[i]));
    ASSERT_TRUE(decoded);
    const auto& list = std::get<AssignmentList>(*decoded);
    ASSERT_EQ(list.templates.size(), 1U);
    EXPECT_EQ(list.templates[0].command[0][0], static_cast<char>('a' + i));
    EXPECT_EQ(list.items[0].ref, testing::ref(static_cast<std::uint32_t>(i)));
  }

  Credit credit;
  credit.log_chunks = 5;
  credit.log_acks.resize(1500, {testing::ref(1), LogStream::out, 1});
  std::uint32_t granted = 0;
  for (const Unsealed& frame : encode(credit)) granted += std::get<Credit>(*decode(Buffer(frame))).log_chunks;
  EXPECT_EQ(granted, 5U) << "cutting a list must not multiply the grant";
}

TEST(Codec, WhatATaskSaysIsBroughtWithinBounds) {
  StatusUpdate u = testing::update(1, 0);
  u.progress = std::numeric_limits<float>::quiet_NaN();
  u.metrics = {{"loss", std::numeric_limits<double>::infinity(), 1}, {"", 1, 1}, {std::string(1000, 'n'), 2, 1}};
  for (int i = 0; i < 1000; ++i) u.metrics.push_back({"m", 1.0, 0});
  u.detail = std::string(4095, 'd') + "\xC3\xA4";  // an a-umlaut across the limit
  const auto decoded = decode(Buffer(encode(UpdateList{{u}})[0]));
  ASSERT_TRUE(decoded) << decoded.error().detail;
  const StatusUpdate& back = std::get<UpdateList>(*decoded).items[0];
  EXPECT_EQ(back.progress, 0.0F);
  EXPECT_EQ(back.metrics.size(), limits::kMetrics);
  EXPECT_EQ(back.metrics[0].name.size(), limits::kName);
  EXPECT_EQ(back.detail, std::string(4095, 'd')) << "cut at the border of a character";
}

TEST(Codec, OffersRoundDownAndRequestsRoundUp) {
  AgentInfo info = testing::agent_info();
  info.resources.memory_bytes = 3 * kMiB - 1;
  info.resources.storage_bytes = 2 * kGiB + 1;
  const auto offer = std::get<AgentInfo>(*decode(Buffer(encode(info)[0])));
  EXPECT_EQ(offer.resources.memory_bytes, 2 * kMiB);
  EXPECT_EQ(offer.resources.storage_bytes, 2 * kGiB);

  AssignmentList list{{testing::task_template()}, {{testing::ref(1), 0}}};
  list.templates[0].resources.memory_bytes = 1;
  list.templates[0].timeout = std::chrono::nanoseconds{1};
  const auto request = std::get<AssignmentList>(*decode(Buffer(encode(list)[0])));
  EXPECT_EQ(request.templates[0].resources.memory_bytes, kMiB);
  EXPECT_EQ(request.templates[0].timeout, std::chrono::milliseconds{1}) << "a timeout never becomes none";
}

TEST(Codec, WhatCannotTravelIsRefusedWhole) {
  Encoder encoder;
  std::vector<Unsealed> out;
  TaskTemplate task = testing::task_template();
  task.env = {{"BIG", std::string(limits::kTemplateBytes, 'x')}};
  EXPECT_FALSE(check_template(task));
  EXPECT_FALSE(encoder.encode(AssignmentList{{task}, {{testing::ref(1), 0}}}, out));
  EXPECT_FALSE(encoder.encode(testing::log_chunk(0, limits::kLogChunk + 1), out));
  EXPECT_FALSE(encoder.encode(Resume{testing::agent_info(), std::vector<HeldAttempt>(limits::kHeldItems + 1)}, out));
  EXPECT_FALSE(encoder.encode(testing::agent_info(""), out));
  EXPECT_TRUE(out.empty());
  task.env[0].second.resize(limits::kTemplateBytes - 2000);
  EXPECT_TRUE(check_template(task));
}

// ---- the seed's single messages

TEST(Codec, SingleAssignmentIsAListOfOne) {
  FlatBufferBuilder b;
  const auto id = b.CreateString("12.train.3");
  const auto driver = b.CreateString("noop");
  const auto resources = schema::CreateResourceSpec(b, 1500, 2048, 1, 3);
  schema::TaskAssignmentBuilder task(b);
  task.add_task_id(id);
  task.add_agent_type(schema::AgentType::Rater);
  task.add_resources(resources);
  task.add_timeout(90);
  task.add_attempt(&kRef);
  task.add_driver(driver);
  finish(b, SchedulerMessage::TaskAssignment, task.Finish());
  const auto decoded = decode(Buffer(b));
  ASSERT_TRUE(decoded) << decoded.error().detail;
  const auto& list = std::get<AssignmentList>(*decoded);
  ASSERT_EQ(list.items.size(), 1U);
  EXPECT_EQ(list.items[0].ref, testing::ref(3));
  EXPECT_EQ(list.templates[0].agent_type, AgentType::rater);
  EXPECT_EQ(list.templates[0].timeout, std::chrono::seconds{90});
  EXPECT_EQ(list.templates[0].resources, (Resources{1500, 2048 * kMiB, 1, 3 * kGiB}));
}

TEST(Codec, SingleUpdateIsAListOfOne) {
  FlatBufferBuilder b;
  const auto name = b.CreateString("loss");
  const auto metrics = b.CreateVector(std::vector{schema::CreateMetric(b, name, 0.25, 9)});
  schema::StatusUpdateBuilder update(b);
  update.add_status(schema::TaskStatus::Running);
  update.add_progress(0.5F);
  update.add_metrics(metrics);
  update.add_attempt(&kRef);
  finish(b, SchedulerMessage::StatusUpdate, update.Finish());
  const auto decoded = decode(Buffer(b));
  ASSERT_TRUE(decoded) << decoded.error().detail;
  const StatusUpdate& u = std::get<UpdateList>(*decoded).items.at(0);
  EXPECT_EQ(u.progress, 0.5F);
  EXPECT_EQ(u.metrics.at(0).name, "loss");
  EXPECT_EQ(u.number, 0U);
}

// ---- meaning

TEST(CodecMeaning, Envelope) {
  const auto envelope = [](std::uint16_t version, std::uint64_t timestamp) {
    return [=](FlatBufferBuilder& b) {
      const auto value = schema::CreateHeartbeat(b, 1, 0);
      schema::FinishMessageEnvelopeBuffer(b,
                                          schema::CreateMessageEnvelope(b, version, timestamp, SchedulerMessage::Heartbeat, value.Union()));
    };
  };
  EXPECT_EQ(refusal(envelope(1, 5)), "accepted");
  EXPECT_EQ(refusal(envelope(2, 5)), "bad_envelope");
  EXPECT_EQ(refusal(envelope(0, 5)), "bad_envelope");
  EXPECT_EQ(refusal(envelope(1, 0)), "bad_timestamp");
  EXPECT_EQ(refusal(envelope(1, std::uint64_t{1} << 63)), "bad_timestamp");
}

TEST(CodecMeaning, SignatureMustBeTheTag) {
  for (const std::size_t size : {0U, 31U, 32U, 33U}) {
    FlatBufferBuilder b;
    const Bytes other(size, 0x77);  // the appended tag is zero here
    const auto signature = b.CreateVector(other);
    const auto value = schema::CreateHeartbeat(b, 1, 0);
    schema::FinishMessageEnvelopeBuffer(b, schema::CreateMessageEnvelope(b, 1, 5, SchedulerMessage::Heartbeat, value.Union(), signature));
    const auto decoded = decode(Buffer(b));
    ASSERT_FALSE(decoded);
    EXPECT_EQ(decoded.error().reason, Refusal::bad_signature) << size;
  }
}

TEST(CodecMeaning, UnknownAndNullMessages) {
  const auto envelope = [](std::uint8_t type, bool has_value) {
    return [=](FlatBufferBuilder& b) {
      const flatbuffers::Offset<void> value = has_value ? schema::CreateHeartbeat(b, 1, 0).Union() : flatbuffers::Offset<void>{};
      schema::FinishMessageEnvelopeBuffer(b, schema::CreateMessageEnvelope(b, 1, 5, static_cast<SchedulerMessage>(type), value));
    };
  };
  EXPECT_EQ(refusal(envelope(0, false)), "unknown_message");
  EXPECT_EQ(refusal(envelope(19, true)), "unknown_message");
  EXPECT_EQ(refusal(envelope(255, true)), "unknown_message");
  for (int type = 1; type <= 18; ++type) {
    const bool is_handshake = type >= 4 && type <= 6;
    EXPECT_EQ(refusal(envelope(static_cast<std::uint8_t>(type), false)), is_handshake ? "wrong_direction" : "null_message") << type;
  }
}

TEST(CodecMeaning, Updates) {
  const auto update = [](float progress, int status, int reason, schema::AttemptRef ref) {
    return [=](FlatBufferBuilder& b) {
      const schema::UpdateRecord record(ref, 0, 0, 1, 0, progress, static_cast<schema::TaskStatus>(status),
                                        static_cast<schema::EndReason>(reason), 0);
      const auto records = b.CreateVectorOfStructs(&record, 1);
      finish(b, SchedulerMessage::UpdateList, schema::CreateUpdateList(b, records));
    };
  };
  EXPECT_EQ(refusal(update(0.0F, 1, 0, kRef)), "accepted");
  EXPECT_EQ(refusal(update(1.0F, 4, 12, kRef)), "accepted");
  EXPECT_EQ(refusal(update(1.001F, 1, 0, kRef)), "bad_progress");
  EXPECT_EQ(refusal(update(-0.001F, 1, 0, kRef)), "bad_progress");
  EXPECT_EQ(refusal(update(std::numeric_limits<float>::quiet_NaN(), 1, 0, kRef)), "bad_progress");
  EXPECT_EQ(refusal(update(std::numeric_limits<float>::infinity(), 1, 0, kRef)), "bad_progress");
  EXPECT_EQ(refusal(update(0.0F, 5, 0, kRef)), "bad_enum");
  EXPECT_EQ(refusal(update(0.0F, -1, 0, kRef)), "bad_enum");
  EXPECT_EQ(refusal(update(0.0F, 1, 13, kRef)), "bad_enum");
  EXPECT_EQ(refusal(update(0.0F, 1, 0, {0, 0, 0, 1})), "missing_field");
  EXPECT_EQ(refusal(update(0.0F, 1, 0, {12, 0, 0, 0})), "missing_field");
  EXPECT_EQ(refusal(update(0.0F, 1, 0, {std::uint64_t{1} << 63, 0, 0, 1})), "bad_value");
}

TEST(CodecMeaning, ExtrasNameTheirUpdatesInOrder) {
  const auto list = [](std::vector<std::uint32_t> indexes) {
    return [indexes = std::move(indexes)](FlatBufferBuilder& b) {
      std::vector<flatbuffers::Offset<schema::UpdateExtra>> extras;
      for (const std::uint32_t index : indexes) extras.push_back(schema::CreateUpdateExtra(b, index));
      const auto extras_at = b.CreateVector(extras);
      const std::vector<schema::UpdateRecord> records(3, {kRef, 0, 0, 1, 0, 0.0F, schema::TaskStatus::Running, schema::EndReason::None, 0});
      const auto records_at = b.CreateVectorOfStructs(records);
      finish(b, SchedulerMessage::UpdateList, schema::CreateUpdateList(b, records_at, extras_at));
    };
  };
  EXPECT_EQ(refusal(list({0, 2})), "accepted");
  EXPECT_EQ(refusal(list({0, 0})), "bad_value");
  EXPECT_EQ(refusal(list({2, 1})), "bad_value");
  EXPECT_EQ(refusal(list({3})), "bad_value");
  EXPECT_EQ(refusal(list({UINT32_MAX})), "bad_value");
}

TEST(CodecMeaning, ListLimits) {
  const auto updates = [](std::size_t count) {
    return [=](FlatBufferBuilder& b) {
      const std::vector<schema::UpdateRecord> records(count,
                                                      {kRef, 0, 0, 1, 0, 0.0F, schema::TaskStatus::Running, schema::EndReason::None, 0});
      const auto records_at = b.CreateVectorOfStructs(records);
      finish(b, SchedulerMessage::UpdateList, schema::CreateUpdateList(b, records_at));
    };
  };
  EXPECT_EQ(refusal(updates(limits::kListItems)), "accepted");
  EXPECT_EQ(refusal(updates(limits::kListItems + 1)), "list_too_long");
}

TEST(CodecMeaning, Assignments) {
  struct Case {
    const char* driver = "noop";
    int type = 0;
    std::uint64_t timeout = 2;
    std::uint64_t timeout_ms = 1500;
    std::uint32_t cpu = 1000;
    std::uint32_t step = 1;
    std::uint32_t index = 0;
    schema::StorageType storage = schema::StorageType::Local;
  };
  const auto result = [](const Case& c) {
    return refusal([&](FlatBufferBuilder& b) {
      const auto driver = b.CreateString(c.driver);
      const auto resources = schema::CreateResourceSpec(b, c.cpu);
      schema::TaskAssignmentBuilder task(b);
      task.add_driver(driver);
      task.add_resources(resources);
      task.add_agent_type(static_cast<schema::AgentType>(c.type));
      task.add_timeout(c.timeout);
      task.add_timeout_ms(c.timeout_ms);
      task.add_array_step(c.step);
      task.add_storage_backend(c.storage);
      const auto templates = b.CreateVector(std::vector{task.Finish()});
      const schema::AssignedAttempt item(kRef, c.index);
      const auto items = b.CreateVectorOfStructs(&item, 1);
      finish(b, SchedulerMessage::AssignmentList, schema::CreateAssignmentList(b, templates, items));
    });
  };
  EXPECT_EQ(result({}), "accepted");
  EXPECT_EQ(result({.timeout_ms = 0}), "accepted") << "the seed's field alone";
  EXPECT_EQ(result({.driver = ""}), "missing_field");
  EXPECT_EQ(result({.type = 5}), "bad_enum");
  EXPECT_EQ(result({.timeout = 3}), "bad_value");
  EXPECT_EQ(result({.timeout = UINT64_MAX, .timeout_ms = 0}), "bad_value");
  EXPECT_EQ(result({.cpu = limits::kCpuMillis + 1}), "bad_resources");
  EXPECT_EQ(result({.step = 0}), "bad_value");
  EXPECT_EQ(result({.index = 1}), "bad_value");
  EXPECT_EQ(result({.storage = schema::StorageType::S3}), "bad_enum");
}

TEST(CodecMeaning, LogChunks) {
  const auto chunk = [](std::size_t size, int stream, const schema::AttemptRef* ref) {
    return [=](FlatBufferBuilder& b) {
      const auto bytes = b.CreateVector(Bytes(size, 'x'));
      finish(b, SchedulerMessage::LogChunk, schema::CreateLogChunk(b, ref, static_cast<schema::LogStream>(stream), 0, bytes));
    };
  };
  EXPECT_EQ(refusal(chunk(limits::kLogChunk, 1, &kRef)), "accepted");
  EXPECT_EQ(refusal(chunk(limits::kLogChunk + 1, 1, &kRef)), "bad_size");
  EXPECT_EQ(refusal(chunk(0, 1, &kRef)), "bad_size");
  EXPECT_EQ(refusal(chunk(1, 0, &kRef)), "bad_enum");
  EXPECT_EQ(refusal(chunk(1, 3, &kRef)), "bad_enum");
  EXPECT_EQ(refusal(chunk(1, 1, nullptr)), "missing_field");
}

TEST(CodecMeaning, AgentInfo) {
  const auto info = [](const std::string& name, std::size_t notes, std::size_t note_size) {
    return [=](FlatBufferBuilder& b) {
      const auto name_at = b.CreateString(name);
      const auto note = b.CreateString(std::string(note_size, 'n'));
      const auto notes_at = b.CreateVector(std::vector(notes, note));
      schema::AgentInfoBuilder out(b);
      out.add_name(name_at);
      out.add_notes(notes_at);
      finish(b, SchedulerMessage::AgentInfo, out.Finish());
    };
  };
  EXPECT_EQ(refusal(info("a1", 3, 10)), "accepted");
  EXPECT_EQ(refusal(info("", 0, 0)), "missing_field");
  EXPECT_EQ(refusal(info(std::string(257, 'a'), 0, 0)), "text_too_long");
  EXPECT_EQ(refusal(info("a1", 257, 1)), "list_too_long");
  EXPECT_EQ(refusal(info("a1", 1, limits::kText + 1)), "text_too_long");
}

// ---- buffers that mean harm

TEST(CodecHarm, OneLongStringPointedToOftenIsNotCopiedOften) {
  FlatBufferBuilder b;
  const auto argument = b.CreateString(std::string(1024 * 1024, 'x'));
  const auto command = b.CreateVector(std::vector(limits::kArguments, argument));  // 16 GiB if copied
  const auto driver = b.CreateString("noop");
  schema::TaskAssignmentBuilder task(b);
  task.add_attempt(&kRef);
  task.add_driver(driver);
  task.add_command(command);
  finish(b, SchedulerMessage::TaskAssignment, task.Finish());
  const auto decoded = decode(Buffer(b));
  ASSERT_FALSE(decoded);
  EXPECT_EQ(decoded.error().reason, Refusal::text_too_long);
}

/// A directed acyclic graph whose paths multiply: the list's tables are the same ones again and again. What counts is that the verifier gives up
/// after so many tables as the buffer could hold, whatever it is asked to walk.
TEST(CodecHarm, TablesCountedOftenerThanTheBufferCanHoldAreMalformed) {
  const auto metrics = [](std::size_t references) {
    FlatBufferBuilder b;
    const auto name = b.CreateString("m");
    const auto metric = schema::CreateMetric(b, name, 1.0, 0);
    const auto list = b.CreateVector(std::vector(references, metric));
    const auto extra = schema::CreateUpdateExtra(b, 0, list);
    const auto extras = b.CreateVector(std::vector(references, extra));
    finish(b, SchedulerMessage::UpdateList, schema::CreateUpdateList(b, 0, extras));
    return Buffer(b);
  };
  for (const std::size_t references : {20U, 200U, 2000U}) {
    const Buffer buffer = metrics(references);
    ASSERT_GT(references * references, limits::kTables + buffer.view().size() / limits::kBytesPerTable) << "the test asks for too little";
    const auto opened = open_envelope(buffer.view());
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().reason, Refusal::malformed);
  }
  const auto honest = open_envelope(metrics(4).view());
  EXPECT_TRUE(honest);
}

TEST(CodecHarm, EveryTruncationAndEveryBitFlipIsRefusedOrReadable) {
  Gen gen(1);
  UpdateList list;
  for (int i = 0; i < 3; ++i) list.items.push_back(gen.update());
  const auto frames = encode(list);
  const Buffer good(frames[0]);
  for (std::size_t size = wire::kTagSize; size < good.view().size(); size += 8) {
    Buffer cut = good;
    cut.bytes().resize(wire::kHeaderSize + size);
    EXPECT_FALSE(decode(cut)) << size;  // the signature is no longer the tag, if nothing else
  }
  std::size_t refused = 0;
  for (std::size_t bit = 0; bit < good.view().size() * 8; ++bit) {
    Buffer flipped = good;
    flipped.bytes()[wire::kHeaderSize + bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
    if (!decode(flipped)) ++refused;  // reading it must do no harm; sanitizers watch
  }
  EXPECT_GT(refused, 0U);
}

}  // namespace
}  // namespace stint::protocol
