#pragma once

#include <vector>

#include "apps/stint-conform/case.hpp"
#include "apps/stint-conform/session.hpp"

/// Rules of frames and envelopes, which bind both sides alike: each file's cases, in the order of docs/protocol.md.
namespace stint::conform {

[[nodiscard]] std::vector<SessionCase> header_cases();
[[nodiscard]] std::vector<SessionCase> mac_cases();
[[nodiscard]] std::vector<SessionCase> compression_cases();
[[nodiscard]] std::vector<SessionCase> stream_cases();
[[nodiscard]] std::vector<SessionCase> verifier_cases();
[[nodiscard]] std::vector<SessionCase> envelope_cases();
[[nodiscard]] std::vector<SessionCase> time_cases();
[[nodiscard]] std::vector<SessionCase> session_cases();

/// A heartbeat that no other one is like, and its answer.
[[nodiscard]] std::int64_t fresh_beat();
[[nodiscard]] Bytes heartbeat_body(const Session& session, std::int64_t beat);
[[nodiscard]] Check expect_beat(Session& session, std::int64_t beat);
/// What was sent is told as refused with this code: for tables.
[[nodiscard]] Check send_and_refuse(Session& session, const Bytes& frame, const char* code);
/// A heartbeat as the next frame, its header changed before it is signed.
[[nodiscard]] Check refuse_header(Session& session, std::size_t at, std::uint8_t value, const char* code);

}  // namespace stint::conform
