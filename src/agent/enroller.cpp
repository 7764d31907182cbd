#include "agent/enroller.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "agent/limits.hpp"

namespace stint::agent {
namespace {

std::uint64_t draw_seed(ports::Entropy& entropy) {
  std::array<std::uint8_t, 8> bytes{};
  entropy.fill(bytes);
  return load_le<std::uint64_t>(bytes.data());
}

}  // namespace

Enroller::Enroller(EnrollerConfig config, ports::Entropy& entropy, Log& log, Now now)
    : config_(std::move(config)),
      prk_(wire::derive_enrol_prk(config_.token.id, config_.token.secret)),
      entropy_(entropy),
      log_(log),
      backoff_(draw_seed(entropy)),
      give_up_at_(now.mono + config_.patience) {}

void Enroller::on_link_open(Now now) {
  protocol::AgentEnrolOptions options;
  options.token = config_.token.id;
  options.prk = prk_;
  options.cell = config_.token.cell;
  options.key = config_.key;
  entropy_.fill(options.nonce);
  options.name = config_.name;
  options.host = config_.host;
  options.counters = config_.counters;
  session_ = std::make_unique<protocol::AgentEnrol>(std::move(options), now);
}

void Enroller::on_link_failed(const std::string& why, Now now) { try_later(why, now); }

void Enroller::on_link_bytes(ByteView bytes, Now now, Instant empty_since) {
  if (!session_) return;
  session_->on_bytes(bytes, now, empty_since);
  take_outcome();
}

void Enroller::take_link_output(Now now, std::size_t budget, Bytes& out) {
  if (session_) session_->take_output(now, budget, out);
}

void Enroller::on_link_closed(Now now) {
  if (!session_) return;
  session_->on_closed(now);
  protocol::SessionEvent event;
  std::string why = "the connection ended without an answer";
  while (session_->next(event))
    if (const auto* ended = std::get_if<protocol::Ended>(&event)) why = ended->code + ": " + ended->detail;
  rejects_ = session_->was_rejected() ? rejects_ + 1 : 0;
  session_.reset();
  if (rejects_ >= limits::kRejectsBelieved)
    give_up("unauthenticated", "the scheduler says that it has no such token, or that this is not its secret");
  if (!has_outcome()) try_later(why, now);
}

void Enroller::take_outcome() {
  if (const auto* grant = session_->granted()) granted_ = *grant;
  if (const auto* refusal = session_->refused()) failed_ = *refusal;
}

void Enroller::try_later(const std::string& why, Now now) {
  if (std::exchange(last_problem_, why) != why) log_.info(why + "; trying again");
  dial_at_ = now.mono + backoff_.next_delay();
}

void Enroller::give_up(std::string code, std::string detail) {
  if (has_outcome()) return;
  failed_ = protocol::EnrolRefusal{std::move(code), std::move(detail)};
  if (session_) session_->close(protocol::CloseReason::leaving, "gives up");
}

void Enroller::on_timer(Now now) {
  if (session_) session_->on_timer(now);
  if (now.mono >= give_up_at_) give_up("unreachable", last_problem_.empty() ? "no answer" : last_problem_);
}

Instant Enroller::next_deadline() const {
  Instant next = has_outcome() ? Instant::max() : give_up_at_;
  if (session_) return std::min(next, session_->next_deadline());
  return has_outcome() ? next : std::min(next, dial_at_);
}

void Enroller::drain(Now /*now*/) { give_up("interrupted", "interrupted before the scheduler had answered"); }

}  // namespace stint::agent
