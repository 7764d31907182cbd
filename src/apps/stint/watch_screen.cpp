#include "apps/stint/watch_screen.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>

#include "apps/stint/connection.hpp"
#include "apps/stint/follow.hpp"
#include "apps/stint/interrupts.hpp"
#include "apps/stint/report.hpp"
#include "apps/stint/terminal.hpp"
#include "client/keys.hpp"
#include "client/watch_fetch.hpp"
#include "client/watch_layout.hpp"
#include "client/watch_state.hpp"

namespace stint::cli {
namespace {

using namespace std::chrono_literals;

constexpr Duration kRefresh = 1s;
constexpr Duration kRefreshAfterKey = 80ms;  // a key held down moves the choice many times before the rest is read
constexpr Duration kEscapeWait = 50ms;       // until a lone ESC is a key
constexpr int kShareOfTime = 10;             // at most a tenth of the time is spent asking: a slow scheduler is asked rarely

class WatchScreen {
 public:
  WatchScreen(const CommonOptions& options, std::optional<std::uint64_t> job)
      : connection_(options, Patience::none), fetch_(connection_.api(), data_), state_(job) {
    if (const auto endpoint = find_endpoint(options)) data_.server = endpoint->host + ":" + std::to_string(endpoint->port);
  }

  /// The first look, before the screen is taken: a job that does not exist is an error, not a screen.
  Status begin() {
    Status first = refresh();
    if (!first) return first;
    state_.settle(data_);
    return refresh();  // now it is known which job's tasks are to be shown
  }

  void run() {
    FullScreen screen;
    next_refresh_ = now() + kRefresh;
    while (!is_done_ && interrupts_seen() == 0 && !wants_to_leave()) {
      draw(screen);
      const auto bytes = screen.wait_for_keys(std::clamp<Duration>(next_refresh_ - now(), 0ms, has_partial_key_ ? kEscapeWait : 500ms));
      if (!bytes) return;
      if (take_stop()) screen.suspend();
      has_partial_key_ = bytes->ends_with('\x1b');
      for (const client::Key& key : bytes->empty() ? keys_.flush() : keys_.feed(*bytes)) on_key(key);
      if (now() >= next_refresh_) refresh_in_time();
    }
  }

  /// What is to be read after the screen has gone.
  void tell_last() const {
    if (!state_.only_job() || data_.jobs.empty()) return;
    const client::JobView& job = data_.jobs.front();
    const std::string id = std::to_string(job.id);
    print_line(client::show_counts(job) + (has_ended(job.state) ? "; " + std::string(to_string(job.state)) : ""));
    if (!has_ended(job.state)) notice("job " + id + " goes on; `stint watch " + id + "` comes back, `stint cancel " + id + "` ends it");
  }

 private:
  client::ScreenSize size() const { return {terminal_width(STDOUT_FILENO), terminal_height(STDOUT_FILENO)}; }

  Status refresh() { return fetch_.refresh(state_, client::share_rows(data_, state_, size()), now(), wall_now()); }

  void refresh_in_time() {
    const Instant begun = now();
    const Status fresh = refresh();
    data_.trouble = fresh ? "" : fresh.error().detail + "; trying again";
    state_.settle(data_);
    next_refresh_ = now() + std::max<Duration>(kRefresh, (now() - begun) * kShareOfTime);
  }

  void on_key(const client::Key& key) {
    const client::PaneRows rows = client::share_rows(data_, state_, size());
    const std::size_t page = state_.page() == client::WatchPage::overview ? rows.of(state_.pane()) : size().rows - 3;
    const std::string doomed = state_.doomed();
    switch (state_.on_key(key, data_, page)) {
      case client::WatchState::Action::quit: is_done_ = true; break;
      case client::WatchState::Action::cancel: cancel(doomed); [[fallthrough]];
      case client::WatchState::Action::refresh: next_refresh_ = std::min(next_refresh_, now() + kRefreshAfterKey); break;
      case client::WatchState::Action::none: break;
    }
  }

  void cancel(const std::string& what) {
    const std::size_t dot = what.find('.');
    const std::string body = dot == std::string::npos ? "{}" : "{\"task\":" + json_string(what.substr(dot + 1)) + "}";
    const auto done = connection_.api().post("/v1/jobs/" + what.substr(0, dot) + "/cancel", body, client::Api::Repeat::always);
    if (!done) data_.trouble = "not cancelled: " + done.error().detail;
  }

  void draw(FullScreen& screen) {
    const client::ScreenSize now_size = size();
    const client::Paint paint{has_color(STDOUT_FILENO), locale_charset()};
    std::vector<std::string> lines;
    for (const client::StyledLine& line : client::lay_out(data_, state_, now_size, paint.charset))
      lines.push_back(line.paint(paint, now_size.columns));
    screen.draw(lines);
  }

  Connection connection_;
  client::WatchData data_;
  client::WatchFetch fetch_;
  client::WatchState state_;
  client::KeyReader keys_;
  Instant next_refresh_{};
  bool has_partial_key_ = false;
  bool is_done_ = false;
};

}  // namespace

Status watch_on_screen(const CommonOptions& options, std::optional<std::uint64_t> job) {
  install_screen_handlers();
  WatchScreen screen(options, job);
  STINT_TRY_VOID(screen.begin());
  screen.run();
  screen.tell_last();
  return {};
}

}  // namespace stint::cli
