#include "apps/stint-conform/session.hpp"

#include <algorithm>

#include "wire/aligned_buffer.hpp"

namespace stint::conform {
namespace {

struct Describe {
  std::string operator()(const protocol::AssignmentList& m) const { return "AssignmentList of " + std::to_string(m.items.size()); }
  std::string operator()(const protocol::UpdateList& m) const {
    std::string text = "UpdateList:";
    for (const auto& update : m.items)
      text += " number " + std::to_string(update.number) + " status " + std::to_string(static_cast<int>(update.status)) + " reason " +
              std::to_string(static_cast<int>(update.reason));
    return text;
  }
  std::string operator()(const protocol::StatusAck& m) const { return "StatusAck of " + std::to_string(m.items.size()); }
  std::string operator()(const protocol::AgentInfo&) const { return "AgentInfo"; }
  std::string operator()(const protocol::Resume& m) const { return "Resume with " + std::to_string(m.held.size()); }
  std::string operator()(const protocol::Reconcile& m) const { return "Reconcile with " + std::to_string(m.items.size()); }
  std::string operator()(const protocol::Heartbeat&) const { return "Heartbeat"; }
  std::string operator()(const protocol::HeartbeatAck&) const { return "HeartbeatAck"; }
  std::string operator()(const protocol::Cancel& m) const { return "Cancel of " + std::to_string(m.items.size()); }
  std::string operator()(const protocol::LogChunk& m) const {
    return "LogChunk at " + std::to_string(m.offset) + " of " + std::to_string(m.bytes.size());
  }
  std::string operator()(const protocol::Credit&) const { return "Credit"; }
  std::string operator()(const protocol::ErrorMessage& m) const { return "Error `" + m.code + "` (" + m.detail + ")"; }
  std::string operator()(const protocol::Close& m) const {
    return "Close " + std::to_string(static_cast<int>(m.reason)) + " (" + m.detail + ")";
  }
  std::string operator()(const protocol::Rekey&) const { return "Rekey"; }
  std::string operator()(const protocol::CellPins&) const { return "CellPins"; }
};

}  // namespace

std::string describe(const protocol::Message& message) { return std::visit(Describe{}, message); }

Session::Session(Peer peer, const SessionSecrets& secrets)
    : peer_(std::move(peer)), secrets_(secrets), out_key_(secrets.out.view()), in_key_(secrets.in.view()) {}

wire::Header Session::next_header() { return {wire::FrameKind::data, 0, secrets_.key_epoch, 0, 0, secrets_.session, ++out_sequence_}; }

Bytes Session::data(Bytes body, Edit edit) { return seal({next_header(), std::move(body), std::move(edit)}, out_key_); }

// ---- in

Checked<std::optional<Incoming>> Session::next(Instant deadline) {
  if (aside_.empty()) return read(deadline);
  std::optional<Incoming> first = std::move(aside_.front());
  aside_.pop_front();
  return first;
}

Checked<std::optional<Incoming>> Session::read(Instant deadline) {
  CONFORM_TRY(auto frame, peer_.next_frame(deadline));
  if (!frame) return std::optional<Incoming>{};
  CONFORM_TRY(auto incoming, open(*frame));
  return std::optional<Incoming>{std::move(incoming)};
}

Checked<Incoming> Session::open(const Frame& frame) {
  const auto& header = frame.header;
  const bool is_ours =
      header.kind == wire::FrameKind::data && header.principal == secrets_.session && header.key_epoch == secrets_.key_epoch;
  if (!is_ours) return differ("DATA of this session and key epoch", describe(header));
  wire::AlignedBuffer plain;
  const auto buffer = wire::open_frame(frame.raw(), in_key_, in_sequence_ + 1, plain);
  if (!buffer)
    return differ("an authentic frame, sequence " + std::to_string(in_sequence_ + 1),
                  std::string(to_string(buffer.error())) + " in " + describe(header));
  ++in_sequence_;
  heard_frames_.push_back(frame.bytes);
  const auto envelope = protocol::open_envelope(*buffer);
  if (!envelope) return differ("a good envelope", envelope.error().detail);
  CONFORM_CHECK(check_time(frame, envelope->timestamp_ms()));
  auto message = protocol::decode_message(*envelope);
  if (!message)
    return differ("a message within its limits", std::string(to_string(message.error().reason)) + ": " + message.error().detail);
  return Incoming{*std::move(message), envelope->timestamp_ms(), header};
}

Check Session::check_time(const Frame& frame, std::int64_t timestamp_ms) const {
  const std::int64_t earliest = to_ms(frame.empty_since.time_since_epoch()) + secrets_.time_offset_ms;
  const std::int64_t latest = to_ms(frame.read.time_since_epoch()) + secrets_.time_offset_ms;
  if (timestamp_ms >= earliest - tolerance_ms_ && timestamp_ms <= latest + tolerance_ms_) return {};
  return differ(
      "a timestamp within " + std::to_string(tolerance_ms_) + " ms of " + std::to_string(earliest) + " to " + std::to_string(latest),
      std::to_string(timestamp_ms));
}

std::string Session::what_was_heard() const {
  std::string text;
  for (const auto& incoming : aside_) text += (text.empty() ? "" : ", ") + describe(incoming.message);
  return text.empty() ? "nothing" : text;
}

// ---- questions

Check Session::expect_alive() {
  const std::int64_t beat = to_ms(now().time_since_epoch()) * 1'000'000 + ++beats_;
  send(protocol::Heartbeat{beat, 0});
  const Instant deadline = now() + limits::kPatience;
  for (;;) {
    CONFORM_TRY(auto incoming, read(deadline));
    if (!incoming) {
      return differ("a HeartbeatAck: the session goes on",
                    (peer_.closed() ? "the connection closed; heard: " : "none; heard: ") + what_was_heard());
    }
    const auto* ack = std::get_if<protocol::HeartbeatAck>(&incoming->message);
    if (ack != nullptr && ack->clock_boot_ns == beat) return {};
    aside_.push_back(*std::move(incoming));
  }
}

Check Session::expect_error(const std::string& code) {
  CONFORM_CHECK(expect_alive());
  std::size_t errors = 0;
  std::string seen;
  bool is_right = false;
  for (const auto& incoming : aside_) {
    const auto* error = std::get_if<protocol::ErrorMessage>(&incoming.message);
    if (error == nullptr) continue;
    ++errors;
    seen += (seen.empty() ? "" : ", ") + describe(incoming.message);
    is_right = is_right || error->code == code;
  }
  std::erase_if(aside_, [](const Incoming& incoming) { return std::holds_alternative<protocol::ErrorMessage>(incoming.message); });
  if (errors == 1 && is_right) return {};
  return differ("one Error `" + code + "`, and the session goes on", seen.empty() ? "no Error; heard: " + what_was_heard() : seen);
}

Check Session::expect_no_error() {
  CONFORM_TRY(const auto error, find_until_alive<protocol::ErrorMessage>());
  if (!error) return {};
  return differ("no Error", describe(protocol::Message{*error}));
}

Checked<std::optional<protocol::Close>> Session::until_end(Duration patience) {
  const Instant deadline = now() + patience;
  std::optional<protocol::Close> close;
  for (const auto& incoming : aside_)
    if (const auto* found = std::get_if<protocol::Close>(&incoming.message)) close = *found;
  for (;;) {
    CONFORM_TRY(auto incoming, read(deadline));
    if (!incoming && peer_.closed()) return close;
    if (!incoming)
      return differ("the end of the session", "open after " + std::to_string(to_ms(patience)) + " ms; heard: " + what_was_heard());
    if (const auto* found = std::get_if<protocol::Close>(&incoming->message)) close = *found;
    aside_.push_back(*std::move(incoming));
  }
}

Check Session::expect_refused(const std::string& code) {
  CONFORM_TRY(const auto close, until_end());
  const std::string expected = "Close `Protocol` whose detail begins with `" + code + ":`, then the end";
  if (!close) return differ(expected, "the end without Close; heard: " + what_was_heard());
  if (close->reason == protocol::CloseReason::protocol && close->detail.starts_with(code + ":")) return {};
  return differ(expected, describe(protocol::Message{*close}));
}

Check Session::expect_close(protocol::CloseReason reason, Duration patience) {
  CONFORM_TRY(const auto close, until_end(patience));
  const std::string expected = "Close " + std::to_string(static_cast<int>(reason)) + ", then the end";
  if (!close) return differ(expected, "the end without Close; heard: " + what_was_heard());
  return close->reason == reason ? Check{} : Check{differ(expected, describe(protocol::Message{*close}))};
}

}  // namespace stint::conform
