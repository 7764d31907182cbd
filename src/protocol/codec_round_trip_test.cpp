#include <gtest/gtest.h>

#include <algorithm>

#include "base/random.hpp"
#include "protocol/codec_buffer.hpp"
#include "protocol/limits.hpp"

/// Every message from random values through the codec and back.

namespace stint::protocol {
namespace {

using namespace protocol::testing;

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
    if (prng_.chance(1, 2)) t.inputs = blob();
    if (prng_.chance(1, 2)) t.needs_inputs = blob();
    t.outputs = texts();
    t.own_directory = prng_.chance(1, 2);
    t.checkpoint = prng_.chance(1, 2);
    t.on_disconnect = static_cast<DisconnectPolicy>(prng_.below(3));
    if (t.on_disconnect == DisconnectPolicy::stop_after) t.stop_after = from_ms(static_cast<std::int64_t>(1 + prng_.below(100'000)));
    return t;
  }
  BlobId blob() {
    BlobId id;
    prng_.fill(id.bytes);
    return id;
  }
  std::vector<FileRef> files() {
    return many(4, [&] {
      FileRef file;
      file.blob = blob();
      file.size = number();
      file.is_executable = prng_.chance(1, 2);
      file.path = text(1);
      return file;
    });
  }
  AssignedExtra extra(std::uint32_t index) {
    AssignedExtra e;
    e.index = index;
    e.token = text();
    e.item = text(0, 400);
    e.is_batch = prng_.chance(1, 2);
    e.values = pairs();
    e.files = files();
    if (prng_.chance(1, 2)) e.checkpoint = blob();
    return e;
  }
  StatusUpdate update() {
    StatusUpdate u;
    u.ref = ref();
    u.number = small();
    u.status = static_cast<TaskStatus>(prng_.below(5));
    u.reason = static_cast<EndReason>(prng_.below(19));
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
    if (prng_.chance(1, 3)) u.outputs = files();
    if (prng_.chance(1, 3)) u.result = text(0, 400);
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
    i.prefetch = small();
    i.knows_provisional = prng_.chance(1, 2);
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
         a.window == b.window && a.prefetch == b.prefetch && a.knows_provisional == b.knows_provisional;
}
bool same(const AssignmentList& a, const AssignmentList& b) {
  return a.templates == b.templates && same(a.items, b.items) && a.extras == b.extras && a.is_provisional == b.is_provisional &&
         a.confirmed == b.confirmed;
}
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
bool same(const Rekey& a, const Rekey& b) { return a == b; }
bool same(const CellPins& a, const CellPins& b) { return a == b; }
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
    for (std::uint32_t i = 0; i < m.items.size(); ++i)
      if (g.prng().chance(1, 3)) m.extras.push_back(g.extra(i));
    m.is_provisional = g.prng().chance(1, 2);
    return m;
  });
}
TEST(CodecRoundTrip, Confirmed) {
  round_trips<AssignmentList>([](Gen& g) {
    AssignmentList m;
    for (std::size_t i = 1 + g.count(20); i > 0; --i) m.confirmed.push_back(g.ref());
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
      item.mode = static_cast<CancelMode>(1 + g.prng().below(3));
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
TEST(CodecRoundTrip, Rekey) {
  round_trips<Rekey>([](Gen& g) {
    Rekey m;
    m.key_epoch = KeyEpoch{static_cast<std::uint16_t>(1 + g.prng().below(0xffff))};
    m.generation = g.small();
    g.prng().fill(m.nonce);
    g.prng().fill(m.wrapped_key);
    return m;
  });
}
TEST(CodecRoundTrip, CellPins) {
  round_trips<CellPins>([](Gen& g) {
    CellPins m;
    m.pins.resize(1 + g.prng().below(limits::kCellPins));
    for (auto& pin : m.pins) g.prng().fill(pin);
    return m;
  });
}

TEST(CodecRoundTrip, Enrolment) {
  Encoder encoder;
  Enrol enrol;
  enrol.token = 9;
  enrol.nonce.fill(1);
  enrol.public_key.fill(2);
  enrol.proof.fill(3);
  enrol.cell.fill(4);
  enrol.name = "box";
  enrol.host = "box.example";
  const Buffer enrol_buffer(encoder.encode(enrol));
  const auto back = decode_enrol(*open_envelope(enrol_buffer.view()));
  ASSERT_TRUE(back) << back.error().detail;
  EXPECT_EQ(back->token, 9U);
  EXPECT_EQ(back->nonce, enrol.nonce);
  EXPECT_EQ(back->public_key, enrol.public_key);
  EXPECT_EQ(back->proof, enrol.proof);
  EXPECT_EQ(back->cell, enrol.cell);
  EXPECT_EQ(back->name, "box");
  EXPECT_EQ(back->host, "box.example");
  EXPECT_EQ(decode_message(*open_envelope(enrol_buffer.view())).error().reason, Refusal::wrong_direction);

  EnrolAck ack;
  ack.token = 9;
  ack.nonce.fill(5);
  ack.nonce_echo.fill(1);
  ack.agent = AgentNumber{17};
  ack.key_epoch = KeyEpoch{3};
  ack.generation = 2;
  ack.wrapped_key.fill(6);
  ack.name = "box";
  const Buffer ack_buffer(encoder.encode(ack));
  const auto ack_back = decode_enrol_ack(*open_envelope(ack_buffer.view()));
  ASSERT_TRUE(ack_back) << ack_back.error().detail;
  EXPECT_EQ(ack_back->agent, ack.agent);
  EXPECT_EQ(ack_back->key_epoch, ack.key_epoch);
  EXPECT_EQ(ack_back->generation, 2U);
  EXPECT_EQ(ack_back->wrapped_key, ack.wrapped_key);
  EXPECT_EQ(ack_back->nonce_echo, ack.nonce_echo);
  EXPECT_EQ(ack_back->name, "box");
}

TEST(CodecRoundTrip, RefusedEnrolmentNamesNoAgent) {
  Encoder encoder;
  EnrolAck ack;
  ack.token = 9;
  ack.code = "token_used";
  ack.agent = AgentNumber{17};
  const Buffer buffer(encoder.encode(ack));
  const auto back = decode_enrol_ack(*open_envelope(buffer.view()));
  ASSERT_TRUE(back) << back.error().detail;
  EXPECT_EQ(back->code, "token_used");
  EXPECT_EQ(back->agent.value, 0U);
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

}  // namespace
}  // namespace stint::protocol
