#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "client/glyphs.hpp"

namespace stint::client {

enum class Style { plain, bold, dim, red, green, yellow, cyan, chosen };

/// How a terminal is written to.
struct Paint {
  bool has_color = true;
  Charset charset = Charset::utf8;
};

/// One line of a screen: pieces of text, each in a style, as long as there is room.
class StyledLine {
 public:
  StyledLine() = default;
  explicit StyledLine(std::string_view text, Style style = Style::plain) { add(text, style); }

  /// Shown as printable() shows it.
  StyledLine& add(std::string_view text, Style style = Style::plain);
  StyledLine& add(const StyledLine& line);
  /// Spaces up to this column.
  StyledLine& pad_to(std::size_t column);
  [[nodiscard]] std::size_t width() const { return width_; }
  /// The whole line in another style, as the chosen row of a list is.
  [[nodiscard]] StyledLine restyled(Style style) const;
  [[nodiscard]] std::string text() const;
  /// With the terminal's commands, cut to `width` columns.
  [[nodiscard]] std::string paint(const Paint& paint, std::size_t width) const;

 private:
  struct Piece {
    std::string text;
    Style style;
  };
  std::vector<Piece> pieces_;
  std::size_t width_ = 0;
};

}  // namespace stint::client
