#include "scheduler/prepare/preparation.hpp"

#include <utility>

#include "base/assert.hpp"

namespace stint::scheduler {
namespace {

constexpr std::size_t kPage = 1000;
/// Put into the blob store before more are read; with what one page may add it stays below ports::limits::kBlobPutMax.
constexpr std::size_t kResultsChunk = std::size_t{8} << 20;

ports::StoreReader::OutputQuery first_page(JobId job, std::uint32_t group) {
  ports::StoreReader::OutputQuery query;
  query.job = job;
  query.group = group;
  query.from = {job, group, 0};
  query.limit = kPage;
  return query;
}

std::shared_ptr<const core::JobSpec> spec_of(const PrepareSources& sources, JobId job) { return sources.core.find_job(job)->row.spec; }

/// Blobs of one page of files of this path; false: that was the last page.
template <class Add>
Result<bool> find_page(ports::StoreReader& reader, ports::StoreReader::OutputQuery& query, const std::string& path, Add add) {
  STINT_TRY(const auto rows, reader.outputs(query));
  for (const core::OutputRow& row : rows)
    if (row.file.path == path) add(row);
  if (rows.size() < query.limit) return false;
  query.from = rows.back().task;
  query.after_path = rows.back().file.path;
  return true;
}

}  // namespace

Preparation::Preparation(PrepareSources sources, JobId job, std::uint32_t group)
    : sources_(sources), spec_(spec_of(sources, job)), result_{job, group, 0, {}, {}} {}

void Preparation::begin() {
  const auto state = sources_.core.find_group(result_.job, result_.group);
  STINT_ASSERT(state);
  result_.items = state->items;
  result_.needs_inputs = state->needs_inputs;
  result_.count = static_cast<std::uint32_t>(state->counts.total());
  next_ = state->is_prepared ? &Preparation::find_items : &Preparation::open_need;
}

void Preparation::open_need() {
  if (need_ == task().needs.size()) {
    next_ = &Preparation::put_manifest;
    return;
  }
  const std::uint32_t group = task().needs[need_].group;
  const auto& each = spec_->tasks.at(group).each;
  items_of_need_ = sources_.items.find(result_.job, group);
  next_ = each && items_of_need_ == nullptr ? &Preparation::load_items_of_need : &Preparation::read_need;
}

/// It has ended before a restart: nobody else needs its items in memory.
void Preparation::load_items_of_need() {
  const std::uint32_t group = task().needs[need_].group;
  const auto& each = *spec_->tasks.at(group).each;
  const BlobId blob = each.from ? sources_.core.find_group(result_.job, group)->items : each.items;
  if (!blob) {
    next_ = &Preparation::read_need;
    return;
  }
  sources_.blobs.read(blob, blob_.offset(), ports::limits::kBlobPieceMax, await<std::string>([this, &each](std::string piece) {
                        const auto more = blob_.take(std::move(piece), limits::kItemListBytes);
                        if (!more) return fail_with(more.error());
                        if (*more) return;
                        auto list = ItemList::make(blob_.take_text(), each);
                        if (!list) return fail_with(list.error());
                        items_of_need_ = std::make_shared<const ItemList>(*std::move(list));
                        next_ = &Preparation::read_need;
                      }));
}

void Preparation::read_need() {
  if (!reading_) reading_.emplace(sources_.reader, *spec_, result_.job, task().needs[need_].group, items_of_need_.get());
  const auto more = reading_->read_page(files_);
  if (!more) return fail_with(more.error());
  has_more_ = *more;
  if (reading_->result_bytes() > (has_more_ ? kResultsChunk : 0)) {
    next_ = &Preparation::put_results;
  } else if (!has_more_) {
    next_ = &Preparation::close_need;
  }
}

void Preparation::put_results() {
  sources_.blobs.put(reading_->take_results(), await<ports::BlobStore::Stored>([this](const ports::BlobStore::Stored& stored) {
                       results_.emplace_back(stored.blob);
                       results_bytes_ += stored.size;
                       next_ = has_more_ ? &Preparation::read_need : &Preparation::close_need;
                     }));
}

void Preparation::close_need() {
  const auto add_file = [this](BlobId blob) {
    if (blob) files_.push_back({blob, results_bytes_, false, reading_->results_path()});
    results_.clear();
    results_bytes_ = 0;
    reading_.reset();
    items_of_need_.reset();
    ++need_;
    next_ = &Preparation::open_need;
  };
  if (results_.size() <= 1) return add_file(results_.empty() ? BlobId{} : std::get<BlobId>(results_.front()));
  sources_.blobs.concatenate(
      results_, await<ports::BlobStore::Stored>([add_file](const ports::BlobStore::Stored& stored) { add_file(stored.blob); }));
}

void Preparation::put_manifest() {
  next_ = &Preparation::find_items;
  if (files_.empty()) return;
  auto text = core::print_manifest(std::move(files_));
  if (!text) return fail_with(text.error());
  sources_.blobs.put(*std::move(text), await<ports::BlobStore::Stored>(
                                           [this](const ports::BlobStore::Stored& stored) { result_.needs_inputs = stored.blob; }));
}

void Preparation::find_items() {
  if (!task().each) return finish({});
  if (sources_.items.find(result_.job, result_.group) != nullptr) return finish({});
  if (!task().each->from || result_.items) {
    if (!task().each->from) result_.items = task().each->items;
    next_ = &Preparation::read_items;
    return;
  }
  next_file_ = first_page(result_.job, *task().each->from);
  next_ = &Preparation::find_item_files;
}

void Preparation::find_item_files() {
  const auto more = find_page(sources_.reader, next_file_, task().each->file, [this](const core::OutputRow& row) { note_item_file(row); });
  if (!more) return fail_with(more.error());
  if (*more) return;
  if (item_files_.empty())
    return fail_with({Errc::not_found, "no task of " + spec_->tasks.at(*task().each->from).name + " has left " + task().each->file +
                                           "; name it among its outputs"});
  next_ = &Preparation::read_item_file;
}

/// What `collect` made of the tasks' files comes last, and stands for them.
void Preparation::note_item_file(const core::OutputRow& row) {
  if (row.task.index == core::kWholeEntry) item_files_.clear();
  item_files_.push_back(row.file.blob);
}

void Preparation::read_item_file() {
  if (item_file_ == item_files_.size()) {
    next_ = &Preparation::put_items;
    return;
  }
  sources_.blobs.read(item_files_[item_file_], blob_.offset(), ports::limits::kBlobPieceMax, await<std::string>([this](std::string piece) {
                        const auto more = blob_.take(std::move(piece), limits::kItemListBytes);
                        if (!more) return fail_with(more.error());
                        if (*more) return;
                        text_ += ItemList::tidy(blob_.take_text());
                        if (text_.size() > limits::kItemListBytes)
                          return fail_with({Errc::out_of_range, "a list of items of more than " + std::to_string(limits::kItemListBytes) +
                                                                    " bytes, the limit: let an item name a file that holds more"});
                        ++item_file_;
                      }));
}

void Preparation::put_items() {
  if (text_.empty()) {  // nothing to do is not an error
    result_.count = 0;
    return finish({});
  }
  sources_.blobs.put(text_, await<ports::BlobStore::Stored>([this](const ports::BlobStore::Stored& stored) {
                       result_.items = stored.blob;
                       next_ = &Preparation::keep_items;
                     }));
}

void Preparation::read_items() {
  sources_.blobs.read(result_.items, blob_.offset(), ports::limits::kBlobPieceMax, await<std::string>([this](std::string piece) {
                        const auto more = blob_.take(std::move(piece), limits::kItemListBytes);
                        if (!more) return fail_with(more.error());
                        if (*more) return;
                        text_ = blob_.take_text();
                        next_ = &Preparation::keep_items;
                      }));
}

void Preparation::keep_items() {
  auto list = ItemList::make(std::move(text_), *task().each);
  if (!list) return fail_with(list.error());
  if (!task().each->from && list->size() != task().each->count)
    return fail_with({Errc::invalid_argument, "the list of items has " + std::to_string(list->size()) + " lines, but the job says " +
                                                  std::to_string(task().each->count)});
  const std::uint64_t count = core::tasks_for_items(task(), list->size());
  result_.count = static_cast<std::uint32_t>(std::min<std::uint64_t>(count, UINT32_MAX));
  sources_.items.put(result_.job, result_.group, std::make_shared<const ItemList>(*std::move(list)));
  finish({});
}

Collection::Collection(PrepareSources sources, JobId job, std::uint32_t group)
    : sources_(sources), spec_(spec_of(sources, job)), collect_(*spec_->tasks.at(group).collect), next_file_(first_page(job, group)) {}

void Collection::find_files() {
  const auto more = find_page(sources_.reader, next_file_, collect_.file, [this](const core::OutputRow& row) {
    if (row.task.index != core::kWholeEntry) parts_.emplace_back(row.file.blob);
  });
  if (!more) return finish(tl::unexpected<Error>(more.error()));
  if (!*more) next_ = &Collection::join;
}

void Collection::join() {
  sources_.blobs.concatenate(parts_, await<ports::BlobStore::Stored>([this](const ports::BlobStore::Stored& stored) {
                               result_ = {stored.blob, stored.size, false, collect_.into};
                               finish({});
                             }));
}

}  // namespace stint::scheduler
