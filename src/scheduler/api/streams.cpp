#include "scheduler/api/streams.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <utility>
#include <vector>

#include "scheduler/api/json_views.hpp"
#include "scheduler/limits.hpp"

namespace stint::scheduler::api {
namespace {

namespace json = boost::json;

ports::HttpResponse stream_head(std::string content_type) {
  ports::HttpResponse head;
  head.content_type = std::move(content_type);
  head.headers.emplace_back("Cache-Control", "no-store");
  return head;
}

std::string log_line(std::uint64_t seq, const core::LogRow& row) {
  return json::serialize(json::object{{"seq", seq},
                                      {"attempt", row.ref.attempt},
                                      {"stream", row.stream == 1 ? "stdout" : "stderr"},
                                      {"offset", row.offset},
                                      {"data", to_base64(row.bytes)}}) +
         "\n";
}

/// How the task ended, as the last line of a log that was followed.
std::string end_line(const core::TaskView& task, const std::optional<core::AttemptRow>& last) {
  const EndReason reason = task.reason != EndReason::none || !last ? task.reason : last->reason;
  json::object line{
      {"end", true},      {"state", to_string(task.status)}, {"reason", reason_json(reason)}, {"exit_code", nullptr}, {"signal", nullptr},
      {"detail", nullptr}};
  if (last && last->reason == EndReason::exit) line["exit_code"] = last->exit_code;
  if (last && last->signal != 0) line["signal"] = last->signal;
  if (last && !last->detail.empty()) line["detail"] = last->detail;
  return json::serialize(line) + "\n";
}

/// 0 if it is not there. A tail ends with what is there: it can neither begin after a line nor be followed.
Result<std::size_t> read_tail_bytes(const ports::HttpRequest& request) {
  if (!find_query(request, "tail_bytes")) return 0;
  STINT_TRY(const std::uint64_t bytes, read_number(request, "tail_bytes", 0));
  if (bytes == 0 || bytes > limits::kLogTailMax)
    return fail(Errc::invalid_argument,
                "query `tail_bytes`: " + std::to_string(bytes) + " is not within 1 and " + std::to_string(limits::kLogTailMax));
  if (find_query(request, "follow").value_or("0") != "0" || find_query(request, "after"))
    return fail(Errc::invalid_argument, "query `tail_bytes` goes neither with `follow` nor with `after`");
  return static_cast<std::size_t>(bytes);
}

}  // namespace

std::optional<core::AttemptRow> Streams::last_durable(const AttemptRef& attempt) {
  ports::StoreReader::AttemptQuery query;
  query.job = attempt.task.job;
  query.group = attempt.task.group;
  query.from = attempt;
  query.limit = 1;
  const auto rows = cell_.reader.attempts(query);
  if (!rows || rows->empty() || rows->front().ref != attempt) return std::nullopt;
  return rows->front();
}

/// Memory forgets how many attempts an ended task had; the store does not.
bool Streams::has_later_attempt(const core::TaskView& task, const AttemptRef& attempt) {
  if (!has_ended(task.status)) return task.attempts > attempt.attempt;
  return last_durable({attempt.task, attempt.attempt + 1}).has_value();
}

/// A cancelled or superseded attempt whose agent is there and has not said yet that it is over: its last words are still to come.
bool Streams::still_speaks(const core::AttemptRow& attempt) const {
  if (attempt.live || to_ms(attempt.ended_at) != 0) return false;
  const auto* agent = cell_.core.find_agent(attempt.agent);
  return agent != nullptr && !agent->revoked && to_ms(agent->disconnected_at) == 0;
}

bool Streams::too_many(ports::RequestId id) {
  if (streams_.size() < limits::kStreamsMax) return false;
  replies_.respond(id, to_response({503, "unavailable", "too many streams are open", "", std::to_string(limits::kStreamsMax) + " streams",
                                    "close some, or poll"}));
  return true;
}

void Streams::follow_events(const ports::HttpRequest& request, const Principal& who) {
  if (too_many(request.id)) return;
  const auto job = read_number(request, "job", 0);
  const auto after = read_number(request, "after", cell_.events.last());
  if (!job || !after) return replies_.respond(request.id, to_response(to_problem(!job ? job.error() : after.error())));
  Stream stream;
  stream.token = who.token;
  stream.expires_at = who.expires_at;
  stream.events = true;
  stream.job = JobId{*job};
  stream.after = *after;
  if (!request.last_event_id.empty()) {
    const auto& text = request.last_event_id;
    const auto id = parse_number(text);
    if (!id)
      return replies_.respond(
          request.id, to_response({400, "invalid_argument", "Last-Event-ID: \"" + text + "\" is not a number", "Last-Event-ID", "", ""}));
    stream.after = *id;
  }
  auto head = stream_head("text/event-stream");
  head.body = ": stint events\n\n";
  stream.writable = false;
  streams_.emplace(request.id, stream);
  replies_.begin_stream(request.id, std::move(head));
}

void Streams::follow_logs(const ports::HttpRequest& request, const Principal& who, std::string_view task) {
  if (too_many(request.id)) return;
  const auto ref = find_task_ref(cell_, task);
  const auto attempt = read_count(request, "attempt", 0);
  const auto after = read_number(request, "after", 0);
  const auto tail = read_tail_bytes(request);
  for (const auto* error : {ref ? nullptr : &ref.error(), attempt ? nullptr : &attempt.error(), after ? nullptr : &after.error(),
                            tail ? nullptr : &tail.error()})
    if (error != nullptr) return replies_.respond(request.id, to_response(to_problem(*error)));
  Stream stream;
  stream.token = who.token;
  stream.expires_at = who.expires_at;
  stream.tail_bytes = *tail;
  stream.follow = find_query(request, "follow").value_or("0") != "0";
  stream.after = stream.start = *after;
  stream.fixed_attempt = *attempt != 0;
  stream.attempt = {*ref, stream.fixed_attempt ? *attempt : 1};
  stream.writable = false;
  streams_.emplace(request.id, stream);
  replies_.begin_stream(request.id, stream_head("application/x-ndjson"));
}

void Streams::on_writable(ports::RequestId id) {
  auto it = streams_.find(id);
  if (it == streams_.end()) return;
  it->second.writable = true;
  pump(id, it->second);
}

void Streams::pump() {
  for (auto it = streams_.begin(); it != streams_.end();) {
    auto& [id, stream] = *it++;  // pump may erase it
    if (stream.writable) pump(id, stream);
  }
}

void Streams::keep_alive() {
  for (auto& [id, stream] : streams_)
    if (stream.events && std::exchange(stream.writable, false)) replies_.write_stream(id, ":\n\n");
}

/// A reader finds out why when it comes back with its cursor.
template <class Condition>
void Streams::close_if(const Condition& condition) {
  for (auto it = streams_.begin(); it != streams_.end();) {
    if (condition(it->second)) {
      replies_.end_stream(it->first);
      it = streams_.erase(it);
    } else {
      ++it;
    }
  }
}

void Streams::close_all_of(core::TokenId token) {
  close_if([&](const Stream& stream) { return stream.token == token; });
}

void Streams::close_expired(Now now) {
  if (now.mono < check_at_) return;
  check_at_ = now.mono + limits::kTokenCheckPeriod;
  close_if([&](const Stream& stream) { return to_ms(stream.expires_at) != 0 && stream.expires_at <= now.wall; });
}

Instant Streams::next_deadline() const {
  const bool may_expire =
      std::any_of(streams_.begin(), streams_.end(), [](const auto& entry) { return to_ms(entry.second.expires_at) != 0; });
  return may_expire ? check_at_ : Instant::max();
}

void Streams::pump(ports::RequestId id, Stream& stream) {
  bool ended = false;
  if (stream.tail_bytes > 0) ended = true;
  std::string text = stream.tail_bytes > 0 ? newest_logs(stream) : stream.events ? next_events(stream) : next_logs(stream, ended);
  if (!text.empty()) {
    stream.writable = false;
    replies_.write_stream(id, std::move(text));
  }
  if (ended) {
    replies_.end_stream(id);
    streams_.erase(id);
  }
}

std::string Streams::next_events(Stream& stream) {
  std::string text;
  const auto events = cell_.events.after(stream.after, stream.job, limits::kReplyItemsMax);
  if (!events) return text;
  for (const auto& event : *events) {
    if (text.size() > limits::kStreamBytesMax) return text;
    text.append("id: ")
        .append(std::to_string(event.seq))
        .append("\nevent: ")
        .append(event.kind)
        .append("\ndata: ")
        .append(event.body)
        .append("\n\n");
    stream.after = event.seq;
  }
  if (events->size() < limits::kReplyItemsMax) stream.after = std::max(stream.after, cell_.events.last());
  return text;
}

/// Memory forgets how many attempts an ended task had; the store does not.
std::uint32_t Streams::newest_attempt(const TaskRef& task) {
  std::uint32_t newest = 1;
  if (const auto view = cell_.core.find_task(task)) newest = std::max(newest, view->attempts);
  while (last_durable({task, newest + 1})) ++newest;
  return newest;
}

std::string Streams::newest_logs(const Stream& stream) {
  AttemptRef attempt = stream.attempt;
  if (!stream.fixed_attempt) attempt.attempt = newest_attempt(attempt.task);
  std::string text;
  const auto rows = cell_.reader.log_newest(attempt, stream.tail_bytes);
  if (!rows) return text;
  for (const auto& [seq, row] : *rows) text += log_line(seq, row);
  return text;
}

std::string Streams::next_logs(Stream& stream, bool& ended) {
  std::string text;
  for (;;) {
    const auto rows = cell_.reader.log_tail(stream.attempt, stream.after, limits::kStreamBytesMax);
    if (!rows) {
      ended = true;  // the reader comes back with its cursor
      return text;
    }
    for (const auto& [seq, row] : *rows) {
      text += log_line(seq, row);
      stream.after = seq;
    }
    if (text.size() >= limits::kStreamBytesMax || !rows->empty()) return text;
    const auto task = cell_.core.find_task(stream.attempt.task);
    if (!stream.fixed_attempt && task && has_later_attempt(*task, stream.attempt)) {  // the earlier one has left or will not count
      ++stream.attempt.attempt;
      stream.after = stream.start;  // two live attempts print at once: this one's first chunks may be older than the last one's last
      continue;
    }
    if (!stream.follow || !task) {
      ended = true;
      return text;
    }
    if (!has_ended(task->status)) return text;
    const auto last = last_durable(stream.attempt);
    if (last ? last->live : !cell_.journal.idle()) return text;  // memory knows of the end, the disk does not yet: it is not told
    if (last && still_speaks(*last)) return text;
    ended = true;
    return text + end_line(*task, last);
  }
}

}  // namespace stint::scheduler::api
