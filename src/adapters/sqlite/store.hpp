#pragma once

#include <functional>
#include <memory>
#include <string>

#include "ports/store.hpp"

namespace stint::sqlite {

struct StoreOptions {
  std::string path;                                     ///< of state.db; its folder must exist
  /// Runs a function on the owner's loop, from the store's thread.
  std::function<void(std::function<void()>)> post;
};

/// The embedded store: WAL, synchronous=FULL, one writing thread. docs/storage.md.
[[nodiscard]] std::unique_ptr<ports::Store> make_store(StoreOptions options);

/// Reads on a connection of its own; call after the store was opened (it creates the tables).
[[nodiscard]] Result<std::unique_ptr<ports::StoreReader>> make_reader(const std::string& path);

}  // namespace stint::sqlite
