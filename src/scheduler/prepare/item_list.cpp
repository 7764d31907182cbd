#include "scheduler/prepare/item_list.hpp"

#include <algorithm>

#include "base/assert.hpp"
#include "core/model/limits.hpp"
#include "core/model/manifest.hpp"

namespace stint::scheduler {
namespace {

std::string name_of_line(std::size_t item) { return "line " + std::to_string(item + 1) + " of the list"; }

}  // namespace

std::string ItemList::tidy(std::string_view text) {
  std::string out;
  out.reserve(text.size() + 1);
  while (!text.empty()) {
    const auto end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (!line.empty()) out.append(line).append(1, '\n');
  }
  return out;
}

Result<ItemList> ItemList::make(std::string text, const core::EachSpec& each) {
  if (text.size() > limits::kItemListBytes)
    return fail(Errc::out_of_range, "a list of items of " + std::to_string(text.size()) + " bytes, limit " +
                                        std::to_string(limits::kItemListBytes) + ": let an item name a file that holds more");
  if (!text.empty() && text.back() != '\n') text += '\n';
  ItemList list;
  list.text_ = std::move(text);
  for (std::size_t at = 0; at < list.text_.size(); at = list.text_.find('\n', at) + 1)
    list.starts_.push_back(static_cast<std::uint32_t>(at));
  STINT_TRY_VOID(list.check_lines(each));
  return list;
}

Status ItemList::check_lines(const core::EachSpec& each) const {
  const std::size_t batch = std::max<std::size_t>(each.batch, 1);
  std::size_t batch_bytes = 0;
  for (std::size_t i = 0; i < size(); ++i) {
    const std::string_view item = line(i);
    if (item.empty()) return fail(Errc::invalid_argument, name_of_line(i) + " is empty");
    if (item.size() > core::limits::kItemBytes)
      return fail(Errc::out_of_range, name_of_line(i) + " has " + std::to_string(item.size()) + " bytes, limit " +
                                          std::to_string(core::limits::kItemBytes) + ": let it name a file that holds more");
    if (item.find('\0') != std::string_view::npos) return fail(Errc::invalid_argument, name_of_line(i) + " holds a zero byte");
    batch_bytes = i % batch == 0 ? 0 : batch_bytes;
    batch_bytes += item.size() + 1;
    if (batch_bytes > core::limits::kBatchBytes)
      return fail(Errc::out_of_range, "the batch up to " + name_of_line(i) + " has more than " + std::to_string(core::limits::kBatchBytes) +
                                          " bytes, the limit: choose a smaller batch than " + std::to_string(batch));
  }
  if (each.kind != core::ItemKind::files) return {};
  if (auto manifest = core::parse_manifest(text_); !manifest)
    return fail(manifest.error().code, "the list of files: " + manifest.error().detail);
  return {};
}

std::string_view ItemList::line(std::size_t item) const {
  STINT_ASSERT(item < size());
  const std::size_t end = item + 1 < size() ? starts_[item + 1] : text_.size();
  return std::string_view(text_).substr(starts_[item], end - starts_[item] - 1);
}

ItemList::Slice ItemList::slice_of(const core::TaskSpec& task, std::uint32_t index) const {
  const std::size_t place = index / task.overlap;
  const std::size_t batch = std::max<std::size_t>(task.each->batch, 1);
  return {std::min(place * batch, size()), std::min((place + 1) * batch, size())};
}

std::string ItemList::of_task(const core::TaskSpec& task, std::uint32_t index) const {
  const Slice slice = slice_of(task, index);
  std::string out;
  for (std::size_t i = slice.first; i < slice.end; ++i) {
    std::string_view item = line(i);
    if (task.each->kind == core::ItemKind::files) item.remove_prefix(item.find(' ', item.find(' ', item.find(' ') + 1) + 1) + 1);
    out.append(item);
    if (task.each->batch > 0) out += '\n';
  }
  return out;
}

std::vector<FileRef> ItemList::files_of_task(const core::TaskSpec& task, std::uint32_t index) const {
  if (task.each->kind != core::ItemKind::files) return {};
  const Slice slice = slice_of(task, index);
  std::string lines;
  for (std::size_t i = slice.first; i < slice.end; ++i) lines.append(line(i)).append(1, '\n');
  auto files = core::parse_manifest(lines);
  STINT_ASSERT(files);  // make() has read them all
  return *std::move(files);
}

}  // namespace stint::scheduler
