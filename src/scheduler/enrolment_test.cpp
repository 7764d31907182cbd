#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <memory>

#include "protocol/enrol_token.hpp"
#include "scheduler/test_world.hpp"

/// Enrolment through the daemon: what the store holds when somebody is told, and who is refused.
namespace stint::scheduler {
namespace {

using namespace std::chrono_literals;
using memory::MemoryStore;
using testing::World;
namespace json = boost::json;

/// A machine that joins, on a connection of its own for each try.
class Machine {
 public:
  Machine(World& world, std::uint8_t key) : world_(world) { key_.bytes.fill(key); }
  ~Machine() { hang_up(); }
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  /// ENROL is on its way; nothing else has happened.
  void ask(const std::string& text, const std::string& name = "box7") {
    hang_up();
    const auto token = *protocol::parse_enrol_token(text);
    protocol::AgentEnrolOptions options;
    options.token = token.id;
    options.prk = wire::derive_enrol_prk(token.id, token.secret);
    options.cell = token.cell;
    options.key = key_;
    options.nonce.fill(++tries_);
    options.name = name;
    session_ = std::make_unique<protocol::AgentEnrol>(std::move(options), world_.now());
    link_ = ports::LinkId{1000 + std::uint64_t{key_.bytes[0]} * 100 + tries_};
    auto& links = world_.daemon->links();
    links.on_link_open(link_, "machine", world_.now());
    Bytes out;
    session_->take_output(world_.now(), SIZE_MAX, out);
    // In two pieces: the kind lies in the second.
    links.on_link_bytes(link_, ByteView(out).first(2), world_.now(), world_.now().mono);
    links.on_link_bytes(link_, ByteView(out).subspan(2), world_.now(), world_.now().mono);
  }
  /// What has come back by now.
  void listen() {
    Bytes in;
    world_.daemon->links().take_link_output(link_, world_.now(), SIZE_MAX, in);
    bytes_heard_ += in.size();
    session_->on_bytes(in, world_.now(), world_.now().mono);
  }
  void hang_up() {
    if (session_ && world_.daemon) world_.daemon->links().on_link_closed(link_, world_.now());
    session_.reset();
  }
  void forget_connection() { session_.reset(); }  // the process at the other end has gone

  /// The number it got; 0: none.
  std::uint64_t join(const std::string& text, const std::string& name = "box7") {
    ask(text, name);
    world_.settle();
    listen();
    return number();
  }
  [[nodiscard]] std::uint64_t number() const { return session_->granted() == nullptr ? 0 : session_->granted()->address.agent.value; }
  [[nodiscard]] std::string code() const {
    if (session_->refused() != nullptr) return session_->refused()->code;
    return session_->was_rejected() ? "unauthenticated" : "";
  }
  [[nodiscard]] const protocol::EnrolGrant& grant() const { return *session_->granted(); }
  [[nodiscard]] std::size_t bytes_heard() const { return bytes_heard_; }

 private:
  World& world_;
  wire::SigningKey key_;
  std::unique_ptr<protocol::AgentEnrol> session_;
  ports::LinkId link_;
  std::uint8_t tries_ = 0;
  std::size_t bytes_heard_ = 0;
};

class EnrolmentTest : public ::testing::Test {
 protected:
  std::string make_token(const std::string& body = "{}") {
    const auto& heard = world.call("POST", "/v1/agents/tokens", body);
    EXPECT_EQ(heard.status(), 201) << heard.response.body;
    return std::string(heard.json().at("token").as_string());
  }
  std::size_t agents() { return world.daemon->core().agents().size(); }

