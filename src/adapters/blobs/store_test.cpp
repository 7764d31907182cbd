#include "adapters/blobs/store.hpp"

#include <stdlib.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <filesystem>
#include <fstream>
#include <mutex>

#include "contract/blob_store_contract.hpp"

namespace stint::contract {

/// A folder of its own, and a queue that stands for the owner's loop.
struct FileBlobBench {
  FileBlobBench() {
    char name[] = "/tmp/stint-blobs-XXXXXX";
    folder = ::mkdtemp(name);
  }
  FileBlobBench(const FileBlobBench&) = delete;
  FileBlobBench& operator=(const FileBlobBench&) = delete;
  ~FileBlobBench() { std::filesystem::remove_all(folder); }

  std::unique_ptr<ports::BlobStore> make_store(std::uint64_t reserve_bytes = 0) {
    auto store = blobs::open_store({folder,
                                    [this](std::function<void()> work) {
                                      const std::lock_guard lock(mutex);
                                      posted.push_back(std::move(work));
                                      wake.notify_all();
                                    },
                                    [this] { return now(); }, kBlobMax, kUploadsMax, reserve_bytes});
    EXPECT_TRUE(store.has_value()) << (store ? "" : store.error().detail);
    return std::move(*store);
  }
  void settle(ports::BlobStore&) {
    std::unique_lock lock(mutex);
    wake.wait(lock, [this] { return !posted.empty(); });
    while (!posted.empty()) {
      auto work = std::move(posted.front());
      posted.pop_front();
      lock.unlock();
      work();
      lock.lock();
    }
  }
  UnixMillis now() const {
    const auto real = std::chrono::system_clock::now().time_since_epoch() + std::chrono::hours{hours.load()};
    return UnixMillis{std::chrono::duration_cast<std::chrono::milliseconds>(real)};
  }
  void pass() { ++hours; }
  std::string upload_path(const BlobId& blob) const { return folder + "/uploads/" + to_hex(blob); }
  std::string blob_path(const BlobId& blob) const { return folder + "/blobs/" + to_hex(blob).substr(0, 2) + "/" + to_hex(blob); }
  void damage(const BlobId& blob) const { std::fstream(upload_path(blob), std::ios::in | std::ios::out | std::ios::binary).put('\xFF'); }

  std::string folder;
  std::atomic<int> hours = 0;
  std::mutex mutex;
  std::condition_variable wake;
  std::deque<std::function<void()>> posted;
};
INSTANTIATE_TYPED_TEST_SUITE_P(File, BlobStoreContract, FileBlobBench);

class FileBlobStore : public BlobStoreContract<FileBlobBench> {};

TEST_F(FileBlobStore, NothingIsLeftOfWhatADeadProcessWasMaking) {
  std::ofstream(bench_.folder + "/uploads/new-7") << "half";
  restart();
  EXPECT_FALSE(std::filesystem::exists(bench_.folder + "/uploads/new-7"));
  expect_error(concatenate({blob_of("unknown")}), Errc::not_found);
  EXPECT_TRUE(put("twice").has_value());
  EXPECT_TRUE(put("twice").has_value());
  EXPECT_TRUE(std::filesystem::is_empty(bench_.folder + "/uploads"));
}

TEST_F(FileBlobStore, FilesOfOtherNamesAreNotBlobs) {
  const auto blob = put("blob")->blob;
  std::ofstream(bench_.folder + "/blobs/README") << "not a blob";
  std::ofstream(bench_.blob_path(blob) + ".bak") << "not a blob";
  std::ofstream(bench_.folder + "/uploads/README") << "not an upload";
  restart();
  ASSERT_EQ(list()->size(), 1u);
  EXPECT_EQ(list()->front().blob, blob);
  EXPECT_EQ(*drop_uploads(bench_.now() + std::chrono::hours{1}), 0u);
}

TEST_F(FileBlobStore, ALinkPutInItsPlaceIsNotFollowed) {
  const auto blob = blob_of("hello");
  std::ofstream(bench_.folder + "/victim") << "keep";
  std::filesystem::create_symlink(bench_.folder + "/victim", bench_.upload_path(blob));
  EXPECT_FALSE(put_piece(blob, 0, 5, "hell").has_value());
  EXPECT_EQ(std::filesystem::file_size(bench_.folder + "/victim"), 4u);
}

TEST_F(FileBlobStore, ALongUploadIsHashedInSlicesAfterARestart) {
  const std::string text(kBlobMax, 'q');
  const auto blob = blob_of(text);
  for (std::uint64_t at = 0; at + 65'536 < text.size(); at += 65'536)
    expect_upload(put_piece(blob, at, text.size(), text.substr(at, 65'536)), at + 65'536, false);
  restart();
  expect_upload(put_piece(blob, text.size() - 65'536, text.size(), text.substr(text.size() - 65'536)), text.size(), true);
}

TEST_F(FileBlobStore, TheReserveOfTheDiskStaysFree) {
  store_.reset();
  store_ = bench_.make_store(UINT64_MAX);
  expect_error(put_piece(blob_of("hello"), 0, 5, "hello"), Errc::no_space);
  expect_error(put("hello"), Errc::no_space);
  EXPECT_TRUE(std::filesystem::is_empty(bench_.folder + "/uploads"));
}

}  // namespace stint::contract
