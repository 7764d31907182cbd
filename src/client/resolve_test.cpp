#include "client/resolve.hpp"

#include <gtest/gtest.h>

#include <map>

namespace stint::client {
namespace {

using core::TaskSpec;
using Kind = core::ItemSource::Kind;

/// The scheduler's answers by target.
class AnsweringHttp final : public ports::HttpClient {
 public:
  std::map<std::string, std::string> answers;
  Result<ports::HttpAnswer> call(const ports::HttpCall& call) override {
    const auto found = answers.find(call.target);
    if (found == answers.end())
      return ports::HttpAnswer{404, "application/json", R"({"code":"not_found","detail":"no )" + call.target + "\"}"};
    return ports::HttpAnswer{200, "application/json", found->second};
  }
  Result<ports::HttpAnswer> stream(const ports::HttpCall&, const OnBytes&) override { return fail(Errc::unavailable, "no streams"); }
  bool pause(Duration) override { return false; }
};

/// Blobs are numbered in the order they are named.
class ListedFiles final : public LocalFiles {
 public:
  std::map<std::string, std::vector<std::string>> matches;  ///< pattern -> paths
  std::map<std::string, std::string> texts;
  std::vector<std::string> kept;
  std::optional<Error> refusal;  ///< of the system

  Result<core::Manifest> find_files(const std::string& directory, const std::vector<std::string>& patterns) override {
    if (refusal) return tl::unexpected<Error>(*refusal);
    core::Manifest manifest;
    for (const std::string& pattern : patterns) {
      const auto found = matches.find(directory + ":" + pattern);
      if (found == matches.end()) return fail(Errc::not_found, "no file matches \"" + pattern + "\"");
      for (const std::string& path : found->second) manifest.push_back({blob(static_cast<std::uint8_t>(path.size())), 1, false, path});
    }
    return manifest;
  }
  Result<std::vector<std::string>> find_names(const std::string& directory, const std::string& pattern) override {
    const auto found = matches.find(directory + ":" + pattern);
    if (found == matches.end()) return fail(Errc::not_found, "no file matches \"" + pattern + "\"");
    return found->second;
  }
  Result<std::string> read_text(const std::string& path) override {
    const auto found = texts.find(path);
    if (found == texts.end()) return fail(Errc::not_found, path + ": no such file");
    return found->second;
  }
  Result<BlobId> keep_text(std::string text) override {
    kept.push_back(std::move(text));
    return blob(static_cast<std::uint8_t>(100 + kept.size()));
  }
  Result<Uploads> count_uploads() override { return Uploads{}; }
  Status send() override { return {}; }

  static BlobId blob(std::uint8_t number) {
    BlobId id;
    id.bytes[0] = number;
    return id;
  }
};

class ResolveTest : public testing::Test {
 protected:
  ResolveTest() {
    spec.tasks.resize(1);
    spec.tasks[0].name = "main";
    origins.resize(1);
    origins[0].directory = "/w";
    origins[0].file = "job.yaml";
  }
  std::string problem() {
    const auto done = resolve_sources(spec, origins, files, api);
    return done ? "" : done.error().detail;
  }
  void have_items(Kind kind, const std::string& path, std::vector<std::string> items = {}) {
    spec.tasks[0].each.emplace();
    spec.tasks[0].is_array = true;
    origins[0].sources.items = {kind, std::move(items), path, {}};
  }

  core::JobSpec spec;
  std::vector<TaskOrigin> origins;
  ListedFiles files;
  AnsweringHttp http;
  Api api{http, {}};
};

TEST_F(ResolveTest, NothingIsAskedForATaskWithoutFiles) {
  EXPECT_EQ(problem(), "");
  EXPECT_TRUE(files.kept.empty());
  EXPECT_FALSE(spec.tasks[0].inputs);
}

TEST_F(ResolveTest, InputsBecomeOneManifest) {
  files.matches = {{"/w:a.py", {"a.py"}}, {"/w:data/", {"data/x", "data/yy"}}};
  origins[0].sources.inputs = {{"a.py", {}}, {"data/", {}}};
  EXPECT_EQ(problem(), "");
  ASSERT_EQ(files.kept.size(), 1U);
  EXPECT_EQ(std::count(files.kept[0].begin(), files.kept[0].end(), '\n'), 3);
  EXPECT_EQ(spec.tasks[0].inputs, ListedFiles::blob(101));
}

TEST_F(ResolveTest, AFolderThatIsUploadedIsPartOfIt) {
  files.matches = {{"/up:.", {"a.py"}}, {"/w:b.py", {"b.py"}}};
  origins[0].upload = "/up";
  origins[0].sources.inputs = {{"b.py", {}}};
  EXPECT_EQ(problem(), "");
  EXPECT_NE(files.kept[0].find(" a.py\n"), std::string::npos);
  EXPECT_NE(files.kept[0].find(" b.py\n"), std::string::npos);
}

TEST_F(ResolveTest, OutputsOfTheNewestJobOfANameLieByTheirBaseName) {
  const std::string hex(64, 'a');
  http.answers["/v1/jobs?name=sweep&state=completed&limit=1"] =
      R"({"items":[{"id":7,"name":"sweep","queue":"default","state":"completed","reason":null,"detail":null,)"
      R"("submitted_at":null,"ended_at":null,)"
      R"("tasks":{"pending":0,"running":0,"completed":1,"failed":0,"cancelled":0,"total":1},"groups":[]}],"next":null})";
  http.answers["/v1/jobs/7/outputs?task=main.3&limit=1000"] =
      R"({"items":[{"task":"7.main.2","path":"out/model.npz","blob":")" + hex +
      R"(","size_bytes":3,"executable":false},{"task":"7.main.3","path":"out/model.npz","blob":")" + hex +
      R"(","size_bytes":5,"executable":true}],"next":null})";
  origins[0].sources.from_jobs = {{"sweep", "main.3", "out/model.npz", {}}};
  EXPECT_EQ(problem(), "");
  ASSERT_EQ(files.kept.size(), 1U);
  EXPECT_EQ(files.kept[0], hex + " 5 755 model.npz\n");

  origins[0].sources.from_jobs = {{"sweep", "main.3", "out/model.npy", {}}};
  EXPECT_EQ(problem(), "job.yaml: inputs: from_job: task 7.main.3 left no \"out/model.npy\"; did you mean \"out/model.npz\"?");
}

