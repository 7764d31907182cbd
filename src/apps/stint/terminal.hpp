#pragma once

#include <termios.h>

#include <optional>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "client/glyphs.hpp"
#include "client/styled.hpp"

namespace stint::cli {

[[nodiscard]] bool is_terminal(int fd);
/// A terminal that takes commands: TERM is not dumb. What is drawn over and over goes there only.
[[nodiscard]] bool can_redraw(int fd);
/// Columns of the terminal behind `fd`; 80 if it does not say.
[[nodiscard]] std::size_t terminal_width(int fd);
[[nodiscard]] std::size_t terminal_height(int fd);
/// A terminal, NO_COLOR is not set, and TERM is not dumb.
[[nodiscard]] bool has_color(int fd);

enum class Color { red = 31, green = 32, yellow = 33, cyan = 36, gray = 90 };
/// `text` in a colour if `fd` shows colours.
[[nodiscard]] std::string colored(int fd, Color color, const std::string& text);

/// Some lines at the bottom of a terminal that are drawn over and over.
class LiveLines {
 public:
  explicit LiveLines(int fd) : fd_(fd) {}
  ~LiveLines() { clear(); }
  LiveLines(const LiveLines&) = delete;
  LiveLines& operator=(const LiveLines&) = delete;

  void draw(const std::vector<std::string>& lines);
  void clear();
  /// What is drawn stays; the next draw begins below it.
  void keep() { drawn_ = 0; }

 private:
  int fd_;
  std::size_t drawn_ = 0;
};

/// What the locale of the environment can show: LC_ALL, LC_CTYPE, LANG, as POSIX ranks them.
[[nodiscard]] client::Charset locale_charset();
/// How `fd` is written to.
[[nodiscard]] client::Paint paint_of(int fd);
/// `text` as it may be written to a terminal of this locale.
[[nodiscard]] std::string for_locale(const std::string& text);

/// The whole terminal, as pagers and editors take it: what was there before comes back at the end. Keys come one by one, unseen.
class FullScreen {
 public:
  FullScreen();
  ~FullScreen();
  FullScreen(const FullScreen&) = delete;
  FullScreen& operator=(const FullScreen&) = delete;

  /// At most as many lines as the terminal has; each no wider than it.
  void draw(const std::vector<std::string>& lines);
  /// Bytes of keys, when some come within `timeout`, which a signal cuts short. Nothing when the terminal has gone.
  [[nodiscard]] std::optional<std::string> wait_for_keys(Duration timeout);
  /// Gives the terminal back, stops this process as Ctrl-Z does, and takes the terminal again when it goes on.
  void suspend();

 private:
  void enter();
  void leave();

  termios before_{};
  bool has_keys_ = false;
};

}  // namespace stint::cli
