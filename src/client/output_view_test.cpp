#include "client/output_view.hpp"

#include <gtest/gtest.h>

namespace stint::client {
namespace {

std::string output_json(const std::string& task, const std::string& path) {
  return R"({"entry":"main","task":)" + task + R"(,"path":")" + path + R"(","blob":")" + std::string(64, 'a') +
         R"(","size_bytes":12,"executable":true,"attempt":1})";
}

TEST(OutputView, IsReadFromTheApi) {
  const auto output = parse_output_view(output_json("\"12.main.3\"", "a/b.txt"));
  ASSERT_TRUE(output) << output.error().detail;
  EXPECT_EQ(output->task, "12.main.3");
  EXPECT_EQ(output->size, 12u);
  EXPECT_TRUE(output->is_executable);
  EXPECT_EQ(to_hex(output->blob), std::string(64, 'a'));
  for (const std::string text : {"", "[]", "{}", R"({"entry":"main","path":"x","blob":"y"})"})
    EXPECT_FALSE(parse_output_view(text)) << text;
}

TEST(OutputView, HasAPlaceBelowADirectory) {
  const auto place = [](const std::string& task, const std::string& path) {
    const auto output = parse_output_view(output_json(task, path));
    const auto found = output ? local_path(*output) : Result<std::string>(tl::unexpected<Error>(output.error()));
    return found ? *found : "error: " + found.error().detail;
  };
  EXPECT_EQ(place("\"12.main.3\"", "a/b.txt"), "main/3/a/b.txt");
  EXPECT_EQ(place("\"12.main\"", "b.txt"), "main/b.txt");
  EXPECT_EQ(place("null", "all.jsonl"), "main/all.jsonl");
  for (const std::string path : {"../x", "/etc/passwd", "a//b", "a/../../x"})
    EXPECT_TRUE(place("null", path).starts_with("error: ")) << path;
}

}  // namespace
}  // namespace stint::client
