#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "client/glyphs.hpp"

namespace stint::client {

/// The values of one metric over a whole run in bounded memory: when it is full, neighbours become their mean.
class Series {
 public:
  void add(double value);
  [[nodiscard]] bool is_empty() const { return values_.empty(); }
  /// Oldest first. The last may stand for fewer readings than the others.
  [[nodiscard]] const std::vector<double>& values() const { return values_; }
  [[nodiscard]] double latest() const { return latest_; }
  [[nodiscard]] double least() const { return least_; }
  [[nodiscard]] double greatest() const { return greatest_; }

 private:
  std::vector<double> values_;
  std::size_t readings_each_ = 1;
  std::size_t readings_in_last_ = 0;
  double latest_ = 0, least_ = 0, greatest_ = 0;
};

/// One line: the height of each character is the mean of the values that fall on it, between the least and the greatest shown.
/// `▁▂▃▅▇█`, or `_.-=*#` in ASCII. No value: empty. Fewer values than characters: as many characters as values.
[[nodiscard]] std::string show_curve(const std::vector<double>& values, std::size_t width, Charset charset);

/// `height` lines of braille points (2 x 4 in each character), the value against its place; in ASCII one `*` a column. Each line `width`
/// columns.
[[nodiscard]] std::vector<std::string> show_graph(const std::vector<double>& values, std::size_t width, std::size_t height,
                                                  Charset charset);

/// `0.213`, `1.2e+06`: four digits.
[[nodiscard]] std::string show_number(double value);

}  // namespace stint::client
