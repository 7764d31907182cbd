#include "bench/report/report.hpp"

#include <algorithm>
#include <cmath>
#include <iomanip>
#include <ostream>
#include <sstream>

#include "base/assert.hpp"
#include "bench_commit.hpp"

namespace stint::bench {
namespace {

namespace json = boost::json;

json::object to_json(const Bar& bar) {
  return {{"name", bar.name}, {"value", bar.value}, {"op", bar.op}, {"limit", bar.limit}, {"pass", bar.pass()}};
}

std::string cell(const json::value& value) {
  if (value.is_string()) return std::string(value.as_string());
  if (value.is_null()) return "-";
  if (!value.is_double()) return json::serialize(value);
  std::ostringstream out;
  out << std::setprecision(4) << value.as_double();
  return out.str();
}

void print_row(const std::vector<std::string>& cells, const std::vector<std::size_t>& widths, std::ostream& out) {
  for (std::size_t i = 0; i < cells.size(); ++i) {
    out << (i == 0 ? "" : "  ") << (i == 0 ? std::left : std::right) << std::setw(static_cast<int>(widths[i])) << cells[i];
  }
  out << std::right << '\n';
}

void print_table(const std::vector<json::object>& rows, std::ostream& out) {
  if (rows.empty()) return;
  std::vector<std::vector<std::string>> table(1);
  for (const auto& field : rows.front()) table.front().emplace_back(field.key());
  for (const auto& row : rows) {
    table.emplace_back();
    for (const auto& name : table.front()) table.back().push_back(row.contains(name) ? cell(row.at(name)) : "-");
  }
  std::vector<std::size_t> widths(table.front().size(), 0);
  for (const auto& line : table) {
    for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], line[i].size());
  }
  for (const auto& line : table) print_row(line, widths, out);
}

}  // namespace

bool Bar::pass() const {
  if (op == "<=") return value <= limit;
  if (op == ">=") return value >= limit;
  STINT_ASSERT(op == "==");
  return !(value < limit) && !(limit < value);
}

bool Report::pass() const {
  return !peer_missing && std::all_of(bars.begin(), bars.end(), [](const Bar& bar) { return bar.pass(); });
}

int Report::exit_status() const {
  if (std::any_of(bars.begin(), bars.end(), [](const Bar& bar) { return !bar.pass(); })) return 1;
  return peer_missing ? 77 : 0;
}

json::object to_json(const Report& report) {
  json::array rows, bars, skipped;
  for (const auto& row : report.rows) rows.push_back(row);
  for (const auto& bar : report.bars) bars.push_back(to_json(bar));
  for (const auto& name : report.skipped) skipped.push_back(json::value(name));
  return {{"schema", "stint.bench/1"},  {"bench", report.bench},         {"version", STINT_VERSION}, {"commit", STINT_BENCH_COMMIT},
          {"machine", machine_facts()}, {"rounds", report.rounds},       {"notes", report.notes},    {"rows", std::move(rows)},
          {"bars", std::move(bars)},    {"skipped", std::move(skipped)}, {"pass", report.pass()}};
}

void print_text(const Report& report, std::ostream& out) {
  out << report.bench << ", median of " << report.rounds << " interleaved rounds, " << STINT_VERSION << " (" << STINT_BENCH_COMMIT
      << ")\n\n";
  print_table(report.rows, out);
  out << '\n';
  for (const auto& note : report.notes) out << note.key() << ": " << cell(note.value()) << '\n';
  for (const auto& name : report.skipped) out << "skipped: " << name << '\n';
  for (const auto& bar : report.bars) {
    out << (bar.pass() ? "ok    " : "MISS  ") << bar.name << ": " << std::setprecision(4) << bar.value << ' ' << bar.op << ' ' << bar.limit
        << '\n';
  }
}

int print(const Report& report, bool json, std::ostream& out) {
  if (json) {
    out << json::serialize(to_json(report)) << '\n';
  } else {
    print_text(report, out);
  }
  return report.exit_status();
}

double median(std::vector<double> values) {
  STINT_ASSERT(!values.empty());
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

double percentile(std::vector<double> values, double part) {
  STINT_ASSERT(!values.empty() && part >= 0 && part <= 1);
  std::sort(values.begin(), values.end());
  const auto rank = static_cast<std::size_t>(std::ceil(part * static_cast<double>(values.size())));
  return values[std::max<std::size_t>(rank, 1) - 1];
}

}  // namespace stint::bench
