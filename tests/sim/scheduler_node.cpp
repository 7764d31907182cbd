#include "sim/scheduler_node.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "hash/sha256.hpp"
#include "wire/crypto.hpp"

namespace stint::sim {
namespace {

constexpr Duration kTurnDelayMax = std::chrono::microseconds{500};  // what arrives within it is decided together
constexpr Duration kRestartMax = std::chrono::seconds{20};  // after a death over a write
constexpr std::uint64_t kPromiseSalt = 0x9203;
constexpr ports::RequestId kOwnRequest{~std::uint64_t{0}};

ConnectionId connection_of(ports::LinkId link) { return ConnectionId{link.value}; }
ports::LinkId link_of(ConnectionId id) { return ports::LinkId{id.value}; }

}  // namespace

SchedulerNode::SchedulerNode(Surroundings world, Durable& durable, Told& told, std::uint64_t seed, SchedulerSettings settings)
    : world_(world),
      durable_(durable),
      told_(told),
      clock_(world.agenda, std::chrono::hours{17}, 0, -50),
      entropy_(seed),
      log_(world.trace, "scheduler"),
      alarm_(world.agenda, [this] { on_alarm(); }),
      settings_(settings),
      promises_(seed ^ kPromiseSalt) {}

void SchedulerNode::start() {
  if (daemon_) return;
  ++life_;
  world_.trace.note("scheduler", "starts");
  store_ = std::make_unique<WatchedStore>(tables_, durable_, [this] { return promises_.chance(settings_.prompt_writes, 100); });
  store_->set_full(is_full_);
  reader_ = std::make_unique<memory::MemoryReader>(tables_);
  blobs_ = std::make_unique<memory::MemoryBlobStore>(blob_files_, [this] { return clock_.now().wall; }, memory::MemoryBlobStore::Limits{});
  scheduler::DaemonOptions options;
  options.key_encryption_key.fill(7);
  options.api_token_sha256 = wire::sha256(as_bytes(kApiToken));
  const Now now = clock_.now();
  options.session_time_offset_ms = to_ms(now.wall) - to_ms(now.mono.time_since_epoch());
  options.heartbeat_interval = settings_.heartbeat;
  options.retention = settings_.retention;
  options.server = "scheduler:1";
  options.keys.rotate_every = Duration{0};  // the storm rotates
  daemon_ = std::make_unique<scheduler::Daemon>(std::move(options),
                                                scheduler::DaemonPorts{*store_, *reader_, *blobs_, *this, *this, entropy_, log_});
  const auto opened = store_->open([this, life = life_](BatchNumber number, const Status& status) {
    if (life == life_) daemon_->on_committed(number, status, clock_.now());
  });
  if (opened) durable_.compare(*tables_);
  const auto started = opened ? daemon_->start(*opened, now) : Status(tl::unexpected(opened.error()));
  if (!started) return world_.findings.add("the scheduler cannot start: " + started.error().detail);
  world_.network.listen(this);
  settle();
}

void SchedulerNode::crash(bool is_silent) {
  if (!daemon_) return;
  world_.trace.note("scheduler", is_silent ? "crashes, and nobody is told" : "crashes");
  read_refusals();
  end_batch();
  end_process(is_silent);
}

void SchedulerNode::leave() {
  if (!daemon_) return;
  world_.trace.note("scheduler", "is told to leave");
  read_refusals();
  while (store_->busy()) {
    store_->finish_one(WatchedStore::Fate::done);
    carry_out();
    if (daemon_->fatal() != nullptr) break;
  }
  daemon_->close_sessions(clock_.now());
  carry_out();
  for (const auto link : links_) write_out(link);
  end_process(false);
}

/// What was in hand when the process died, in order: once a batch is lost, so are those behind it.
void SchedulerNode::end_batch() {
  std::vector<WatchedStore::Fate> fates;
  if (fates_.may_be_lost) fates.push_back(WatchedStore::Fate::lost);
  if (fates_.may_be_torn) fates.push_back(WatchedStore::Fate::torn);
  if (fates_.may_be_unanswered) fates.push_back(WatchedStore::Fate::unanswered);
  if (fates.empty()) fates.push_back(WatchedStore::Fate::lost);
  bool is_over = false;
  while (store_->busy()) {
    const auto fate = is_over ? WatchedStore::Fate::lost : fates[world_.prng.below(fates.size())];
    const std::size_t torn = world_.prng.below(store_->rows_in_hand() + 1);
    is_over = fate != WatchedStore::Fate::unanswered;
    switch (fate) {
      case WatchedStore::Fate::lost: world_.faults.add(Fault::lost_batch); break;
      case WatchedStore::Fate::torn: world_.faults.add(Fault::torn_batch); break;
      default: world_.faults.add(Fault::unanswered_batch); break;
    }
    world_.trace.note("disk", fate == WatchedStore::Fate::unanswered ? "the last batch is there, without an answer"
                              : fate == WatchedStore::Fate::torn     ? "the last batch is torn"
                                                                     : "the last batch is lost");
    store_->finish_one(fate, torn);
  }
}

void SchedulerNode::end_process(bool is_silent) {
  world_.network.listen(nullptr);
  for (const auto link : links_) {
    if (is_silent) {
      world_.network.vanish(connection_of(link), Side::scheduler, false);
    } else {
      world_.network.close(connection_of(link), Side::scheduler);
    }
  }
  if (blobs_->busy() && world_.prng.chance(1, 2)) blobs_->finish_one();  // it is there, and nobody could make use of it
  daemon_.reset();
  store_.reset();
  reader_.reset();
  blobs_.reset();
  alarm_.turn_off();
  ++life_;
  turn_is_planned_ = write_is_planned_ = blob_is_planned_ = false;
  links_.clear();
  woken_.clear();
  closing_.clear();
  for (const auto& [id, request] : std::exchange(requests_, {}))
    if (listener_ != nullptr) listener_->on_stream_ended(id);
}

void SchedulerNode::set_full(bool is_full) {
  is_full_ = is_full;
  world_.trace.note("disk", is_full ? "is full" : "has room again");
  if (store_) store_->set_full(is_full);
  blob_files_->room = is_full ? 0 : UINT64_MAX;
}

// The API.

bool SchedulerNode::request(ports::HttpRequest request) {
  if (!daemon_) return false;
  if (request.bearer_token.empty()) request.bearer_token = kApiToken;
  requests_[request.id] = request;
  daemon_->http().on_request(std::move(request), clock_.now());
  settle();
  return true;
}

void SchedulerNode::stream_writable(ports::RequestId id) {
  if (!daemon_ || !requests_.contains(id)) return;
  daemon_->http().on_stream_writable(id, clock_.now());
  settle();
}

void SchedulerNode::request_closed(ports::RequestId id) {
  if (!daemon_ || requests_.erase(id) == 0) return;
  daemon_->http().on_request_closed(id, clock_.now());
  settle();
}

void SchedulerNode::respond(ports::RequestId id, ports::HttpResponse response) {
  if (id == kOwnRequest) {
    metrics_ = std::move(response.body);
    return;
  }
  auto found = requests_.extract(id);
  if (found.empty()) return;
  told_.on_answer(found.mapped(), response);
  world_.trace.note("api", found.mapped().method + " " + found.mapped().path + " -> " + std::to_string(response.status));
  if (listener_ != nullptr) listener_->on_response(id, response);
}

void SchedulerNode::read_body(ports::RequestId /*id*/) {}  // no client sends blobs here

void SchedulerNode::begin_stream(ports::RequestId id, ports::HttpResponse head) {
  if (!requests_.contains(id)) return;
  told_.on_events(head.body);
  if (listener_ != nullptr) listener_->on_stream_begun(id);
}

void SchedulerNode::write_stream(ports::RequestId id, std::string bytes) {
  if (!requests_.contains(id)) return;
  told_.on_events(bytes);
  if (listener_ != nullptr) listener_->on_stream_bytes(id, bytes);
}

void SchedulerNode::end_stream(ports::RequestId id) {
  if (requests_.erase(id) > 0 && listener_ != nullptr) listener_->on_stream_ended(id);
}

void SchedulerNode::abort_stream(ports::RequestId id) { end_stream(id); }

// Connections.

void SchedulerNode::on_connected(ConnectionId id) {
  if (!daemon_) return world_.network.close(id, Side::scheduler);
  links_.insert(link_of(id));
  daemon_->links().on_link_open(link_of(id), "connection " + std::to_string(id.value), clock_.now());
  settle();
}

void SchedulerNode::on_bytes(ConnectionId id, ByteView bytes, Instant empty_since) {
  if (!daemon_ || !links_.contains(link_of(id))) return;
  daemon_->links().on_link_bytes(link_of(id), bytes, clock_.now(), clock_.read(empty_since));
  settle();
}

void SchedulerNode::on_closed(ConnectionId id) {
  if (!daemon_ || links_.erase(link_of(id)) == 0) return;
  woken_.erase(link_of(id));
  closing_.erase(link_of(id));
  daemon_->links().on_link_closed(link_of(id), clock_.now());
  settle();
}

void SchedulerNode::on_room(ConnectionId id) {
  if (!daemon_ || !links_.contains(link_of(id))) return;
  woken_.insert(link_of(id));
  settle();
}

/// Writes until the daemon has nothing more or the network takes no more; then on_room wakes it again.
void SchedulerNode::write_out(ports::LinkId link) {
  for (;;) {
    const std::size_t room = world_.network.room(connection_of(link), Side::scheduler);
    if (room == 0) return;
    Bytes out;
    daemon_->links().take_link_output(link, clock_.now(), room, out);
    if (out.empty()) return;
    world_.network.send(connection_of(link), Side::scheduler, out);
  }
}

bool SchedulerNode::close_ended() {
  const bool any = !closing_.empty();
  while (!closing_.empty()) {
    const auto link = *closing_.begin();
    closing_.erase(closing_.begin());
    if (links_.erase(link) == 0) continue;
    Bytes last;
    daemon_->links().take_link_output(link, clock_.now(), ~std::size_t{0}, last);
    world_.network.send(connection_of(link), Side::scheduler, last);
    world_.network.close(connection_of(link), Side::scheduler);
    daemon_->links().on_link_closed(link, clock_.now());
  }
  return any;
}

// Turns, writes, time.

void SchedulerNode::settle() {
  carry_out();
  plan_turn();
}

void SchedulerNode::carry_out() {
  ++calls_;
  for (const auto link : std::exchange(woken_, {}))
    if (links_.contains(link)) write_out(link);
  if (close_ended()) plan_turn();
  if (daemon_->fatal() != nullptr) {
    if (!std::exchange(has_store_failed_, false)) return world_.findings.add("the scheduler gives up: " + daemon_->fatal()->detail);
    world_.agenda.after(Duration{0}, [this, life = life_] {
      if (life == life_) crash(false);
    });
    return start_later();
  }
  plan_write();
  plan_blob();
  alarm_.arm(std::max(clock_.to_world(daemon_->next_deadline()), world_.agenda.now() + kTurnDelayMax));  // after the turn, if it is due
}

void SchedulerNode::plan_turn() {
  if (std::exchange(turn_is_planned_, true)) return;
  world_.agenda.after(world_.prng.between(Duration{0}, kTurnDelayMax), [this, life = life_] {
    if (life != life_) return;
    turn_is_planned_ = false;
    daemon_->end_turn(clock_.now());
    carry_out();
  });
}

void SchedulerNode::plan_write() {
  if (!store_->busy() || std::exchange(write_is_planned_, true)) return;
  world_.agenda.after(world_.prng.between(write_min_, write_max_), [this, life = life_] {
    if (life != life_) return;
    write_is_planned_ = false;
    if (const auto is_silent = std::exchange(crash_at_write_, {})) {
      world_.faults.add(Fault::crash_scheduler);
      crash(*is_silent);
      return start_later();
    }
    if (std::exchange(is_write_broken_, false)) {
      fail_write();
    } else {
      store_->finish_one(WatchedStore::Fate::done);
    }
    settle();
  });
}

void SchedulerNode::start_later() {
  world_.agenda.after(world_.prng.between(Duration{0}, kRestartMax), [this] { start(); });
}

void SchedulerNode::fail_write() {
  const bool is_there = world_.prng.chance(1, 2);
  world_.trace.note("disk", is_there ? "an error, and the batch is there" : "an error, and the batch is not there");
  world_.faults.add(Fault::disk_error);
  has_store_failed_ = !is_full_;
  store_->finish_one(is_there ? WatchedStore::Fate::io_written : WatchedStore::Fate::io_lost);
}

/// Calls of the blob store are done one by one, each some time after it was asked for.
void SchedulerNode::plan_blob() {
  if (!blobs_->busy() || std::exchange(blob_is_planned_, true)) return;
  world_.agenda.after(world_.prng.between(write_min_, write_max_), [this, life = life_] {
    if (life != life_) return;
    blob_is_planned_ = false;
    blobs_->finish_one();
    settle();
  });
}

BlobId SchedulerNode::keep_blob(const std::string& bytes) {
  const BlobId blob = blob_id_of(as_bytes(bytes));
  blob_files_->blobs[blob] = {bytes, clock_.now().wall};
  return blob;
}

const std::string* SchedulerNode::find_blob(const BlobId& blob) const {
  const auto found = blob_files_->blobs.find(blob);
  return found == blob_files_->blobs.end() ? nullptr : &found->second.bytes;
}

void SchedulerNode::on_alarm() {
  if (!daemon_) return;
  if (clock_.to_world(daemon_->next_deadline()) <= world_.agenda.now()) daemon_->on_timer(clock_.now());
  settle();
}

// Counters.

void SchedulerNode::read_refusals() {
  ports::HttpRequest request;
  request.id = kOwnRequest;
  request.method = "GET";
  request.path = "/metrics";
  request.peer = "127.0.0.1";
  daemon_->http().on_request(std::move(request), clock_.now());
  constexpr std::string_view kHead = "stint_session_refusals_total{reason=\"";
  std::string_view text(metrics_);
  for (auto at = text.find(kHead); at != std::string_view::npos; at = text.find(kHead)) {
    text.remove_prefix(at + kHead.size());
    const auto quote = text.find('"');
    const auto space = text.find(' ');
    refusals_[std::string(text.substr(0, quote))] += std::stoull(std::string(text.substr(space + 1, text.find('\n') - space - 1)));
  }
}

std::map<std::string, std::uint64_t> SchedulerNode::refusals() {
  auto all = refusals_;
  if (daemon_) {
    read_refusals();
    std::swap(all, refusals_);
  }
  return all;
}

}  // namespace stint::sim
