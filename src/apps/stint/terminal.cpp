#include "apps/stint/terminal.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include "apps/stint/files.hpp"
#include "apps/stint/report.hpp"

namespace stint::cli {

bool is_terminal(int fd) { return ::isatty(fd) == 1; }

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

bool has_color(int fd) { return is_terminal(fd) && environment("NO_COLOR").empty() && environment("TERM") != "dumb"; }

std::string colored(int fd, Color color, const std::string& text) {
  return has_color(fd) ? "\x1b[" + std::to_string(static_cast<int>(color)) + "m" + text + "\x1b[0m" : text;
}

void LiveLines::draw(const std::vector<std::string>& lines) {
  std::string bytes;
  if (drawn_ > 0) bytes += "\x1b[" + std::to_string(drawn_) + "A";
  for (const std::string& line : lines) bytes += "\r" + line + "\x1b[K\n";
  bytes += "\x1b[J";  // fewer lines than before: the rest goes
  write_all(fd_, bytes);
  drawn_ = lines.size();
}

void LiveLines::clear() {
  if (drawn_ > 0) draw({});
  drawn_ = 0;
}

FullScreen::FullScreen() {
  write_all(STDOUT_FILENO, "\x1b[?1049h\x1b[?25l");  // the other screen, without a cursor
  has_keys_ = ::tcgetattr(STDIN_FILENO, &before_) == 0;
  if (!has_keys_) return;
  termios keys = before_;
  keys.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
  keys.c_cc[VMIN] = 0;  // reads answer at once
  keys.c_cc[VTIME] = 0;
  ::tcsetattr(STDIN_FILENO, TCSANOW, &keys);
}

FullScreen::~FullScreen() {
  if (has_keys_) ::tcsetattr(STDIN_FILENO, TCSANOW, &before_);
  write_all(STDOUT_FILENO, "\x1b[?25h\x1b[?1049l");
}

void FullScreen::draw(const std::vector<std::string>& lines) {
  std::string bytes = "\x1b[H";
  for (std::size_t i = 0; i < lines.size(); ++i) bytes += (i > 0 ? "\r\n" : "") + lines[i] + "\x1b[K";
  write_all(STDOUT_FILENO, bytes + "\x1b[J");
}

char FullScreen::take_key() {
  char key = 0;
  return has_keys_ && ::read(STDIN_FILENO, &key, 1) == 1 ? key : '\0';
}

}  // namespace stint::cli
