#include "client/api.hpp"

#include <algorithm>

namespace stint::client {
namespace {

constexpr Duration kFirstPause = std::chrono::milliseconds{100};
constexpr Duration kLongestPause = std::chrono::seconds{2};
constexpr std::size_t kPageMax = 1000;

std::string encode(std::string_view text, std::string_view allowed) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string result;
  for (const char c : text) {
    const bool is_plain =
        (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || allowed.find(c) != std::string_view::npos;
    const auto byte = static_cast<unsigned char>(c);
    if (is_plain)
      result += c;
    else
      result += {'%', kDigits[byte >> 4], kDigits[byte & 15]};
  }
  return result;
}

bool is_ok(const ports::HttpAnswer& answer) { return answer.status >= 200 && answer.status <= 299; }

bool may_repeat(const Error& error, Api::Repeat repeat) {
  const bool was_not_done = error.code == Errc::unavailable || error.code == Errc::fenced;
  return was_not_done || (repeat == Api::Repeat::always && error.code == Errc::outcome_unknown);
}

}  // namespace

std::string encode_segment(std::string_view text) { return encode(text, "-._~@"); }

std::string make_target(std::string_view path, const Query& query) {
  std::string target(path);
  char separator = '?';
  for (const auto& [name, value] : query) {
    if (value.empty()) continue;
    target += separator + encode(name, "-._~") + "=" + encode(value, "-._~,");
    separator = '&';
  }
  return target;
}

/// 0.1 s, doubled up to 2 s, until the pauses add up to the patience.
class Api::Backoff {
 public:
  explicit Backoff(Duration patience) : left_(patience), patience_(patience) {}
  bool is_first() const { return left_ == patience_; }
  /// Nothing when patience is at its end.
  std::optional<Duration> next() {
    if (left_ <= Duration::zero()) return std::nullopt;
    const Duration pause = std::min(pause_, left_);
    pause_ = std::min(pause_ * 2, kLongestPause);
    left_ -= pause;
    return pause;
  }
  void reset() {
    pause_ = kFirstPause;
    left_ = patience_;
  }

