#include "apps/stint/terminal.hpp"

#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <csignal>

#include "apps/stint/files.hpp"
#include "apps/stint/report.hpp"

namespace stint::cli {

bool is_terminal(int fd) { return ::isatty(fd) == 1; }
bool can_redraw(int fd) { return is_terminal(fd) && environment("TERM") != "dumb"; }

static winsize size_of(int fd) {
  winsize size{};
  if (::ioctl(fd, TIOCGWINSZ, &size) != 0) size = {};
  return size;
}
std::size_t terminal_width(int fd) {
  const std::size_t columns = size_of(fd).ws_col;
  return columns > 0 ? columns : 80;
}
std::size_t terminal_height(int fd) {
  const std::size_t rows = size_of(fd).ws_row;
  return rows > 0 ? rows : 24;
}

bool has_color(int fd) { return can_redraw(fd) && environment("NO_COLOR").empty(); }

std::string colored(int fd, Color color, const std::string& text) {
  return has_color(fd) ? "\x1b[" + std::to_string(static_cast<int>(color)) + "m" + text + "\x1b[0m" : text;
}

void LiveLines::draw(const std::vector<std::string>& lines) {
  std::string bytes;
  if (drawn_ > 0) bytes += "\x1b[" + std::to_string(drawn_) + "A";
  for (const std::string& line : lines) bytes += "\r" + for_locale(line) + "\x1b[K\n";
  bytes += "\x1b[J";  // fewer lines than before: the rest goes
  write_all(fd_, bytes);
  drawn_ = lines.size();
}

void LiveLines::clear() {
  if (drawn_ > 0) draw({});
  drawn_ = 0;
}

client::Charset locale_charset() {
  std::string locale = environment("LC_ALL");
  if (locale.empty()) locale = environment("LC_CTYPE");
  if (locale.empty()) locale = environment("LANG");
  for (char& c : locale) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  const bool is_utf8 = locale.find("utf-8") != std::string::npos || locale.find("utf8") != std::string::npos;
  return is_utf8 ? client::Charset::utf8 : client::Charset::ascii;
}

client::Paint paint_of(int fd) { return {has_color(fd), is_terminal(fd) ? locale_charset() : client::Charset::utf8}; }

std::string for_locale(const std::string& text) { return locale_charset() == client::Charset::utf8 ? text : client::to_ascii(text); }

FullScreen::FullScreen() {
  has_keys_ = ::tcgetattr(STDIN_FILENO, &before_) == 0;
  enter();
}

FullScreen::~FullScreen() { leave(); }

void FullScreen::enter() {
  write_all(STDOUT_FILENO, "\x1b[?1049h\x1b[?25l");  // the other screen, without a cursor
  if (!has_keys_) return;
  termios keys = before_;
  keys.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
  keys.c_cc[VMIN] = 1;
  keys.c_cc[VTIME] = 0;
  ::tcsetattr(STDIN_FILENO, TCSANOW, &keys);
}

void FullScreen::leave() {
  if (has_keys_) ::tcsetattr(STDIN_FILENO, TCSANOW, &before_);
  write_all(STDOUT_FILENO, "\x1b[?25h\x1b[?1049l");
}

void FullScreen::suspend() {
  leave();
  ::raise(SIGSTOP);
  enter();
}

void FullScreen::draw(const std::vector<std::string>& lines) {
  std::string bytes = "\x1b[H";
  for (std::size_t i = 0; i < lines.size(); ++i) bytes += (i > 0 ? "\r\n" : "") + lines[i] + "\x1b[K";
  write_all(STDOUT_FILENO, bytes + "\x1b[J");
}

std::optional<std::string> FullScreen::wait_for_keys(Duration timeout) {
  pollfd keys{has_keys_ ? STDIN_FILENO : -1, POLLIN, 0};  // -1 only waits
  const int ready = ::poll(&keys, 1, static_cast<int>(std::max<std::int64_t>(0, to_ms(timeout))));
  if (ready <= 0) return std::string();
  std::array<char, 256> bytes{};
  const ssize_t count = ::read(STDIN_FILENO, bytes.data(), bytes.size());
  if (count < 0 && errno == EINTR) return std::string();
  if (count <= 0) return std::nullopt;
  return std::string(bytes.data(), static_cast<std::size_t>(count));
}

}  // namespace stint::cli
