#pragma once

#include <filesystem>
#include <utility>

#include "base/result.hpp"

namespace stint::bench {

/// A new folder below $TMPDIR or /var/tmp, where a real file system is; it goes with this object.
class Folder {
 public:
  [[nodiscard]] static Result<Folder> make();
  ~Folder();
  Folder(Folder&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  Folder& operator=(Folder&&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  explicit Folder(std::filesystem::path path) : path_(std::move(path)) {}

  std::filesystem::path path_;
};

}  // namespace stint::bench
