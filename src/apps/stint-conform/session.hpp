#pragma once

#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "apps/stint-conform/forge.hpp"
#include "apps/stint-conform/peer.hpp"
#include "protocol/messages.hpp"
#include "wire/keys.hpp"

namespace stint::conform {

/// A message of the other side, whose frame was as it must be.
struct Incoming {
  protocol::Message message;
  std::int64_t timestamp_ms = 0;
  wire::Header header;
};
/// For people: what kind of message, and what matters of it.
[[nodiscard]] std::string describe(const protocol::Message& message);

struct SessionSecrets {
  std::uint64_t session = 0;
  std::uint16_t key_epoch = 0;
  wire::FrameKey out;
  wire::FrameKey in;
  std::int64_t time_offset_ms = 0;  ///< session time - now()
};

/// A session from its handshake on, seen from one side. Every frame of the other side is held to header, MAC, sequence, time and meaning.
class Session {
 public:
  Session(Peer peer, const SessionSecrets& secrets);

  // ---- what we say
  [[nodiscard]] std::int64_t time_ms() const { return to_ms(now().time_since_epoch()) + secrets_.time_offset_ms; }
  /// The header of our next frame.
  [[nodiscard]] wire::Header next_header();
  /// A body as our next frame.
  [[nodiscard]] Bytes data(Bytes body, Edit edit = {});
  [[nodiscard]] Bytes data(const protocol::Message& message) { return data(body_of(message, time_ms())); }
  [[nodiscard]] Bytes data_of(const FrameSpec& spec) { return seal(spec, out_key_); }
  void send(const protocol::Message& message) { peer_.send(data(message)); }
  void send_body(Bytes body) { peer_.send(data(std::move(body))); }
  /// An envelope made by hand, stamped with the time.
  void send_envelope(schema::SchedulerMessage type, Build build) { send_body(envelope(type, std::move(build))); }
  [[nodiscard]] Bytes envelope(schema::SchedulerMessage type, Build build) const {
    return make_envelope({.type = type, .build = std::move(build), .timestamp_ms = time_ms(), .version = 1, .signature = {}});
  }

  // ---- what we hear
  /// Nothing: closed, or the deadline. Looks at what was put aside first.
  [[nodiscard]] Checked<std::optional<Incoming>> next(Instant deadline);
  /// The next message of this type; others are put aside, in order, for later.
  template <class M>
  [[nodiscard]] Checked<M> take(const char* what, Duration patience = limits::kPatience);
  /// The next message of this type among those already heard, or that come until the other side has answered a heartbeat.
  template <class M>
  [[nodiscard]] Checked<std::optional<M>> find_until_alive();

  /// The first message of this type among those put aside.
  template <class M>
  [[nodiscard]] Checked<std::optional<M>> find();

  /// The other side answers a heartbeat: the session goes on. What came before the answer is put aside.
  [[nodiscard]] Check expect_alive();
  /// What was just sent is answered with Error of this code, and the session goes on.
  [[nodiscard]] Check expect_error(const std::string& code);
  /// What was just sent has no answer but to the heartbeat after it.
  [[nodiscard]] Check expect_no_error();
  /// The session ends, told with Close of this reason, or with any.
  [[nodiscard]] Checked<std::optional<protocol::Close>> until_end(Duration patience = limits::kPatience);
  /// Ends with Close `Protocol`, whose detail begins with the code.
  [[nodiscard]] Check expect_refused(const std::string& code);
  [[nodiscard]] Check expect_close(protocol::CloseReason reason, Duration patience = limits::kPatience);

  [[nodiscard]] Peer& peer() { return peer_; }
  [[nodiscard]] const SessionSecrets& secrets() const { return secrets_; }
  [[nodiscard]] wire::MacKey& out_key() { return out_key_; }
  [[nodiscard]] const std::vector<Bytes>& heard_frames() const { return heard_frames_; }
  [[nodiscard]] std::deque<Incoming>& aside() { return aside_; }
  void set_tolerance(std::int64_t ms) { tolerance_ms_ = ms; }
  void give_back_sequence() { --out_sequence_; }

 private:
  [[nodiscard]] Checked<std::optional<Incoming>> read(Instant deadline);
  [[nodiscard]] Checked<Incoming> open(const Frame& frame);
  [[nodiscard]] Check check_time(const Frame& frame, std::int64_t timestamp_ms) const;
  [[nodiscard]] std::string what_was_heard() const;

  Peer peer_;
  SessionSecrets secrets_;
  wire::MacKey out_key_;
  wire::MacKey in_key_;
  std::uint64_t out_sequence_ = 0;
  std::uint64_t in_sequence_ = 0;
  std::int64_t beats_ = 0;
  std::int64_t tolerance_ms_ = 5'000;
  std::deque<Incoming> aside_;
  std::vector<Bytes> heard_frames_;
};

template <class M>
Checked<M> Session::take(const char* what, Duration patience) {
  const Instant deadline = now() + patience;
  for (auto at = aside_.begin(); at != aside_.end(); ++at) {
    if (auto* found = std::get_if<M>(&at->message)) {
      M message = std::move(*found);
      aside_.erase(at);
      return message;
    }
  }
  for (;;) {
    CONFORM_TRY(auto incoming, read(deadline));
    if (!incoming)
      return differ(what,
                    peer_.closed() ? "the connection closed; heard: " + what_was_heard() : "nothing of it; heard: " + what_was_heard());
    if (auto* found = std::get_if<M>(&incoming->message)) return std::move(*found);
    aside_.push_back(*std::move(incoming));
  }
}

template <class M>
Checked<std::optional<M>> Session::find_until_alive() {
  CONFORM_CHECK(expect_alive());
  return find<M>();
}

template <class M>
Checked<std::optional<M>> Session::find() {
  for (auto at = aside_.begin(); at != aside_.end(); ++at) {
    if (auto* found = std::get_if<M>(&at->message)) {
      std::optional<M> message = std::move(*found);
      aside_.erase(at);
      return message;
    }
  }
  return std::optional<M>{};
}

}  // namespace stint::conform
