#include "adapters/config/scheduler_config.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

namespace stint::config {
namespace {

ConfigReader read(std::string_view text) {
  ConfigReader reader;
  reader.read_file(text, "stint.toml");
  return reader;
}

/// `line:column key: detail` of the only problem.
std::string problem_of(std::string_view text) {
  const ConfigReader reader = read(text);
  if (reader.problems().size() != 1) return std::to_string(reader.problems().size()) + " problems";
  const ConfigProblem& problem = reader.problems()[0];
  return std::to_string(problem.line) + ":" + std::to_string(problem.column) + " " + problem.key + ": " + problem.detail;
}

std::string origin_of(const ConfigReader& reader, std::string_view key) {
  for (const ConfigSetting& setting : reader.settings())
    if (setting.key == key) return setting.value + " from " + setting.origin;
  return "no such setting";
}

TEST(SchedulerConfig, TheDefaultFileSaysTheDefaults) {
  const ConfigReader reader = read(default_config_file());
  for (const ConfigProblem& problem : reader.problems()) ADD_FAILURE() << problem.line << ": " << problem.detail;
  EXPECT_EQ(reader.config(), SchedulerConfig{});
  EXPECT_FALSE(reader.is_default("retention.logs.size"));
}

TEST(SchedulerConfig, TheExampleInTheRepositoryIsTheDefaultFile) {
  std::ifstream file(std::string(STINT_SOURCE_DIR) + "/packaging/stint.toml");
  std::ostringstream text;
  text << file.rdbuf();
  EXPECT_EQ(text.str(), default_config_file()) << "write it anew: stint scheduler check-config --print-defaults > packaging/stint.toml";
}

TEST(SchedulerConfig, AFileChangesWhatItNamesAndSaysWhere) {
  const ConfigReader reader = read(
      "[scheduler]\nlisten = \"127.0.0.1:9\"\n\n[retention.jobs]\nage = \"36h\"\ncount = 1_000\n"
      "[retention.logs]\nsize = 2097152\nage = 0\n");
  EXPECT_TRUE(reader.problems().empty());
  EXPECT_EQ(reader.config().jobs_age, std::chrono::hours{36});
  EXPECT_EQ(reader.config().logs_size, 2097152u);
  EXPECT_EQ(reader.config().logs_age, Duration{0});
  EXPECT_EQ(origin_of(reader, "scheduler.listen"), "\"127.0.0.1:9\" from stint.toml:2");
  EXPECT_EQ(origin_of(reader, "retention.jobs.age"), "\"36h\" from stint.toml:5");
  EXPECT_EQ(origin_of(reader, "retention.jobs.count"), "1000 from stint.toml:6");
  EXPECT_EQ(origin_of(reader, "retention.logs.size"), "\"2Mi\" from stint.toml:8");
  EXPECT_EQ(origin_of(reader, "log.level"), "\"info\" from default");
}

TEST(SchedulerConfig, WhatOutranksTheFileIsNamed) {
  ConfigReader reader = read("[log]\nlevel = \"warn\"\n");
  reader.set("log.level", "error", "--log-level");
  EXPECT_EQ(origin_of(reader, "log.level"), "\"error\" from --log-level");
  reader.set("log.level", "loud", "--log-level");
  ASSERT_EQ(reader.problems().size(), 1u);
  EXPECT_EQ(reader.problems()[0].detail, "--log-level: \"loud\" is none of debug, info, warn, error");
}

TEST(SchedulerConfig, EveryMistakeHasItsPlaceAndItsRemedy) {
  EXPECT_EQ(problem_of("[scheduler]\nlisten = 7464\n"), "2:10 scheduler.listen: expected a text in quotes, got a number");
  EXPECT_EQ(problem_of("[scheduler]\n  lisen = \"x\"\n"),
            "2:3 scheduler.lisen: unknown key `lisen` in [scheduler]; did you mean \"listen\"?");
  EXPECT_EQ(problem_of("[retension.jobs]\nage = \"1d\"\n"), "1:2 retension: unknown section [retension]; did you mean \"retention\"?");
  EXPECT_EQ(problem_of("[log]\ncolour = true\n"), "2:1 log.colour: unknown key `colour`; known in [log]: level");
  EXPECT_EQ(problem_of("[log]\nlevel = \"wran\"\n"), "2:9 log.level: \"wran\" is none of debug, info, warn, error; did you mean \"warn\"?");
  EXPECT_EQ(problem_of("[scheduler]\nfixed_port = \"yes\"\n"), "2:14 scheduler.fixed_port: expected true or false, got a text");
  EXPECT_EQ(problem_of("[retention.jobs]\nage = 30\n"),
            "2:7 retention.jobs.age: expected a duration in quotes such as \"90s\", \"2h\" or \"30d\", got a number");
  EXPECT_EQ(problem_of("[retention.jobs]\ncount = -1\n"), "2:9 retention.jobs.count: -1 is out of range: it may not be negative");
  EXPECT_EQ(problem_of("[retention.events]\ncount = 7\n"), "2:9 retention.events.count: 7 is out of range: from 1000, or 0 for no limit");
  EXPECT_EQ(problem_of("[scheduler]\nheartbeat = \"5m\"\n"), "2:13 scheduler.heartbeat: 5m is out of range: from 1s to 30s");
  EXPECT_EQ(problem_of("[retention.logs]\nsize = [1]\n"),
            "2:8 retention.logs.size: expected one plain value, got a list, a table, a fraction or a date");
  EXPECT_EQ(problem_of("retention = 3\n"), "1:1 retention: `retention` is a section: write [retention] above its settings");
}

TEST(SchedulerConfig, ASyntaxErrorIsTheOnlyProblem) {
  EXPECT_EQ(problem_of("[scheduler]\nlisten = \n").substr(0, 4), "2:10");
  EXPECT_EQ(problem_of("[log]\nlevel = \"info\"\nlevel = \"warn\"\n").substr(0, 2), "3:");
}

TEST(SchedulerConfig, AllProblemsOfAFileComeAtOnceInOrder) {
  const ConfigReader reader = read("[log]\nlevel = 3\n[scheduler]\nfoo = 1\nheartbeat = \"1h\"\n");
  std::vector<std::uint32_t> lines;
  for (const ConfigProblem& problem : reader.problems()) lines.push_back(problem.line);
  EXPECT_EQ(lines, (std::vector<std::uint32_t>{2, 4, 5}));
  EXPECT_EQ(reader.config(), SchedulerConfig{}) << "what is wrong keeps its default";
}

TEST(SchedulerConfig, WhatOnlyShowsTogetherIsCheckedAtTheEnd) {
  for (const auto& [text, problems] : {std::pair{"[scheduler]\nlisten = \"0.0.0.0:7464\"\n", 0U},
                                       {"[scheduler]\nadvertise = \"cell.example:7464\"\n", 0U},
                                       {"[scheduler]\nadvertise = \"cell.example\"\n", 1U},
                                       {"[tls]\ncertificate = \"/a.crt\"\nkey = \"/a.key\"\n", 0U},
                                       {"[tls]\ncertificate = \"/a.crt\"\n", 1U},
                                       {"[tls]\nkey = \"/a.key\"\n", 1U},
                                       {"[scheduler]\nlisten = \"[::1]:0\"\n", 0U},
                                       {"[scheduler]\nlisten = \"nowhere\"\n", 1U},
                                       {"[scheduler]\nlisten = \"127.0.0.1:70000\"\n", 1U},
                                       {"[scheduler]\nstate_dir = \"var/lib\"\n", 1U}}) {
    ConfigReader reader = read(text);
    reader.check_together();
    EXPECT_EQ(reader.problems().size(), problems) << text;
  }
}

}  // namespace
}  // namespace stint::config
