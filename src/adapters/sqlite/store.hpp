#pragma once

#include <functional>
#include <memory>
#include <string>

#include "adapters/sqlite/inline_rule.hpp"
#include "ports/store.hpp"

namespace stint::sqlite {

struct StoreOptions {
  std::string path;                                     ///< of state.db; its folder must exist
  /// Runs a function on the owner's loop, later: called from the store's thread, and from commit().
  std::function<void(std::function<void()>)> post;
  InlineLimits write_inline = {};
};

/// The embedded store: WAL, synchronous=FULL. One thread writes at a time: its own, or the owner's loop within commit(). docs/storage.md.
[[nodiscard]] std::unique_ptr<ports::Store> make_store(StoreOptions options);

/// Reads on a connection of its own; call after the store was opened (it creates the tables).
[[nodiscard]] Result<std::unique_ptr<ports::StoreReader>> make_reader(const std::string& path);

}  // namespace stint::sqlite
