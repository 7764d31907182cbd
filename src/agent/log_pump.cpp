#include "agent/log_pump.hpp"

#include <algorithm>

#include "agent/limits.hpp"

namespace stint::agent {

void LogPump::rewind(Attempt& attempt) {
  for (auto& cursor : attempt.logs) cursor.received = cursor.acked;
}

void LogPump::open(Attempt& attempt) {
  if (!attempt.has_spool || attempt.phase == Attempt::Phase::waiting) return;
  for (std::size_t stream = 0; stream < attempt.logs.size(); ++stream) request(attempt, stream);
}

void LogPump::request(Attempt& attempt, std::size_t stream) {
  auto& cursor = attempt.logs[stream];
  std::size_t window = limits::kOutputWindow;
  if (attempt.has_ended()) {
    const auto end = attempt.state.output_bytes[stream];
    if (cursor.received >= end) return;
    window = static_cast<std::size_t>(std::min<std::uint64_t>(window, end - cursor.received));
  }
  cursor.granted_end = cursor.received + window;
  cursor.is_starving = false;
  source_.request_output(attempt, static_cast<std::uint8_t>(stream + 1), cursor.received, window);
}

void LogPump::on_output(Attempt& attempt, ports::DriverOutput output, protocol::Session& session) {
  const std::size_t stream = output.stream - std::size_t{1};
  if (stream >= attempt.logs.size()) return;
  auto& cursor = attempt.logs[stream];
  const auto end = output.offset + output.bytes.size();
  // What lies behind a gap or was seen before was on its way when the stream was asked for anew: it comes again, or did.
  if (cursor.is_starving || output.offset > cursor.received || end <= cursor.received) return;

  ByteView rest = ByteView{output.bytes}.subspan(static_cast<std::size_t>(cursor.received - output.offset));
  while (!rest.empty() && session.log_credit() > 0) {
    const auto chunk = rest.first(std::min(rest.size(), limits::kLogChunkMax));
    session.send(
        protocol::LogChunk{attempt.state.ref, static_cast<protocol::LogStream>(stream + 1), cursor.received, {chunk.begin(), chunk.end()}});
    cursor.received += chunk.size();
    rest = rest.subspan(chunk.size());
  }
  if (!rest.empty()) {
    cursor.is_starving = true;
    starving_.emplace_back(attempt.state.ref, stream);
  } else if (cursor.granted_end < cursor.received + limits::kOutputWindow / 2) {
    request(attempt, stream);
  }
}

void LogPump::feed(Attempts& attempts, const protocol::Session& session) {
  for (auto credit = session.log_credit(); credit > 0 && !starving_.empty(); --credit) {
    const auto [ref, stream] = starving_.front();
    starving_.pop_front();
    auto* attempt = attempts.find(ref);
    if (attempt != nullptr && attempt->logs[stream].is_starving) request(*attempt, stream);
  }
}

}  // namespace stint::agent
