#include "sim/app/scenario_command.hpp"

#include <boost/json.hpp>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <vector>

#include "sim/scenario/scenario.hpp"

namespace stint::sim {
namespace {

namespace json = boost::json;

enum Exit { kAsExpected = 0, kOtherwise = 1, kUnreadable = 2 };

json::array to_array(const std::vector<std::string>& texts) {
  json::array array;
  for (const auto& text : texts) array.emplace_back(text);
  return array;
}

}  // namespace

int play_scenario(const std::string& path, bool as_json) {
  std::ifstream file;
  if (path != "-") file.open(path);
  std::istream& in = path == "-" ? std::cin : file;
  if (!in) {
    std::fprintf(stderr, "stint-sim: %s cannot be read\n", path.c_str());
    return kUnreadable;
  }
  std::vector<std::string> timeline;
  scenario::Scenario scenario([&](const std::string& line) {
    if (as_json) {
      timeline.push_back(line);
    } else {
      std::printf("%s\n", line.c_str());
    }
  });
  for (std::string line; std::getline(in, line);)
    if (const auto played = scenario.play(line); !played) {
      scenario.finish();
      std::fflush(stdout);
      std::fprintf(stderr, "stint-sim: %s: %s\n", path.c_str(), played.error().detail.c_str());
      return kUnreadable;
    }
  scenario.finish();
  if (as_json) {
    const json::object report{{"schema", "stint.scenario/1"},
                              {"timeline", to_array(timeline)},
                              {"expectations", scenario.expectations()},
                              {"failures", to_array(scenario.failures())}};
    std::printf("%s\n", json::serialize(report).c_str());
  }
  for (const auto& failure : scenario.failures()) std::fprintf(as_json ? stderr : stdout, "not so: %s\n", failure.c_str());
  return scenario.failures().empty() ? kAsExpected : kOtherwise;
}

}  // namespace stint::sim
