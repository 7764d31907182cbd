#pragma once

#include <chrono>
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
  /// Runs a function on the owner's loop when that time has passed, in place of the last that was given if it still waits. Called on the
  /// loop. Without it nothing is written ahead of the database.
  std::function<void(std::chrono::nanoseconds, std::function<void()>)> post_later = {};
};

/// The embedded store: WAL, synchronous=FULL. One thread writes at a time: its own, or the owner's loop within commit(). docs/storage.md.
class Store : public ports::Store {
 public:
  /// Reads on a connection of its own, all that was told. Of the owner's loop, after open().
  [[nodiscard]] virtual Result<std::unique_ptr<ports::StoreReader>> make_reader() = 0;
};

[[nodiscard]] std::unique_ptr<Store> make_store(StoreOptions options);

/// Reads what the database has, from a process that does not write it. `before_read` is called before each query.
/// Errors:  io  there is no database: opening a store makes it.
[[nodiscard]] Result<std::unique_ptr<ports::StoreReader>> make_reader(const std::string& path, std::function<void()> before_read = {});

}  // namespace stint::sqlite
