#include "protocol/codec.hpp"

#include <gtest/gtest.h>

#include <limits>

#include "protocol/codec_buffer.hpp"
#include "protocol/limits.hpp"
#include "protocol/session_pipe.hpp"

namespace stint::protocol {
namespace {

using namespace protocol::testing;

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
  for (std::uint32_t i = 0; i < 1024; ++i) list.items.push_back(update(i, 1, TaskStatus::completed));
  const auto frames = encode(list);
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_LE(frames[0].space.size(), 1024U * 56 + 256) << "56 bytes each and no tables";
}

TEST(Codec, ListsAreCutAtTheirLimits) {
  UpdateList many;
  for (std::uint32_t i = 0; i < 2500; ++i) many.items.push_back(update(i, 1));
  EXPECT_EQ(encode(many).size(), 3U);

  UpdateList wide;
  for (std::uint32_t i = 0; i < 600; ++i) {
    wide.items.push_back(update(i, 1));
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
    assignments.templates.push_back(task_template());
    assignments.templates.back().command.assign(1, std::string(600 * 1024, static_cast<char>('a' + i)));
    assignments.items.push_back({ref(i), i});
  }
  const auto frames = encode(assignments);
  ASSERT_EQ(frames.size(), 3U) << "two such templates are above 1 MiB";
  for (std::size_t i = 0; i < 3; ++i) {
    const auto decoded = decode(Buffer(frames[i]));
    ASSERT_TRUE(decoded);
    const auto& list = std::get<AssignmentList>(*decoded);
    ASSERT_EQ(list.templates.size(), 1U);
    EXPECT_EQ(list.templates[0].command[0][0], static_cast<char>('a' + i));
    EXPECT_EQ(list.items[0].ref, ref(static_cast<std::uint32_t>(i)));
  }

  Credit credit;
  credit.log_chunks = 5;
  credit.log_acks.resize(1500, {ref(1), LogStream::out, 1});
  std::uint32_t granted = 0;
  for (const Unsealed& frame : encode(credit)) granted += std::get<Credit>(*decode(Buffer(frame))).log_chunks;
  EXPECT_EQ(granted, 5U) << "cutting a list must not multiply the grant";
}

TEST(Codec, WhatATaskSaysIsBroughtWithinBounds) {
  StatusUpdate u = update(1, 0);
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
  AgentInfo info = agent_info();
  info.resources.memory_bytes = 3 * kMiB - 1;
  info.resources.storage_bytes = 2 * kGiB + 1;
  const auto offer = std::get<AgentInfo>(*decode(Buffer(encode(info)[0])));
  EXPECT_EQ(offer.resources.memory_bytes, 2 * kMiB);
  EXPECT_EQ(offer.resources.storage_bytes, 2 * kGiB);

  AssignmentList list{{task_template()}, {{ref(1), 0}}, {}};
  list.templates[0].resources.memory_bytes = 1;
  list.templates[0].timeout = std::chrono::nanoseconds{1};
  const auto request = std::get<AssignmentList>(*decode(Buffer(encode(list)[0])));
  EXPECT_EQ(request.templates[0].resources.memory_bytes, kMiB);
  EXPECT_EQ(request.templates[0].timeout, std::chrono::milliseconds{1}) << "a timeout never becomes none";
}

TEST(Codec, WhatCannotTravelIsRefusedWhole) {
  Encoder encoder;
  std::vector<Unsealed> out;
  TaskTemplate task = task_template();
  task.env = {{"BIG", std::string(limits::kTemplateBytes, 'x')}};
  EXPECT_FALSE(check_template(task));
  EXPECT_FALSE(encoder.encode(AssignmentList{{task}, {{ref(1), 0}}, {}}, out));
  EXPECT_FALSE(encoder.encode(log_chunk(0, limits::kLogChunk + 1), out));
  EXPECT_FALSE(encoder.encode(Resume{agent_info(), std::vector<HeldAttempt>(limits::kHeldItems + 1)}, out));
  EXPECT_FALSE(encoder.encode(agent_info(""), out));
  EXPECT_TRUE(out.empty());
  task.env[0].second.resize(limits::kTemplateBytes - 2000);
  EXPECT_TRUE(check_template(task));
}

TEST(Codec, AnEndThatDoesNotFitIsRefusedBeforeItIsSent) {
  StatusUpdate end = update(1, 1, TaskStatus::completed);
  end.outputs.resize(limits::kFiles);
  for (FileRef& file : end.outputs) file.path = "plots/epoch.png";
  end.result.assign(limits::kResult, 'r');
  ASSERT_TRUE(check_update(end)) << check_update(end).error().detail;
  const auto frames = encode(UpdateList{{end}});
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_LE(frames[0].space.size(), limits::kBodyLimitMin);
  EXPECT_TRUE(decode(Buffer(frames[0])));

  Encoder encoder;
  std::vector<Unsealed> out;
  const auto is_refused = [&](StatusUpdate changed) { return !check_update(changed) && !encoder.encode(UpdateList{{changed}}, out); };
  StatusUpdate bad = end;
  bad.outputs.emplace_back().path = "one more";
  EXPECT_TRUE(is_refused(bad));
  bad = end;
  bad.outputs[0].path.assign(limits::kText + 1, 'p');
  EXPECT_TRUE(is_refused(bad));
  bad.outputs[0].path.clear();
  EXPECT_TRUE(is_refused(bad));
  bad = end;
  for (FileRef& file : bad.outputs) file.path.assign(200, 'p');
  EXPECT_TRUE(is_refused(bad)) << "4,096 long paths are above the bytes of a list";
  bad = end;
  bad.result += '!';
  EXPECT_TRUE(is_refused(bad));
  EXPECT_TRUE(out.empty());
}

TEST(Codec, ExtrasGoWithTheirAssignmentsIntoTheFrameThatHoldsThem) {
  AssignmentList list;
  list.templates.push_back(task_template());
  for (std::uint32_t i = 0; i < 40; ++i) {
    list.items.push_back({ref(i), 0});
    if (i % 2 == 0) continue;
    AssignedExtra extra;
    extra.index = i;
    extra.item.assign(limits::kItem / 2, static_cast<char>('a' + i % 26));
    list.extras.push_back(std::move(extra));
  }
  const auto frames = encode(list);
  EXPECT_GT(frames.size(), 2U);
  std::size_t extras = 0;
  for (const Unsealed& frame : frames) {
    const auto decoded = decode(Buffer(frame));
    ASSERT_TRUE(decoded) << decoded.error().detail;
    const auto& part = std::get<AssignmentList>(*decoded);
    for (const AssignedExtra& extra : part.extras) {
      const std::uint32_t index = part.items.at(extra.index).ref.task.index;
      EXPECT_EQ(extra.item.at(0), static_cast<char>('a' + index % 26));
      ++extras;
    }
  }
  EXPECT_EQ(extras, 20U);
}

TEST(Codec, WhatIsConfirmedGoesBeforeWhatIsAssigned) {
  AssignmentList list{{task_template()}, {{ref(1), 0}}, {}};
  for (std::uint32_t i = 0; i <= limits::kListItems; ++i) list.confirmed.push_back(ref(i));
  list.is_provisional = true;
  const auto frames = encode(list);
  ASSERT_EQ(frames.size(), 3U);
  const auto part = [&](std::size_t i) { return std::get<AssignmentList>(*decode(Buffer(frames[i]))); };
  EXPECT_EQ(part(0).confirmed.size(), limits::kListItems);
  EXPECT_EQ(part(1).confirmed, std::vector{ref(limits::kListItems)});
  EXPECT_TRUE(part(2).is_provisional);
  EXPECT_EQ(part(2).items.size(), 1U);
  EXPECT_TRUE(part(2).confirmed.empty());
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
  EXPECT_EQ(list.items[0].ref, ref(3));
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

}  // namespace
}  // namespace stint::protocol
