#include "sim/join_node.hpp"

#include <utility>

namespace stint::sim {
namespace {

constexpr Duration kWriteMax = std::chrono::milliseconds{5};

}  // namespace

JoinNode::JoinNode(Surroundings world, std::size_t index, std::string token, OnTold on_told)
    : world_(world),
      index_(index),
      name_("machine-" + std::to_string(index + 1)),
      token_(std::move(token)),
      on_told_(std::move(on_told)),
      clock_(world.agenda, std::chrono::hours{1 + index}, static_cast<std::int64_t>(index) * 86'400'000 - 86'400'000, 300),
      entropy_(world.prng.next()),
      log_(world.trace, name_),
      alarm_(world.agenda, [this] {
        if (!enroller_) return;
        if (clock_.to_world(enroller_->next_deadline()) <= world_.agenda.now()) enroller_->on_timer(clock_.now());
        settle();
      }) {}

void JoinNode::run() {
  if (is_running_ || key_file_) return;
  world_.trace.note(name_, "joins");
  is_running_ = true;
  refusal_.clear();
  if (signing_key_) return ask();
  wire::SigningKey made;
  entropy_.fill(made.bytes);
  write_then([this, made] { signing_key_ = made; }, [this] { ask(); });
}

void JoinNode::write_then(std::function<void()> write, std::function<void()> go_on) {
  const auto pause = [this] { return world_.prng.between(Duration{0}, kWriteMax); };
  world_.agenda.after(pause(), [this, life = life_, pause, write = std::move(write), go_on = std::move(go_on)] {
    if (life != life_) return;
    write();
    world_.agenda.after(pause(), [this, life, go_on] {
      if (life == life_) go_on();
    });
  });
}

void JoinNode::ask() {
  agent::EnrollerConfig config;
  config.token = *protocol::parse_enrol_token(token_);
  config.key = *signing_key_;
  config.name = name_;
  config.counters = &counters_;
  enroller_ = std::make_unique<agent::Enroller>(std::move(config), entropy_, log_, clock_.now());
  settle();
}

void JoinNode::finish() {
  if (const auto* failed = enroller_->failed()) {
    world_.trace.note(name_, "gives up: " + failed->code);
    refusal_ = failed->code;
    return end_process();
  }
  const protocol::EnrolGrant grant = *enroller_->granted();
  enroller_.reset();
  alarm_.turn_off();
  on_told_(*this, grant);
  write_then([this, grant] { key_file_ = grant; }, [this] { end_process(); });
}

void JoinNode::end_process() {
  ++life_;
  enroller_.reset();
  alarm_.turn_off();
  connection_ = dialing_ = {};
  is_running_ = false;
}

void JoinNode::crash() {
  if (!is_running_) return;
  world_.trace.note(name_, "crashes");
  if (connection_) world_.network.close(connection_, Side::agent);
  end_process();
}

void JoinNode::on_connected(ConnectionId id) {
  if (!enroller_ || id != dialing_) return world_.network.close(id, Side::agent);
  dialing_ = {};
  connection_ = id;
  enroller_->on_link_open(clock_.now());
  settle();
}

void JoinNode::on_dial_failed(ConnectionId id) {
  if (!enroller_ || id != dialing_) return;
  dialing_ = {};
  enroller_->on_link_failed("connection refused", clock_.now());
  settle();
}

void JoinNode::on_bytes(ConnectionId id, ByteView bytes, Instant empty_since) {
  if (!enroller_ || id != connection_) return;
  enroller_->on_link_bytes(bytes, clock_.now(), clock_.read(empty_since));
  settle();
}

void JoinNode::on_closed(ConnectionId id) {
  if (!enroller_ || id != connection_) return;
  connection_ = {};
  enroller_->on_link_closed(clock_.now());
  settle();
}

void JoinNode::on_room(ConnectionId id) {
  if (enroller_ && id == connection_) settle();
}

void JoinNode::settle() {
  while (connection_ && enroller_->has_link_output()) {
    const std::size_t room = world_.network.room(connection_, Side::agent);
    if (room == 0) break;
    Bytes out;
    enroller_->take_link_output(clock_.now(), room, out);
    if (out.empty()) break;
    world_.network.send(connection_, Side::agent, out);
  }
  if (connection_ && enroller_->wants_close()) {
    world_.network.close(std::exchange(connection_, {}), Side::agent);
    enroller_->on_link_closed(clock_.now());
  }
  if (enroller_->is_finished()) return finish();
  if (!connection_ && !dialing_ && enroller_->wants_link(clock_.now())) {
    enroller_->on_link_dialing();
    dialing_ = world_.network.dial(index_, *this);
  }
  alarm_.arm(clock_.to_world(enroller_->next_deadline()));
}

}  // namespace stint::sim
