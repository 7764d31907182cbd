#include "adapters/memory/blob_store.hpp"

#include "contract/blob_store_contract.hpp"

namespace stint::contract {

struct MemoryBlobBench {
  std::shared_ptr<memory::BlobFiles> files = std::make_shared<memory::BlobFiles>();
  UnixMillis time = unix_millis(1);

  std::unique_ptr<ports::BlobStore> make_store() {
    return std::make_unique<memory::MemoryBlobStore>(
        files, [this] { return time; }, memory::MemoryBlobStore::Limits{kBlobMax, kUploadsMax});
  }
  static void settle(ports::BlobStore& store) { static_cast<memory::MemoryBlobStore&>(store).finish_all(); }
  UnixMillis now() const { return time; }
  void pass() { time += std::chrono::hours{1}; }
  void damage(const BlobId& blob) { files->uploads.at(blob).bytes.front() ^= 1; }
};
INSTANTIATE_TYPED_TEST_SUITE_P(Memory, BlobStoreContract, MemoryBlobBench);

}  // namespace stint::contract
