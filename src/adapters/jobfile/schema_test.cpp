#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <fstream>
#include <set>
#include <sstream>

#include "adapters/jobfile/job_file.hpp"
#include "adapters/jobfile/keys.hpp"
#include "adapters/jobfile/shapes.hpp"

namespace stint::adapters {
namespace {

namespace json = boost::json;
using Keys = std::set<std::string, std::less<>>;

const json::object& schema() {
  static const json::value kSchema = [] {
    std::ifstream stream(STINT_SOURCE_DIR "/schema/job.schema.json");
    std::ostringstream text;
    text << stream.rdbuf();
    return json::parse(text.str());
  }();
  return kSchema.as_object();
}

Keys properties_of(const json::value& object) {
  EXPECT_FALSE(object.at("additionalProperties").as_bool()) << "an unknown key is an error";
  Keys keys;
  for (const auto& item : object.at("properties").as_object()) keys.emplace(item.key());
  return keys;
}
const json::value& definition(const char* name) { return schema().at("$defs").at(name); }
Keys known(const keys::Words& words) { return {words.begin(), words.end()}; }

// YamlMap asserts that the reader asks for exactly the words of its tables (yaml_map.cpp), so the tables stand for the reader.
TEST(JobSchema, HasTheKeysOfTheReaderAndNoOthers) {
  EXPECT_EQ(properties_of(schema()), known(keys::words(keys::kJob, keys::kShared, keys::kTask)));
  EXPECT_EQ(properties_of(definition("task")), known(keys::words(keys::kShared, keys::kTask)));
  EXPECT_EQ(properties_of(definition("resources")), known(keys::words(keys::kResources)));
  EXPECT_EQ(properties_of(definition("each")), known(keys::words(keys::kEach)));
  EXPECT_EQ(properties_of(definition("from_job")), known(keys::words(keys::kFromJob)));
  EXPECT_EQ(properties_of(definition("need").at("anyOf").at(1)), known(keys::words(keys::kNeed)));
  const json::value& task = definition("task").at("properties");
  EXPECT_EQ(properties_of(task.at("collect")), known(keys::words(keys::kCollect)));
  EXPECT_EQ(properties_of(task.at("on_disconnect").at("anyOf").at(1)), known(keys::words(keys::kPolicy)));
}

TEST(JobSchema, DescribesEveryKey) {
  for (const auto& item : definition("task").at("properties").as_object()) {
    const auto& value = item.value().as_object();
    EXPECT_TRUE(value.contains("description") || value.contains("$ref")) << item.key();
  }
}

TEST(JobShapes, AreValid) {
  EXPECT_EQ(job_shapes().size(), 6U);
  for (const JobShape& shape : job_shapes())
    for (const auto& problem : parse_job_file(shape.yaml).problems) ADD_FAILURE() << show_remark(shape.name, problem);
}

}  // namespace
}  // namespace stint::adapters
