#include "adapters/blobs/store.hpp"

#include <fcntl.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

#include "adapters/blobs/folder.hpp"
#include "adapters/blobs/joining.hpp"
#include "adapters/blobs/uploads.hpp"

namespace stint::blobs {
namespace {

class FileBlobStore final : public ports::BlobStore {
 public:
  explicit FileBlobStore(FileBlobStoreOptions options)
      : post_(std::move(options.post)),
        folder_(std::move(options.folder), options.reserve_bytes, std::move(options.now)),
        uploads_(folder_, options.blob_bytes_max, options.uploads_max) {}

  ~FileBlobStore() override {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
    if (thread_.joinable()) thread_.join();
  }

  Status open() {
    STINT_TRY_VOID(folder_.open());
    uploads_.load();
    thread_ = std::thread([this] { work(); });
    return {};
  }

  void put_piece(Piece piece, Done<Upload> done) override {
    add_sliced<Upload>(std::move(done), [this, piece = std::move(piece)] { return uploads_.put(piece); });
  }

  void find_upload(BlobId blob, Done<Upload> done) override {
    add<Upload>(std::move(done), [this, blob] { return uploads_.find(blob); });
  }

  void find_missing(std::vector<BlobId> blobs, Done<std::vector<BlobId>> done) override {
    add<std::vector<BlobId>>(std::move(done), [this, blobs = std::move(blobs)]() -> Result<std::vector<BlobId>> {
      if (blobs.size() > ports::limits::kBlobQueryMax)
        return fail(Errc::out_of_range,
                    std::to_string(blobs.size()) + " blobs in one question, limit " + std::to_string(ports::limits::kBlobQueryMax));
      std::vector<BlobId> missing;
      for (const auto& blob : blobs)
        if (!folder_.renew(blob)) missing.push_back(blob);
      return missing;
    });
  }

  void find_blob(BlobId blob, Done<std::uint64_t> done) override {
    add<std::uint64_t>(std::move(done), [this, blob]() -> Result<std::uint64_t> {
      if (!folder_.renew(blob)) return not_here(blob);
      const auto entry = folder_.find(blob);
      if (!entry) return not_here(blob);
      return entry->size;
    });
  }

  void read(BlobId blob, std::uint64_t offset, std::size_t max_bytes, Done<std::string> done) override {
    add<std::string>(std::move(done), [this, blob, offset, max_bytes]() -> Result<std::string> {
      const auto entry = folder_.find(blob);
      if (!entry) return not_here(blob);
      if (offset >= entry->size) return std::string();
      STINT_TRY(const auto file, File::open(folder_.blob_path(blob), O_RDONLY));
      const auto left = std::min<std::uint64_t>({entry->size - offset, max_bytes, ports::limits::kBlobPieceMax});
      return file.read(offset, static_cast<std::size_t>(left));
    });
  }

  void put(std::string bytes, Done<Stored> done) override {
    std::vector<Part> parts;
    parts.emplace_back(std::move(bytes));
    concatenate(std::move(parts), std::move(done));
  }

  void concatenate(std::vector<Part> parts, Done<Stored> done) override {
    auto joining = std::make_shared<std::unique_ptr<Joining>>();
    add_sliced<Stored>(std::move(done), [this, joining, parts = std::move(parts)]() mutable -> Result<std::optional<Stored>> {
      if (!*joining) {
        STINT_TRY_VOID(check_parts(parts));
        *joining = std::make_unique<Joining>(folder_, std::move(parts));
      }
      auto stored = (*joining)->step();
      if (!stored || *stored) joining->reset();  // its file is gone before anybody hears of the end
      return stored;
    });
  }

  void list(std::optional<BlobId> after, std::size_t limit, Done<std::vector<Entry>> done) override {
    add<std::vector<Entry>>(std::move(done),
                            [this, after, limit] { return folder_.list(after, std::min(limit, ports::limits::kBlobQueryMax)); });
  }

  void remove(BlobId blob, UnixMillis renewed_before, Done<bool> done) override {
    add<bool>(std::move(done), [this, blob, renewed_before]() -> Result<bool> {
      const auto entry = folder_.find(blob);
      if (entry && entry->renewed_at >= renewed_before) return false;
      STINT_TRY_VOID(folder_.remove(folder_.blob_path(blob)));
      return true;
    });
  }

  void drop_uploads(UnixMillis before, Done<std::size_t> done) override {
    add<std::size_t>(std::move(done), [this, before] { return uploads_.drop(before, ports::limits::kBlobQueryMax); });
  }

 private:
  using Task = std::function<bool()>;  ///< false: a slice is done, run it again

  static tl::unexpected<Error> not_here(const BlobId& blob) {
    return fail(Errc::not_found, "blob " + to_hex(blob) + ": not in this store");
  }

  [[nodiscard]] static Status check_parts(const std::vector<Part>& parts) {
    if (parts.size() > ports::limits::kBlobPartsMax)
      return fail(Errc::out_of_range, std::to_string(parts.size()) + " parts, limit " + std::to_string(ports::limits::kBlobPartsMax));
    std::size_t bytes = 0;
    for (const auto& part : parts)
      if (const auto* text = std::get_if<std::string>(&part)) bytes += text->size();
    if (bytes <= ports::limits::kBlobPutMax) return {};
    return fail(Errc::out_of_range, std::to_string(bytes) + " bytes, limit " + std::to_string(ports::limits::kBlobPutMax));
  }

  template <class T, class Work>
  void add(Done<T> done, Work work) {
    add_task([this, done = std::move(done), work = std::move(work)]() mutable {
      finish(std::move(done), Result<T>(work()));
      return true;
    });
  }

  template <class T, class Work>
  void add_sliced(Done<T> done, Work work) {
    add_task([this, done = std::move(done), work = std::move(work)]() mutable {
      Result<std::optional<T>> result = work();
      if (result && !*result) return false;
      finish(std::move(done), result ? Result<T>(std::move(**result)) : Result<T>(tl::unexpected(std::move(result.error()))));
      return true;
    });
  }

  template <class T>
  void finish(Done<T> done, Result<T> result) {
    post_([done = std::move(done), result = std::move(result)]() mutable { done(std::move(result)); });
  }

  void add_task(Task task) {
    {
      const std::lock_guard lock(mutex_);
      queue_.push_back(std::move(task));
    }
    wake_.notify_one();
  }

  void work() {
    std::unique_lock lock(mutex_);
    for (;;) {
      wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      if (stopping_) return;
      Task task = std::move(queue_.front());
      queue_.pop_front();
      lock.unlock();
      const bool is_done = task();
      lock.lock();
      if (!is_done) queue_.push_back(std::move(task));
    }
  }

  std::function<void(std::function<void()>)> post_;
  Folder folder_;      // of the thread, once open() has returned, as are the uploads
  Uploads uploads_;

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Task> queue_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace

Result<std::unique_ptr<ports::BlobStore>> open_store(FileBlobStoreOptions options) {
  auto store = std::make_unique<FileBlobStore>(std::move(options));
  STINT_TRY_VOID(store->open());
  return store;
}

}  // namespace stint::blobs
