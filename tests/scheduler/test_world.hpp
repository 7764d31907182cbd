#pragma once

#include <algorithm>
#include <boost/json.hpp>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "adapters/memory/blob_store.hpp"
#include "adapters/memory/store.hpp"
#include "base/assert.hpp"
#include "base/bytes.hpp"
#include "scheduler/daemon.hpp"
#include "scheduler/test_links.hpp"
#include "wire/crypto.hpp"

namespace stint::scheduler::testing {

inline constexpr const char* kToken = "the token of these tests";
inline constexpr const char* kOneTask = R"({"name":"one","tasks":[{"name":"main","command":["true"]}]})";

/// What a client has heard of one request.
struct Heard {
  bool is_answered = false;
  bool is_stream = false;
  bool has_ended = false;      ///< the stream
  bool is_aborted = false;
  ports::HttpResponse response;
  std::string stream;          ///< body of the stream so far

  [[nodiscard]] int status() const { return response.status; }
  [[nodiscard]] boost::json::value json() const { return boost::json::parse(response.body); }
  [[nodiscard]] std::string header(std::string_view name) const {
    for (const auto& [key, value] : response.headers)
      if (key == name) return value;
    return {};
  }
};

/// For tests: the daemon between a disk, agents and HTTP clients that do what the test says.
class World final : private ports::HttpReplies {
 public:
  World() { start(); }

  [[nodiscard]] Now now() const {
    Now now = at(time);
    now.wall += wall_step;
    return now;
  }
  /// A new process on what the disk holds.
  void start() {
    store = std::make_unique<memory::MemoryStore>(tables);
    reader = std::make_unique<memory::MemoryReader>(tables);
    blobs = std::make_unique<memory::MemoryBlobStore>(blob_files, [this] { return now().wall; }, blob_limits);
    DaemonOptions options;
    options.key_encryption_key = key_encryption_key;
    options.api_token_sha256 = wire::sha256(as_bytes(kToken));
    options.session_time_offset_ms = kSessionTimeOffsetMs;
    options.server = "127.0.0.1:7464";
    options.state_dir = "/state";
    options.retention = retention;
    daemon = std::make_unique<Daemon>(std::move(options), DaemonPorts{*store, *reader, *blobs, network, *this, entropy, log});
    const auto opened = store->open([this](BatchNumber number, const Status& status) { daemon->on_committed(number, status, now()); });
    started = opened ? daemon->start(*opened, now()) : Status(tl::unexpected(opened.error()));
    if (started) settle();
  }
  /// kill -9 and a new start: what the disk has not got is gone.
  void restart() {
    while (store->busy()) store->finish_one(memory::MemoryStore::Fate::lost);
    network.drop_all();
    daemon.reset();
    start();
  }
  /// Until nothing moves: bytes arrive, turns end, and the disk writes unless it is held.
  void settle() {
    int turns_due = 100;  // of work that only waits for its turn
    for (bool moves = true; moves;) {
      moves = network.exchange(daemon->links(), now());
      daemon->end_turn(now());
      if (!disk_is_held && store->busy()) {
        store->finish_all();
        moves = true;
      }
      if (blobs->busy()) {
        blobs->finish_all();
        moves = true;
      }
      moves |= let_bodies_arrive();
      moves |= let_streams_write();
      if (!moves && started && daemon->next_deadline() <= now().mono) moves = --turns_due > 0;
    }
  }
  void advance(Duration by) {
    time += by;
    network.on_timer(now());
    daemon->on_timer(now());
    settle();
  }

  /// Hands a request over; what becomes of it is in heard().  `target` is a path with its query.
  ports::RequestId send(const std::string& method, const std::string& target, std::string body = {}) {
    ports::HttpRequest request;
    request.method = method;
    request.body = std::move(body);
    request.bearer_token = token;
    request.idempotency_key = idempotency_key;
    request.accept = accept;
    request.range = range;
    request.last_event_id = last_event_id;
    request.peer = client_address;
    split(target, request);
    return send(std::move(request));
  }
  ports::RequestId send(ports::HttpRequest request) {
    request.id = ports::RequestId{++last_request_};
    const auto id = request.id;
    heard_[id];
    if (request.method == "PATCH") {
      request.body_follows = true;
      request.body_bytes = request.body.size();
      following_[id] = std::exchange(request.body, {});
    }
    daemon->http().on_request(std::move(request), now());
    return id;
  }
  const Heard& call(const std::string& method, const std::string& target, std::string body = {}) {
    const auto id = send(method, target, std::move(body));
    settle();
    return heard(id);
  }
  [[nodiscard]] const Heard& heard(ports::RequestId id) const { return heard_.at(id); }
  void leave(ports::RequestId id) { daemon->http().on_request_closed(id, now()); }