  World world;
  Machine alice{world, 1};
  Machine mallory{world, 2};
};

TEST_F(EnrolmentTest, AMachineJoinsAndWorks) {
  const auto token = make_token(R"({"types":["trainer"],"labels":{"zone":"b"}})");
  ASSERT_EQ(alice.join(token), 1U);
  EXPECT_EQ(alice.grant().name, "box7");
  testing::AgentPeer::Options options;
  options.number = alice.grant().address.agent;
  options.key_epoch = alice.grant().address.epoch;
  options.key = alice.grant().key.bytes;
  auto& peer = world.connect(options, "box7");
  EXPECT_NE(peer.find<protocol::Reconcile>(), nullptr);
  const auto agent = world.call("GET", "/v1/agents/box7").json();
  EXPECT_EQ(json::serialize(agent.at("types")), R"(["trainer"])");
  EXPECT_EQ(json::serialize(agent.at("labels")), R"({"zone":"b"})");
  EXPECT_EQ(json::serialize(agent.at("allowed_types")), R"(["trainer"])");
  EXPECT_EQ(json::serialize(agent.at("set_labels")), R"({"zone":"b"})");
  wire::SigningKey key;
  key.bytes.fill(1);
  EXPECT_EQ(agent.at("public_key").as_string(), to_hex(wire::public_key_of(key)));
}

TEST_F(EnrolmentTest, NothingIsAnsweredBeforeItIsDurable) {
  const auto token = make_token();
  world.disk_is_held = true;
  alice.ask(token);
  world.settle();
  alice.listen();
  EXPECT_EQ(alice.bytes_heard(), 0U);
  mallory.ask(token);
  world.settle();
  mallory.listen();
  EXPECT_EQ(mallory.bytes_heard(), 0U) << "a refusal speaks of what is not durable either";
  world.disk_is_held = false;
  world.settle();
  alice.listen();
  mallory.listen();
  EXPECT_EQ(alice.number(), 1U);
  EXPECT_EQ(mallory.code(), "token_used");
  EXPECT_EQ(agents(), 1U);
}

TEST_F(EnrolmentTest, ALostAnswerLocksNobodyOut) {
  const auto token = make_token();
  alice.ask(token);
  world.settle();
  alice.hang_up();  // the answer never came
  const auto batches = world.daemon->journal().batches();
  EXPECT_EQ(alice.join(token, "another-name"), 1U);
  EXPECT_EQ(alice.grant().name, "box7") << "what it was called the first time";
  EXPECT_EQ(world.daemon->journal().batches(), batches) << "nothing to write";
  EXPECT_EQ(mallory.join(token), 0U);
  EXPECT_EQ(mallory.code(), "token_used");
  EXPECT_EQ(agents(), 1U);
}

TEST_F(EnrolmentTest, ACrashBeforeTheWriteBurnsNothing) {
  const auto token = make_token();
  world.disk_is_held = true;
  alice.ask(token);
  world.settle();
  alice.forget_connection();
  world.disk_is_held = false;
  world.restart();  // loses what was in hand
  EXPECT_EQ(agents(), 0U);
  EXPECT_EQ(mallory.join(token), 1U) << "nobody was told anything";
}

TEST_F(EnrolmentTest, ACrashBetweenTheWriteAndTheAnswerKeepsTheToken) {
  const auto token = make_token();
  world.disk_is_held = true;
  alice.ask(token);
  world.settle();
  alice.forget_connection();
  world.store->finish_one(MemoryStore::Fate::unanswered);
  world.disk_is_held = false;
  world.restart();
  EXPECT_EQ(mallory.join(token), 0U);
  EXPECT_EQ(mallory.code(), "token_used");
  EXPECT_EQ(alice.join(token), 1U);
  EXPECT_EQ(agents(), 1U);
}

TEST_F(EnrolmentTest, AFullDiskBurnsNothing) {
  const auto token = make_token();
  world.disk_is_held = true;
  alice.ask(token);
  world.settle();
  world.store->set_full(true);
  world.disk_is_held = false;
  world.settle();
  alice.listen();
  EXPECT_EQ(alice.number(), 0U);
  EXPECT_EQ(agents(), 0U);
  world.store->set_full(false);
  world.advance(3s);
  EXPECT_EQ(alice.join(token), 1U);
}

TEST_F(EnrolmentTest, ExpiredAndRevokedTokensAreRefused) {
  const auto expired = make_token(R"({"ttl_ms":1000})");
  const auto revoked = make_token(R"({"name":"box8"})");
  world.advance(1s);
  EXPECT_EQ(world.call("DELETE", "/v1/agents/tokens/box8").status(), 200);
  EXPECT_EQ(alice.join(expired), 0U);
  EXPECT_EQ(alice.code(), "token_expired");
  EXPECT_EQ(alice.join(revoked), 0U);
  EXPECT_EQ(alice.code(), "token_revoked");
  EXPECT_EQ(agents(), 0U);
}

TEST_F(EnrolmentTest, ANameThatIsTakenBurnsNothing) {
  static_cast<void>(world.add_agent("box7"));
  const auto token = make_token();
  EXPECT_EQ(alice.join(token, "box7"), 0U);
  EXPECT_EQ(alice.code(), "name_taken");
  for (const auto* name : {"", "a b", "tokens"}) {
    EXPECT_EQ(alice.join(token, name), 0U);
    EXPECT_EQ(alice.code(), "bad_name") << name;
  }
  EXPECT_EQ(alice.join(token, "box9"), 2U);
}

TEST_F(EnrolmentTest, TheTokensNameGoesFirst) {
  EXPECT_EQ(alice.join(make_token(R"({"name":"crawler-1"})"), "mine"), 1U);
  EXPECT_EQ(alice.grant().name, "crawler-1");
}

TEST_F(EnrolmentTest, WhoWasRevokedDoesNotComeBackWithItsToken) {
  const auto token = make_token();
  ASSERT_EQ(alice.join(token), 1U);
  EXPECT_EQ(world.call("POST", "/v1/agents/box7/revoke", "{}").status(), 200);
  EXPECT_EQ(alice.join(token), 0U);
  EXPECT_EQ(alice.code(), "token_revoked");
}

TEST_F(EnrolmentTest, AForgottenTokenIsUnknown) {
  const auto token = make_token();
  world.advance(24h * 8);
  EXPECT_EQ(alice.join(token), 0U);
  EXPECT_EQ(alice.code(), "unauthenticated");
  EXPECT_EQ(json::serialize(world.call("GET", "/v1/agents/tokens").json().at("items")), "[]");
  world.restart();
  EXPECT_EQ(alice.join(token), 0U);
}

TEST_F(EnrolmentTest, AnEnrolmentIsNoSession) {
  const auto token = make_token();
  alice.ask(token);
  world.settle();
  alice.listen();
  EXPECT_EQ(world.call("GET", "/v1/agents/box7").json().at("state").as_string(), "disconnected");
}

TEST_F(EnrolmentTest, TokensAreListedWithoutTheirSecret) {
  const auto token = make_token(R"({"name":"box7","types":["rater"],"labels":{"a":"b"},"ttl_ms":60000})");
  const auto listed = world.call("GET", "/v1/agents/tokens").response.body;
  EXPECT_EQ(listed.find("st1_"), std::string::npos);
  const auto item = json::parse(listed).at("items").at(0);
  EXPECT_EQ(item.at("state").as_string(), "usable");
  EXPECT_EQ(item.at("name").as_string(), "box7");
  EXPECT_EQ(item.at("agent"), nullptr);
  ASSERT_EQ(alice.join(token), 1U);
  const auto used = world.call("GET", "/v1/agents/tokens").json().at("items").at(0);
  EXPECT_EQ(used.at("state").as_string(), "used");
  EXPECT_EQ(used.at("agent").as_string(), "box7");
}

TEST_F(EnrolmentTest, ATokenThatCannotBeMeantIsRefused) {
  for (const auto* body :
       {R"({"ttl_ms":0})", R"({"ttl_ms":"15m"})", R"({"ttl_ms":99999999999})", R"({"types":["poet"]})", R"({"types":"trainer"})",
        R"({"labels":["a"]})", R"({"labels":{"a":1}})", R"({"name":"a b"})", R"({"name":"tokens"})", R"({"nam":"a"})", "[]"})
    EXPECT_EQ(world.call("POST", "/v1/agents/tokens", body).status(), 400) << body;
  static_cast<void>(world.add_agent("box1"));
  EXPECT_EQ(world.call("POST", "/v1/agents/tokens", R"({"name":"box1"})").status(), 409);
  EXPECT_EQ(world.call("DELETE", "/v1/agents/tokens/nobody").status(), 404);
  EXPECT_EQ(world.call("GET", "/v1/agents/tokens?after=0000000000000000").status(), 400);
}

TEST_F(EnrolmentTest, ListsHavePages) {
  std::vector<std::string> ids;
  for (int i = 0; i < 3; ++i) make_token();
  std::string after;
  for (;;) {
    const auto page = world.call("GET", "/v1/agents/tokens?limit=1" + after).json();
    ids.emplace_back(page.at("items").at(0).at("id").as_string());
    if (page.at("next").is_null()) break;
    after = "&after=" + std::string(page.at("next").as_string());
  }
  EXPECT_EQ(ids.size(), 3U);
}

}  // namespace
}  // namespace stint::scheduler
