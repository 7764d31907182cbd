#pragma once

#include <poll.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "adapters/staging/files.hpp"
#include "adapters/staging/staged_driver.hpp"
#include "base/file_ref.hpp"
#include "client/attempt_blobs.hpp"
#include "core/model/manifest.hpp"
#include "hash/sha256.hpp"

/// For tests: a scheduler's blobs in memory behind ports::HttpClient, an inner driver that does what the test says, and a state directory.
namespace stint::staging::testing {

using namespace std::chrono_literals;

inline BlobId hash(std::string_view bytes) { return blob_id_of(as_bytes(bytes)); }

inline AttemptRef ref(std::uint32_t index, std::uint32_t attempt = 1) { return {{JobId{12}, 0, index}, attempt}; }

/// What the routes of blobs and checkpoints do, and what may go wrong with them. Thread: any.
class FakeScheduler {
 public:
  BlobId add(const std::string& bytes) {
    const std::lock_guard lock(mutex);
    const auto blob = hash(bytes);
    blobs[blob] = bytes;
    return blob;
  }
  FileRef add_file(const std::string& path, const std::string& bytes, bool is_executable = false) {
    FileRef file;
    file.blob = add(bytes);
    file.size = bytes.size();
    file.path = path;
    file.is_executable = is_executable;
    return file;
  }
  BlobId add_tree(const std::vector<FileRef>& files) { return add(*core::print_manifest(files)); }
  std::string get(const BlobId& blob) {
    const std::lock_guard lock(mutex);
    return blobs.contains(blob) ? blobs[blob] : "(missing)";
  }
  template <class Read>
  auto read(Read read_it) {
    const std::lock_guard lock(mutex);
    return read_it(*this);
  }

  ports::HttpAnswer answer(const ports::HttpCall& call, const std::string& token);

  std::mutex mutex;
  std::map<BlobId, std::string> blobs;
  std::map<BlobId, std::string> uploads;
  std::map<std::string, std::string> checkpoints;  ///< by the route's attempt
  bool is_down = false;
  bool is_forbidden = false;
  int cuts = 0;                                    ///< connections that break while a piece is on its way
  int cuts_down = 0;                               ///< connections that break after a megabyte of a blob has come
  int lies = 0;                                    ///< blobs that come with other bytes
  std::size_t calls = 0;
  std::size_t bytes_up = 0;
  std::size_t bytes_down = 0;
  std::size_t reads = 0;