TEST_F(ResolveTest, AJobThatNeverCompletedIsNamed) {
  http.answers["/v1/jobs?name=swep&state=completed&limit=1"] = R"({"items":[],"next":null})";
  origins[0].sources.from_jobs = {{"swep", "main", "m", {3, 9}}};
  EXPECT_EQ(problem(), "job.yaml:3:9: inputs: from_job: no completed job is named \"swep\"; `stint jobs --state completed` lists them");
}

TEST_F(ResolveTest, AListIsALineForEachItem) {
  have_items(Kind::list, "", {"a", "b c", R"({"k":1})"});
  spec.tasks[0].each->batch = 2;
  EXPECT_EQ(problem(), "");
  EXPECT_EQ(files.kept.at(0), "a\nb c\n{\"k\":1}\n");
  EXPECT_EQ(spec.tasks[0].each->count, 3U);
  EXPECT_EQ(spec.tasks[0].array_count, 2U);
}

TEST_F(ResolveTest, LinesOfAFileAreItemsWithoutEmptyOnes) {
  have_items(Kind::file, "items.txt");
  files.texts["/w/items.txt"] = "a\r\n\nb\nc";
  EXPECT_EQ(problem(), "");
  EXPECT_EQ(files.kept.at(0), "a\nb\nc\n");
  files.texts["/w/items.txt"] = "\n\n";
  EXPECT_EQ(problem(), "job.yaml: each: /w/items.txt has no lines; a list of items has at least one");
}

TEST_F(ResolveTest, FilesOfAPatternTravelOnlyToADirectoryOfTheTasksOwn) {
  have_items(Kind::glob, "*.jpg");
  files.matches = {{"/w:*.jpg", {"1.jpg", "22.jpg"}}};
  EXPECT_EQ(problem(), "");
  EXPECT_EQ(files.kept.at(0), "1.jpg\n22.jpg\n");
  EXPECT_EQ(spec.tasks[0].each->kind, core::ItemKind::lines);

  spec.tasks[0].own_directory = true;
  EXPECT_EQ(problem(), "");
  EXPECT_EQ(spec.tasks[0].each->kind, core::ItemKind::files);
  EXPECT_TRUE(core::parse_manifest(files.kept.at(1)).has_value());
}

TEST_F(ResolveTest, WhatTheFileNamesAndIsNotThereIsItsMistakeAnAbsentSchedulerIsNot) {
  for (const Errc code : {Errc::not_found, Errc::invalid_argument, Errc::out_of_range}) EXPECT_TRUE(is_in_job_file({code, ""}));
  for (const Errc code : {Errc::unavailable, Errc::unauthenticated, Errc::forbidden, Errc::io}) EXPECT_FALSE(is_in_job_file({code, ""}));
  files.refusal = Error{Errc::io, "a.py: Permission denied"};
  origins[0].sources.inputs = {{"a.py", {3, 9}}};
  const auto resolved = resolve_sources(spec, origins, files, api);
  ASSERT_FALSE(resolved);
  EXPECT_TRUE(is_in_job_file(resolved.error())) << resolved.error().detail;
}

TEST_F(ResolveTest, TwoFilesOfOnePathAreRefused) {
  http.answers["/v1/jobs/3/outputs?task=main&limit=1000"] = R"({"items":[{"task":"3.main","path":"x/a.py","blob":")" +
                                                            std::string(64, 'b') + R"(","size_bytes":5,"executable":false}],"next":null})";
  files.matches = {{"/w:a.py", {"a.py"}}};
  origins[0].sources.inputs = {{"a.py", {}}};
  origins[0].sources.from_jobs = {{"3", "main", "x/a.py", {}}};
  EXPECT_EQ(problem(), "job.yaml: inputs: two different files would lie at \"a.py\" in the task's directory; rename one");
}

}  // namespace
}  // namespace stint::client
