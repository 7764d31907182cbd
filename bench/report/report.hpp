#pragma once

#include <boost/json.hpp>
#include <iosfwd>
#include <string>
#include <vector>

namespace stint::bench {

/// A promise and what was measured. `op` is "<=", ">=" or "==".
struct Bar {
  std::string name;
  double value = 0;
  std::string op;
  double limit = 0;

  [[nodiscard]] bool pass() const;
};

/// What every benchmark prints: the schema "stint.bench/1", or the same as text.
struct Report {
  std::string bench;
  int rounds = 0;
  boost::json::object notes = {};               ///< how it was measured; printed beside the rows
  std::vector<boost::json::object> rows = {};   ///< all with the same fields, in the order of the first
  std::vector<Bar> bars = {};
  std::vector<std::string> skipped = {};        ///< peers or measurements that this machine lacks, by name and reason
  bool peer_missing = false;               ///< a bar could not be judged

  [[nodiscard]] bool pass() const;
  /// 0 the bars are met, 1 not, 77 a bar's peer is missing.
  [[nodiscard]] int exit_status() const;
};

[[nodiscard]] boost::json::object to_json(const Report& report);
void print_text(const Report& report, std::ostream& out);
/// Prints in the form asked for and returns the exit status.
int print(const Report& report, bool json, std::ostream& out);

/// cpu, cores, sha_ni, kernel and the type of the file system under the current directory.
[[nodiscard]] boost::json::object machine_facts();

/// Not empty; of an even number, the mean of the middle two.
[[nodiscard]] double median(std::vector<double> values);
/// The value that this part of all values (0 … 1) does not exceed: the nearest rank, never one that was not measured. Not empty.
[[nodiscard]] double percentile(std::vector<double> values, double part);

}  // namespace stint::bench
