#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/resources.hpp"
#include "base/time.hpp"
#include "client/styled.hpp"
#include "client/views.hpp"

/// How amounts, times and tables look in a terminal.
namespace stint::client {

/// `0.4s`, `12s`, `3m05s`, `2h07m`, `4d03h`.
[[nodiscard]] std::string show_duration(Duration duration);
/// `0`, `512Ki`, `1.5Gi`: the largest binary unit that leaves at least 1, at most one decimal.
[[nodiscard]] std::string show_bytes(std::int64_t bytes);
/// `4`, `0.5`, `1.25` cores.
[[nodiscard]] std::string show_cpu(std::int64_t millis);
/// `4 CPU, 8Gi, 1 GPU`; what is zero is left out.
[[nodiscard]] std::string show_resources(const Resources& resources);
/// `2026-11-22 08:40:00` of an RFC 3339 time; `-` for none.
[[nodiscard]] std::string show_time(std::string_view rfc3339);
/// `just now`, `42s ago`, `3h05m ago`; `-` for none.
[[nodiscard]] std::string show_ago(std::string_view rfc3339, UnixMillis now);
/// The colours of states of jobs, tasks and agents.
[[nodiscard]] Style style_of_state(std::string_view word);
/// `exit 3`, `signal 9`, `timeout`, `cancelled`; empty for a task that completed or has not ended.
[[nodiscard]] std::string show_end(const Outcome& outcome);
/// The same with what is known beyond it: `exit 3`, `lost: the keeper died`, `timed out after 2s`.
[[nodiscard]] std::string show_failure(const TaskView& task);
/// `3/10, 2 running, 1 failed`.
[[nodiscard]] std::string show_counts(const TaskCounts& tasks);
/// `[=====>    ]`; `width` counts the brackets; fraction is clamped to 0..1.
[[nodiscard]] std::string show_bar(double fraction, std::size_t width);

/// Columns of a terminal, not bytes.
[[nodiscard]] std::size_t display_width(std::string_view text);
/// `text` in at most `width` columns, ended by `…` if something was cut.
[[nodiscard]] std::string shorten(std::string_view text, std::size_t width);

enum class Align { left, right };

/// Columns as wide as their widest cell, two spaces apart, nothing after the last.
class Table {
 public:
  struct Column {
    std::string title;
    Align align = Align::left;
    Style (*style_of)(std::string_view cell) = nullptr;
    bool is_optional = false;  ///< left out where no row has anything in it
  };
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}
  /// As many cells as columns; shown as printable() shows them.
  void add(std::vector<std::string> cells);
  [[nodiscard]] bool is_empty() const { return rows_.empty(); }
  [[nodiscard]] std::string render() const;
  /// For a terminal.
  [[nodiscard]] std::string render(const Paint& paint) const;

 private:
  [[nodiscard]] std::vector<std::size_t> shown_columns() const;

  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace stint::client