 private:
  ports::HttpAnswer read_blob(const ports::HttpCall& call, const BlobId& blob);
  ports::HttpAnswer patch(const ports::HttpCall& call, const BlobId& blob);
};

inline ports::HttpAnswer json_answer(int status, std::string body) { return {status, "application/json", std::move(body)}; }

inline ports::HttpAnswer FakeScheduler::read_blob(const ports::HttpCall& call, const BlobId& blob) {
  ++reads;
  if (!blobs.contains(blob)) return json_answer(404, R"({"detail":"no such blob"})");
  auto bytes = blobs[blob];
  if (lies > 0) {
    --lies;
    bytes += "?";
  }
  std::uint64_t first = 0;
  for (const auto& [name, value] : call.headers)
    if (name == "Range" && value.size() > 6) first = std::stoull(value.substr(6));
  if (first >= bytes.size() && first > 0) return json_answer(416, "{}");
  bytes_down += bytes.size() - first;
  return {first > 0 ? 206 : 200, "application/octet-stream", bytes.substr(first)};
}

inline ports::HttpAnswer FakeScheduler::patch(const ports::HttpCall& call, const BlobId& blob) {
  const auto number = [&](const std::string& name) { return std::stoull(call.target.substr(call.target.find(name) + name.size())); };
  const auto size = number("size=");
  if (blobs.contains(blob)) return json_answer(200, R"({"offset":)" + std::to_string(size) + R"(,"complete":true})");
  auto& upload = uploads[blob];
  if (number("offset=") != upload.size()) return json_answer(409, R"({"detail":"not the next piece"})");
  upload += call.body;
  bytes_up += call.body.size();
  if (upload.size() < size) return json_answer(200, R"({"offset":)" + std::to_string(upload.size()) + R"(,"complete":false})");
  const auto whole = std::exchange(upload, {});
  uploads.erase(blob);
  if (hash(whole) != blob) return json_answer(422, R"({"detail":"another digest"})");
  blobs[blob] = whole;
  return json_answer(200, R"({"offset":)" + std::to_string(size) + R"(,"complete":true})");
}

inline ports::HttpAnswer FakeScheduler::answer(const ports::HttpCall& call, const std::string& token) {
  if (is_forbidden || token.empty()) return json_answer(403, R"({"detail":"the attempt is not live"})");
  const std::string blobs_route = "/v1/blobs/";
  if (call.target == "/v1/blobs/missing") {
    std::string missing;
    for (std::size_t at = 0; at + 64 <= call.body.size(); ++at) {
      const auto blob = parse_blob_id(call.body.substr(at, 64));
      if (blob && !blobs.contains(*blob)) missing += (missing.empty() ? "\"" : ",\"") + to_hex(*blob) + "\"";
      if (blob) at += 63;
    }
    return json_answer(200, "{\"missing\":[" + missing + "]}");
  }
  if (call.method == "PUT") {
    checkpoints[call.target] = call.body;
    return json_answer(200, "{}");
  }
  const auto blob = *parse_blob_id(call.target.substr(blobs_route.size(), 64));
  if (call.method == "PATCH") return patch(call, blob);
  if (!call.target.ends_with("/upload")) return read_blob(call, blob);
  const bool is_there = blobs.contains(blob);
  return json_answer(200, R"({"offset":)" + std::to_string(is_there ? blobs[blob].size() : uploads[blob].size()) + R"(,"complete":)" +
                              (is_there ? "true}" : "false}"));
}

class FakeHttp final : public ports::HttpClient {
 public:
  FakeHttp(FakeScheduler& scheduler, std::string token, std::function<bool()> is_interrupted)
      : scheduler_(scheduler), token_(std::move(token)), is_interrupted_(std::move(is_interrupted)) {}
  Result<ports::HttpAnswer> call(const ports::HttpCall& call) override {
    if (is_interrupted_()) return fail(Errc::unavailable, "interrupted");
    const std::lock_guard lock(scheduler_.mutex);
    ++scheduler_.calls;
    if (scheduler_.is_down) return fail(Errc::unavailable, "connection refused");
    if (call.method == "PATCH" && scheduler_.cuts > 0) {
      --scheduler_.cuts;
      if (scheduler_.cuts % 2 == 0) scheduler_.answer(call, token_);  // the piece arrived, its answer did not
      return fail(Errc::outcome_unknown, "connection reset");
    }
    return scheduler_.answer(call, token_);
  }
  Result<ports::HttpAnswer> stream(const ports::HttpCall& call, const OnBytes& on_bytes) override {
    STINT_TRY(auto answer, this->call(call));
    if (answer.status > 299) return answer;
    for (std::string_view rest{answer.body}; !rest.empty(); rest.remove_prefix(std::min(kChunk, rest.size()))) {
      if (!on_bytes(rest.substr(0, kChunk))) return answer;
      const bool is_cut = scheduler_.read([](auto& s) { return s.cuts_down > 0 && s.cuts_down-- > 0; });
      if (is_cut) return fail(Errc::outcome_unknown, "connection reset");
    }
    return answer;
  }
  bool pause(Duration /*duration*/) override {
    ::poll(nullptr, 0, 1);
    return !is_interrupted_();
  }

