#include "client/styled.hpp"

#include "client/text.hpp"

namespace stint::client {
namespace {

std::string_view command_of(Style style) {
  switch (style) {
    case Style::plain: return "";
    case Style::bold: return "\x1b[1m";
    case Style::dim: return "\x1b[90m";
    case Style::red: return "\x1b[31m";
    case Style::green: return "\x1b[32m";
    case Style::yellow: return "\x1b[33m";
    case Style::cyan: return "\x1b[36m";
    case Style::chosen: return "\x1b[7m";
  }
  return "";
}

/// Without colours only what is chosen is marked: reverse video is no colour.
bool is_shown(Style style, const Paint& paint) { return style == Style::chosen || (paint.has_color && style != Style::plain); }

}  // namespace

StyledLine& StyledLine::add(std::string_view text, Style style) {
  pieces_.push_back({printable(text), style});
  width_ += display_width(pieces_.back().text);
  return *this;
}

StyledLine& StyledLine::add(const StyledLine& line) {
  pieces_.insert(pieces_.end(), line.pieces_.begin(), line.pieces_.end());
  width_ += line.width_;
  return *this;
}

StyledLine& StyledLine::pad_to(std::size_t column) { return width_ < column ? add(std::string(column - width_, ' ')) : *this; }

StyledLine StyledLine::restyled(Style style) const {
  StyledLine line;
  line.pieces_.push_back({text(), style});
  line.width_ = width_;
  return line;
}

std::string StyledLine::text() const {
  std::string all;
  for (const Piece& piece : pieces_) all += piece.text;
  return all;
}

std::string StyledLine::paint(const Paint& paint, std::size_t width) const {
  std::string bytes;
  std::size_t left = width;
  for (const Piece& piece : pieces_) {
    if (left == 0) break;
    std::string text = shorten(piece.text, left);
    left -= display_width(text);
    if (paint.charset == Charset::ascii) text = to_ascii(text);
    if (text.empty()) continue;
    bytes += is_shown(piece.style, paint) ? std::string(command_of(piece.style)) + text + "\x1b[0m" : text;
  }
  return bytes;
}

}  // namespace stint::client
