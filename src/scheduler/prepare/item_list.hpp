#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/file_ref.hpp"
#include "base/result.hpp"
#include "core/model/job.hpp"

namespace stint::scheduler {

namespace limits {
inline constexpr std::size_t kItemListBytes = std::size_t{64} << 20;  ///< of the list of one entry, which is held in memory
}

/// The items of one entry: lines of a text, and where each begins.
class ItemList {
 public:
  /// Ends the last line, if it does not end, and drops empty ones: a list that tasks wrote counts only what is there.
  [[nodiscard]] static std::string tidy(std::string_view text);

  /// Errors:  invalid_argument, out_of_range  a line that is empty, too long or (kind files) no line of a manifest; batches that are too
  ///          large for a frame. The detail names the line, the limit and the remedy.
  [[nodiscard]] static Result<ItemList> make(std::string text, const core::EachSpec& each);

  [[nodiscard]] std::size_t size() const { return starts_.size(); }
  [[nodiscard]] const std::string& text() const { return text_; }
  [[nodiscard]] std::string_view line(std::size_t item) const;
  /// What the task of this place among the items' tasks gets: its item, or its batch of them, one a line.
  [[nodiscard]] std::string of_task(const core::TaskSpec& task, std::uint32_t index) const;
  /// Kind files: the files of the task's items.
  [[nodiscard]] std::vector<FileRef> files_of_task(const core::TaskSpec& task, std::uint32_t index) const;

 private:
  struct Slice {
    std::size_t first = 0, end = 0;
  };
  [[nodiscard]] Slice slice_of(const core::TaskSpec& task, std::uint32_t index) const;
  [[nodiscard]] Status check_lines(const core::EachSpec& each) const;

  std::string text_;
  std::vector<std::uint32_t> starts_;
};

}  // namespace stint::scheduler