 private:
  static constexpr std::size_t kChunk = 1 << 20;
  FakeScheduler& scheduler_;
  std::string token_;
  std::function<bool()> is_interrupted_;
};

inline std::unique_ptr<ports::BlobClient> make_client(FakeScheduler& scheduler, std::string token, Duration patience,
                                                      std::function<bool()> is_stopped) {
  client::BlobTransfer::Options options;
  options.patience = patience;
  return std::make_unique<client::AttemptBlobs>(std::make_unique<FakeHttp>(scheduler, std::move(token), std::move(is_stopped)),
                                                std::move(options));
}

/// Plays the keeper: what it holds outlives the agent.
class FakeInner final : public ports::Driver {
 public:
  struct Task {
    ports::LaunchSpec spec;
    std::optional<ports::DriverEnded> ended;
  };
  void start(ports::LaunchSpec spec) override {
    const auto id = spec.ref;
    ++starts[id];
    tasks[id].spec = std::move(spec);
    events.emplace_back(ports::DriverStarted{id, 1'000, 77});
  }
  void stop(const AttemptRef& id, StopMode /*mode*/) override {
    stops.push_back(id);
    if (tasks.contains(id) && !tasks[id].ended) end(id, EndReason::cancelled, 0);
  }
  void request_output(const AttemptRef& id, std::uint8_t stream, std::uint64_t offset, std::size_t /*max_bytes*/) override {
    if (tasks.contains(id)) requests.emplace_back(id, stream, offset);
  }
  void release(const AttemptRef& id) override {
    releases.push_back(id);
    tasks.erase(id);
  }
  std::vector<ports::DriverEvent> take_events() override { return std::exchange(events, {}); }

  /// An agent has connected.
  void attach() {
    events.clear();
    for (auto& [id, task] : tasks) events.emplace_back(ports::DriverHeld{id, task.ended.has_value()});
    events.emplace_back(ports::DriverReady{});
    for (auto& [id, task] : tasks)
      if (task.ended) events.emplace_back(*task.ended);
  }
  void end(const AttemptRef& id, EndReason reason, int code) {
    ports::DriverEnded ended;
    ended.ref = id;
    ended.reason = reason;
    ended.exit_code = code;
    ended.started_ms = 1'000;
    ended.ended_ms = 2'000;
    tasks.at(id).ended = ended;
    events.emplace_back(std::move(ended));
  }

  std::map<AttemptRef, Task> tasks;
  std::map<AttemptRef, int> starts;
  std::vector<AttemptRef> stops;
  std::vector<AttemptRef> releases;
  std::vector<std::tuple<AttemptRef, int, std::uint64_t>> requests;
  std::vector<ports::DriverEvent> events;
};

class LinesLog final : public Log {
 public:
  void write(LogLevel /*level*/, std::string message) override { lines.push_back(std::move(message)); }
  std::vector<std::string> lines;
};

class TemporaryDir {
 public:
  TemporaryDir() {
    std::string name = (std::filesystem::temp_directory_path() / "staging.XXXXXX").string();
    path_ = mkdtemp(name.data());
  }
  ~TemporaryDir() { static_cast<void>(remove_tree(path_)); }
  TemporaryDir(const TemporaryDir&) = delete;
  TemporaryDir& operator=(const TemporaryDir&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

inline std::string read_text(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return "(no file)";
  return {std::istreambuf_iterator<char>(in), {}};
}
inline void write_text(const std::string& path, const std::string& text) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream(path, std::ios::binary) << text;
}
inline mode_t mode_of(const std::string& path) {
  struct stat status{};
  return stat(path.c_str(), &status) == 0 ? status.st_mode & 0777 : 0;
}
inline std::size_t count_entries(const std::string& path) {
  std::error_code none;
  const auto begin = std::filesystem::directory_iterator(path, none);
  return none ? 0 : static_cast<std::size_t>(std::distance(begin, std::filesystem::directory_iterator()));
}

class World {
 public:
  World() { start(); }
  ~World() { driver.reset(); }

  /// A new agent on the same state directory and keeper.
  void start() {
    driver.reset();
    StagedDriverOptions options;
    options.state_dir = dir.path();
    options.cache_bytes = cache_bytes;
    options.checkpoint_interval = checkpoint_interval;
    auto made = StagedDriver::make(
        inner,
        [this](std::string token, StagedDriver::Patience patience, std::function<bool()> is_stopped) {
          return make_client(scheduler, std::move(token), patience == StagedDriver::Patience::endless ? 24h * 365 : Duration{1s},
                             std::move(is_stopped));
        },
        options, log);
    driver = std::move(*made);
    inner.attach();
    take();
  }
  void take() {
    for (auto& event : driver->take_events()) {
      if (auto* ended = std::get_if<ports::DriverEnded>(&event)) ends[ended->ref].push_back(*ended);
      if (auto* held = std::get_if<ports::DriverHeld>(&event)) held_refs.push_back(held->ref);
    }
  }
  /// Takes events until `is_done`; false after a minute.
  template <class IsDone>
  bool wait(IsDone is_done) {
    const auto deadline = std::chrono::steady_clock::now() + 60s;
    for (take(); !is_done(); take()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      pollfd one{driver->event_fd(), POLLIN, 0};
      ::poll(&one, 1, 5);
    }
    return true;
  }
  /// Without taking events: the agent has not heard of what made it.
  static bool wait_for_file(const std::string& path) {
    for (int i = 0; i < 60'000 && !exists(path); ++i) ::poll(nullptr, 0, 1);
    return exists(path);
  }
  bool wait_started(const AttemptRef& id) {
    return wait([&] { return inner.tasks.contains(id) || ends.contains(id); }) && inner.tasks.contains(id);
  }
  const ports::DriverEnded* wait_ended(const AttemptRef& id) {
    return wait([&] { return ends.contains(id); }) ? &ends[id].back() : nullptr;
  }
  ports::LaunchSpec spec(const AttemptRef& id, ports::StageSpec stage) {
    ports::LaunchSpec made;
    made.ref = id;
    made.command = {"true"};
    made.workdir = "/submitted";
    made.workdir_inode = 5;
    if (stage.token.empty()) stage.token = "attempt.1";
    made.stage = std::move(stage);
    return made;
  }
  std::string variable(const AttemptRef& id, const std::string& name) {
    for (const auto& [key, value] : inner.tasks.at(id).spec.env)
      if (key == name) return value;
    return "(unset)";
  }
  std::string attempt_dir(const AttemptRef& id) { return AttemptDir{dir.path() + "/attempts", id}.path(); }

  TemporaryDir dir;
  FakeScheduler scheduler;
  FakeInner inner;
  LinesLog log;
  std::uint64_t cache_bytes = 1 << 20;
  Duration checkpoint_interval = 1h;
  std::unique_ptr<StagedDriver> driver;
  std::map<AttemptRef, std::vector<ports::DriverEnded>> ends;
  std::vector<AttemptRef> held_refs;
};

}  // namespace stint::staging::testing
