#include "client/curve.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <string_view>

namespace stint::client {
namespace {

constexpr std::size_t kValuesMax = 512;  // of a series: more than any terminal has columns of points

/// At most `count` means of equal shares of `values`; not more than there are values.
std::vector<double> resample(const std::vector<double>& values, std::size_t count) {
  count = std::min(count, values.size());
  std::vector<double> means;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t begin = i * values.size() / count, end = (i + 1) * values.size() / count;
    double sum = 0;
    for (std::size_t j = begin; j < end; ++j) sum += values[j];
    means.push_back(sum / static_cast<double>(end - begin));
  }
  return means;
}

/// As many values as asked for, on the straight lines between those there are: a short run's curve is as wide as a long one's.
std::vector<double> stretch(const std::vector<double>& values, std::size_t count) {
  if (values.size() < 2 || values.size() >= count) return resample(values, count);
  std::vector<double> points;
  for (std::size_t i = 0; i < count; ++i) {
    const double at = static_cast<double>(i) * static_cast<double>(values.size() - 1) / static_cast<double>(count - 1);
    const std::size_t left = std::min(static_cast<std::size_t>(at), values.size() - 2);
    points.push_back(values[left] + (values[left + 1] - values[left]) * (at - static_cast<double>(left)));
  }
  return points;
}

/// 0..steps-1 between the least and the greatest; in the middle when all are the same.
std::vector<std::size_t> to_steps(const std::vector<double>& values, std::size_t steps) {
  std::vector<std::size_t> result;
  if (values.empty()) return result;
  const auto [least, greatest] = std::minmax_element(values.begin(), values.end());
  const double span = *greatest - *least;
  for (const double value : values) {
    const double share = span > 0 ? (value - *least) / span : 0.5;
    result.push_back(std::min(steps - 1, static_cast<std::size_t>(share * static_cast<double>(steps))));
  }
  return result;
}

/// U+2800 and the bits of its points.
std::string braille(std::uint8_t points) {
  std::string text = "\xE2\xA0\x80";
  text[1] = static_cast<char>(static_cast<unsigned char>(text[1]) | points >> 6);
  text[2] = static_cast<char>(static_cast<unsigned char>(text[2]) | (points & 0x3F));
  return text;
}

/// Bit of a point by column (0, 1) and row from the top (0..3). Source: Unicode, Braille Patterns: dots 1 2 3 7, 4 5 6 8.
constexpr std::array<std::array<std::uint8_t, 4>, 2> kPoint{{{0x01, 0x02, 0x04, 0x40}, {0x08, 0x10, 0x20, 0x80}}};

std::vector<std::string> braille_graph(const std::vector<std::size_t>& steps, std::size_t width, std::size_t height) {
  std::vector<std::vector<std::uint8_t>> cells(height, std::vector<std::uint8_t>(width, 0));
  std::size_t before = steps.empty() ? 0 : steps.front();
  for (std::size_t x = 0; x < steps.size(); ++x) {
    const std::size_t low = std::min(before, steps[x]), high = std::max(before, steps[x]);
    // A jump is drawn as an upright line, so that the curve hangs together.
    for (std::size_t y = steps[x] > low ? low + 1 : low; y <= (steps[x] < high ? high - 1 : high); ++y) {
      const std::size_t row = height * 4 - 1 - y;
      cells[row / 4][x / 2] = static_cast<std::uint8_t>(cells[row / 4][x / 2] | kPoint.at(x % 2).at(row % 4));
    }
    before = steps[x];
  }
  std::vector<std::string> lines;
  for (const auto& row : cells) {
    std::string& line = lines.emplace_back();
    for (const std::uint8_t points : row) line += points == 0 ? " " : braille(points);
  }
  return lines;
}

}  // namespace

void Series::add(double value) {
  if (!std::isfinite(value)) return;
  least_ = values_.empty() ? value : std::min(least_, value);
  greatest_ = values_.empty() ? value : std::max(greatest_, value);
  latest_ = value;
  if (values_.empty() || readings_in_last_ == readings_each_) {
    if (values_.size() == kValuesMax) {
      for (std::size_t i = 0; i < kValuesMax / 2; ++i) values_[i] = (values_[2 * i] + values_[2 * i + 1]) / 2;
      values_.resize(kValuesMax / 2);
      readings_each_ *= 2;
    }
    values_.push_back(value);
    readings_in_last_ = 1;
    return;
  }
  ++readings_in_last_;
  values_.back() += (value - values_.back()) / static_cast<double>(readings_in_last_);
}

std::string show_curve(const std::vector<double>& values, std::size_t width, Charset charset) {
  static constexpr std::array<std::string_view, 8> kBlocks{"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  static constexpr std::array<std::string_view, 6> kMarks{"_", ".", "-", "=", "*", "#"};
  const bool is_ascii = charset == Charset::ascii;
  std::string text;
  for (const std::size_t step : to_steps(resample(values, width), is_ascii ? kMarks.size() : kBlocks.size()))
    text += is_ascii ? kMarks.at(step) : kBlocks.at(step);
  return text;
}

std::vector<std::string> show_graph(const std::vector<double>& values, std::size_t width, std::size_t height, Charset charset) {
  if (charset == Charset::utf8) return braille_graph(to_steps(stretch(values, width * 2), height * 4), width, height);
  std::vector<std::string> lines(height, std::string(width, ' '));
  const auto steps = to_steps(stretch(values, width), height);
  for (std::size_t x = 0; x < steps.size(); ++x) lines[height - 1 - steps[x]][x] = '*';
  return lines;
}

std::string show_number(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.4g", value);
  return text.data();
}

}  // namespace stint::client