 private:
  Duration pause_ = kFirstPause;
  Duration left_;
  Duration patience_;
};

bool Api::wait_again(Backoff& backoff, const Error& error) {
  if (backoff.is_first()) options_.on_outage(error);
  const auto pause = backoff.next();
  return pause && http_.pause(*pause);
}

Result<std::string> Api::ask(ports::HttpCall call, Repeat repeat) {
  call.timeout = options_.timeout;
  Backoff backoff(options_.patience);
  while (true) {
    auto answer = http_.call(call);
    if (answer && is_ok(*answer)) {
      if (answer->body.ends_with('\n')) answer->body.pop_back();  // the line's end is the printer's
      return std::move(answer->body);
    }
    Error error = answer ? parse_problem(answer->status, answer->body) : std::move(answer.error());
    if (!may_repeat(error, repeat) || !wait_again(backoff, error)) return tl::unexpected<Error>(std::move(error));
  }
}

Result<std::string> Api::get(const std::string& target) {
  ports::HttpCall call;
  call.target = target;
  return ask(call, Repeat::always);
}

Result<std::string> Api::post(const std::string& target, const std::string& body, Repeat repeat) {
  ports::HttpCall call;
  call.method = "POST";
  call.target = target;
  call.body = body;
  return ask(call, repeat);
}

Result<std::string> Api::remove(const std::string& target) {
  ports::HttpCall call;
  call.method = "DELETE";
  call.target = target;
  return ask(call, Repeat::always);
}

Result<JobView> Api::make_job(const std::string& target, const std::string& body, const std::string& idempotency_key) {
  ports::HttpCall call;
  call.method = "POST";
  call.target = target;
  call.headers = {{"Idempotency-Key", idempotency_key}};
  call.body = body;
  STINT_TRY(const std::string answer, ask(call, Repeat::always));
  return parse_job_view(answer);
}

Result<JobView> Api::submit(const std::string& job_json, const std::string& idempotency_key) {
  return make_job("/v1/jobs", job_json, idempotency_key);
}

Result<JobView> Api::retry(std::uint64_t job, RetryOf what, const std::string& idempotency_key) {
  const std::string body = what == RetryOf::failed ? "{\"failed_only\":true}" : "{\"failed_only\":false}";
  return make_job("/v1/jobs/" + std::to_string(job) + "/retry", body, idempotency_key);
}

Result<JobView> Api::get_job(std::uint64_t id) {
  STINT_TRY(const std::string body, get("/v1/jobs/" + std::to_string(id)));
  return parse_job_view(body);
}

Result<Page> Api::list(const std::string& path, Query query, std::size_t limit, std::string after) {
  Page all;
  all.next = after.empty() ? std::nullopt : std::optional(std::move(after));
  do {
    Query page_query = query;
    page_query.emplace_back("limit", std::to_string(std::min(limit - all.items.size(), kPageMax)));
    if (all.next) page_query.emplace_back("after", *all.next);
    STINT_TRY(const std::string body, get(make_target(path, page_query)));
    STINT_TRY(Page page, parse_page(body));
    std::move(page.items.begin(), page.items.end(), std::back_inserter(all.items));
    all.next = std::move(page.next);
  } while (all.next && all.items.size() < limit);
  return all;
}

Status Api::read_stream(const std::function<ports::HttpCall()>& make_call, const std::function<Reader()>& make_reader,
                        const OnTick& on_tick, WholeAnswer whole) {
  Backoff backoff(options_.patience);
  while (true) {
    bool is_done = false;
    const Reader read = make_reader();  // anew: what a broken connection sent half of is sent again
    const auto answer = http_.stream(make_call(), [&](std::string_view bytes) {
      if (!bytes.empty()) backoff.reset();
      is_done = bytes.empty() ? !on_tick() : !read(bytes);
      return !is_done;
    });
    const bool is_whole = answer && is_ok(*answer);
    if (is_done || (is_whole && whole == WholeAnswer::is_the_end)) return {};
    Error error = !answer    ? answer.error()
                  : is_whole ? Error{Errc::outcome_unknown, "the scheduler ended the stream"}
                             : parse_problem(answer->status, answer->body);
    if (!may_repeat(error, Repeat::always) || !wait_again(backoff, error)) return tl::unexpected<Error>(std::move(error));
  }
}

Status Api::read_logs(const std::string& task, const LogOptions& options, const OnLog& on_log, const OnTick& on_tick) {
  std::uint64_t after = options.after;
  std::optional<Error> broken;
  const auto make_call = [&] {
    ports::HttpCall call;
    call.target = make_target("/v1/tasks/" + encode_segment(task) + "/logs",
                              {{"attempt", options.attempt ? std::to_string(*options.attempt) : ""},
                               {"after", after > 0 ? std::to_string(after) : ""},
                               {"tail_bytes", options.tail_bytes > 0 ? std::to_string(options.tail_bytes) : ""},
                               {"follow", options.follow ? "1" : ""}});
    return call;
  };
  const auto on_line = [&](std::string_view json) {
    auto entry = parse_log_entry(json);
    if (!entry) broken = std::move(entry.error());
    if (broken) return false;
    if (entry->line) after = entry->line->seq;
    return on_log(*entry, json) && !entry->end;
  };
  const auto make_reader = [&]() -> Reader {
    return [&on_line, lines = LineReader()](std::string_view bytes) mutable { return lines.feed(bytes, on_line); };
  };
  STINT_TRY_VOID(read_stream(make_call, make_reader, on_tick, options.follow ? WholeAnswer::was_cut_off : WholeAnswer::is_the_end));
  if (broken) return tl::unexpected<Error>(std::move(*broken));
  return {};
}

Status Api::follow_events(std::optional<std::uint64_t> job, std::optional<std::uint64_t> after, const OnEvent& on_event,
                          const OnTick& on_tick) {
  const auto make_call = [&] {
    ports::HttpCall call;
    call.headers = {{"Accept", "text/event-stream"}};
    call.target = make_target("/v1/events", {{"after", after ? std::to_string(*after) : ""}, {"job", job ? std::to_string(*job) : ""}});
    return call;
  };
  const auto on_server_event = [&](const ServerEvent& event) {
    if (event.id) after = event.id;
    return on_event(event);
  };
  const auto make_reader = [&]() -> Reader {
    return [&on_server_event, events = EventReader()](std::string_view bytes) mutable { return events.feed(bytes, on_server_event); };
  };
  return read_stream(make_call, make_reader, on_tick, WholeAnswer::was_cut_off);
}

}  // namespace stint::client