  /// The number of the new job.
  std::uint64_t submit(const std::string& body = kOneTask) {
    return call("POST", "/v1/jobs", body).json().at("id").to_number<std::uint64_t>();
  }
  /// A registered agent's identity.
  AgentPeer::Options add_agent(const std::string& name) {
    const auto answer = call("POST", "/v1/agents", boost::json::serialize(boost::json::object{{"name", name}})).json();
    AgentPeer::Options options;
    options.number = AgentNumber{answer.at("number").to_number<std::uint64_t>()};
    Bytes key;
    STINT_ASSERT(from_hex(std::string_view(answer.at("key").as_string()), key) && key.size() == options.key.size());
    std::copy(key.begin(), key.end(), options.key.begin());
    return options;
  }
  /// Shakes hands and resumes with nothing in hand.
  AgentPeer& connect(const AgentPeer::Options& options, const std::string& name) {
    auto& peer = network.dial(daemon->links(), options, now());
    settle();
    peer.send(protocol::Resume{agent_info(name), {}});
    settle();
    return peer;
  }
  AgentPeer& join(const std::string& name) { return connect(add_agent(name), name); }
  void tell(AgentPeer& peer, protocol::Message message) {
    peer.send(std::move(message));
    settle();
  }
  /// The agent takes, runs and ends an attempt.
  void run_attempt(AgentPeer& peer, const AttemptRef& ref, TaskStatus end = TaskStatus::completed) {
    tell(peer, protocol::UpdateList{{update(ref, 1, TaskStatus::running), update(ref, 2, end)}});
  }

  Duration time{0};
  std::chrono::milliseconds wall_step{0};  ///< by which somebody has set the wall clock
  bool disk_is_held = false;
  bool readers_read = true;                      ///< what streams write leaves at once
  RetentionLimits retention;                     ///< of the next start
  std::string token = kToken;
  std::string idempotency_key;
  std::string accept;
  std::string last_event_id;
  std::string range;
  std::string client_address = "127.0.0.1";
  Keyring::KeyEncryptionKey key_encryption_key{7};

  SeededEntropy entropy{42};
  LinesLog log;
  Network network;
  std::shared_ptr<memory::Tables> tables = std::make_shared<memory::Tables>();
  std::unique_ptr<memory::MemoryStore> store;
  std::unique_ptr<memory::MemoryReader> reader;
  std::shared_ptr<memory::BlobFiles> blob_files = std::make_shared<memory::BlobFiles>();
  memory::MemoryBlobStore::Limits blob_limits;
  std::unique_ptr<memory::MemoryBlobStore> blobs;
  std::unique_ptr<Daemon> daemon;
  Status started;

 private:
  void respond(ports::RequestId id, ports::HttpResponse response) override {
    auto& heard = heard_.at(id);
    heard.is_answered = true;
    heard.response = std::move(response);
  }
  void read_body(ports::RequestId id) override { wanted_.push_back(id); }
  void abort_stream(ports::RequestId id) override { heard_.at(id).is_aborted = true; }
  void begin_stream(ports::RequestId id, ports::HttpResponse head) override {
    auto& heard = heard_.at(id);
    heard.is_answered = heard.is_stream = true;
    heard.stream = head.body;
    heard.response = std::move(head);
    unread_.push_back(id);
  }
  void write_stream(ports::RequestId id, std::string bytes) override {
    heard_.at(id).stream += bytes;
    unread_.push_back(id);
  }
  void end_stream(ports::RequestId id) override { heard_.at(id).has_ended = true; }

  bool let_bodies_arrive() {
    if (wanted_.empty()) return false;
    for (const auto id : std::exchange(wanted_, {})) {
      auto& body = following_.at(id);
      auto chunk = body.substr(0, ports::limits::kHttpChunk);
      body.erase(0, chunk.size());
      daemon->http().on_body(id, std::move(chunk), body.empty(), now());
    }
    return true;
  }
  bool let_streams_write() {
    if (!readers_read || unread_.empty()) return false;
    for (const auto id : std::exchange(unread_, {})) daemon->http().on_stream_writable(id, now());
    return true;
  }
  static void split(std::string_view target, ports::HttpRequest& request) {
    const auto mark = target.find('?');
    request.path = target.substr(0, mark);
    while (mark != std::string_view::npos && !target.empty()) {
      target.remove_prefix(target.find_first_of("?&") + 1);
      const auto pair = target.substr(0, target.find('&'));
      request.query.emplace_back(pair.substr(0, pair.find('=')), pair.substr(pair.find('=') + 1));
      if (target.find('&') == std::string_view::npos) break;
    }
  }

  std::map<ports::RequestId, Heard> heard_;
  std::vector<ports::RequestId> unread_;
  std::vector<ports::RequestId> wanted_;           ///< requests whose next piece of body was asked for
  std::map<ports::RequestId, std::string> following_;  ///< what is left of their bodies
  std::uint64_t last_request_ = 0;
};

}  // namespace stint::scheduler::testing
