#include "adapters/files/blob_file.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "base/bytes.hpp"

namespace stint::adapters {
namespace {

class BlobFileTest : public ::testing::Test {
 protected:
  BlobFileTest() {
    char name[] = "/tmp/stint-file-XXXXXX";
    folder_ = ::mkdtemp(name);
  }
  ~BlobFileTest() override { std::filesystem::remove_all(folder_); }
  std::string path(const std::string& name) const { return folder_ + "/" + name; }
  static std::string text_of(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  std::size_t files() const {
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder_), std::filesystem::directory_iterator()));
  }
  std::string folder_;
};

TEST_F(BlobFileTest, AFileIsHashedInPieces) {
  const std::string text(3 << 20, 'h');
  std::ofstream(path("big")) << text;
  std::vector<std::uint64_t> told;
  const auto hashed = hash_file(path("big"), [&](std::uint64_t bytes) {
    told.push_back(bytes);
    return true;
  });
  ASSERT_TRUE(hashed.has_value());
  EXPECT_EQ(hashed->blob, blob_id_of(as_bytes(text)));
  EXPECT_EQ(hashed->size, text.size());
  EXPECT_EQ(told, (std::vector<std::uint64_t>{1 << 20, 2 << 20, 3 << 20}));
  EXPECT_EQ(hash_file(path("big"), [](std::uint64_t) { return false; }).error().code, Errc::unavailable);
  EXPECT_EQ(hash_file(path("none"), [](std::uint64_t) { return true; }).error().code, Errc::not_found);
  EXPECT_FALSE(hash_file(folder_, [](std::uint64_t) { return true; }).has_value());
}

TEST_F(BlobFileTest, AFileThatBecameShorterIsNotSent) {
  std::ofstream(path("short")) << "12345";
  SourceFile file;
  ASSERT_TRUE(file.open(path("short")).has_value());
  EXPECT_EQ(*file.read(1, 3), "234");
  EXPECT_EQ(file.read(3, 3).error().code, Errc::corrupt);
}

TEST_F(BlobFileTest, AnIncomingFileIsThereWholeOrNotAtAll) {
  const auto blob = blob_id_of(as_bytes("hello, world"));
  {
    IncomingFile file;
    ASSERT_TRUE(file.open(path("out"), blob).has_value());
    ASSERT_TRUE(file.append("hello").has_value());
  }
  EXPECT_FALSE(std::filesystem::exists(path("out")));
  IncomingFile file;
  ASSERT_TRUE(file.open(path("out"), blob).has_value());
  EXPECT_EQ(file.size(), 5u);
  ASSERT_TRUE(file.append(", world").has_value());
  ASSERT_TRUE(file.finish().has_value());
  EXPECT_EQ(text_of(path("out")), "hello, world");
  EXPECT_EQ(files(), 1u);
}

TEST_F(BlobFileTest, AWrongDigestLeavesWhatWasThere) {
  std::ofstream(path("out")) << "before";
  IncomingFile file;
  ASSERT_TRUE(file.open(path("out"), blob_id_of(as_bytes("right"))).has_value());
  ASSERT_TRUE(file.append("wrong").has_value());
  EXPECT_EQ(file.finish().error().code, Errc::corrupt);
  EXPECT_EQ(text_of(path("out")), "before");
  EXPECT_EQ(files(), 1u);
}

}  // namespace
}  // namespace stint::adapters
