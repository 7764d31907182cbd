#include "adapters/memory/store.hpp"

#include "contract/entry_store_contract.hpp"

namespace stint::contract {

struct MemoryBench {
  std::shared_ptr<memory::Tables> tables = std::make_shared<memory::Tables>();
  std::unique_ptr<ports::Store> make_store() { return std::make_unique<memory::MemoryStore>(tables); }
  std::unique_ptr<ports::StoreReader> make_reader() { return std::make_unique<memory::MemoryReader>(tables); }
  void settle(ports::Store& store) { static_cast<memory::MemoryStore&>(store).finish_all(); }
};
INSTANTIATE_TYPED_TEST_SUITE_P(Memory, StoreContract, MemoryBench);
INSTANTIATE_TYPED_TEST_SUITE_P(Memory, EntryStoreContract, MemoryBench);

}  // namespace stint::contract
