#include "scheduler/live_blobs.hpp"

#include <algorithm>
#include <utility>

#include "core/model/manifest.hpp"
#include "scheduler/limits.hpp"

namespace stint::scheduler {
namespace {

constexpr std::size_t kPieceBytes = std::size_t{1} << 20;
constexpr std::uint32_t kCheckpointsAtOnce = 16;  // questions to the store in one step
constexpr std::size_t kHexDigits = 64;

void make_unique(std::vector<BlobId>& blobs) {
  std::sort(blobs.begin(), blobs.end());
  blobs.erase(std::unique(blobs.begin(), blobs.end()), blobs.end());
}

}  // namespace

void LiveBlobs::step() {
  if (live_.size() > limits::kLiveBlobsMax) {
    make_unique(live_);
    if (live_.size() > limits::kLiveBlobsMax / 2)  // else every further step would sort
      return finish(fail(Errc::out_of_range, "jobs refer to more than " + std::to_string(limits::kLiveBlobsMax / 2) + " blobs, the limit"));
  }
  unread_.empty() ? look_at_entry() : read_manifest();
}

std::vector<BlobId> LiveBlobs::take_live() {
  make_unique(live_);
  return std::exchange(live_, {});
}

void LiveBlobs::look_at_entry() {
  const core::JobSpec* spec = core_.find_spec(job_);
  if (spec == nullptr && !core_.was_removed(job_)) return finish({});
  if (spec == nullptr || group_ >= spec->tasks.size()) {
    ++job_.value;
    group_ = task_ = 0;
    return;
  }
  const core::TaskSpec& task = spec->tasks[group_];
  if (task_ == 0) {
    const auto state = core_.find_group(job_, group_);
    note_manifest(task.inputs);
    note_manifest(state->needs_inputs);
    note(state->items);
    if (task.each && task.each->kind == core::ItemKind::files) note_manifest(task.each->items);
    if (task.each) note(task.each->items);
  }
  task.checkpoint ? look_at_checkpoints() : begin_next_entry();
}

void LiveBlobs::look_at_checkpoints() {
  const std::uint64_t count = core_.find_group(job_, group_)->counts.total();
  for (std::uint32_t asked = 0; asked < kCheckpointsAtOnce && task_ < count; ++asked) {
    const auto checkpoint = reader_.find_checkpoint({job_, group_, task_++});
    if (!checkpoint) return finish(tl::unexpected<Error>(checkpoint.error()));
    if (*checkpoint) note_manifest((*checkpoint)->blob);
  }
  if (task_ >= count) begin_next_entry();
}

void LiveBlobs::begin_next_entry() {
  ++group_;
  task_ = 0;
}

void LiveBlobs::note(BlobId blob) {
  if (blob) live_.push_back(blob);
}

void LiveBlobs::note_manifest(BlobId manifest) {
  note(manifest);
  if (manifest && manifests_.insert(manifest).second) unread_.push_back(manifest);
}

void LiveBlobs::read_manifest() {
  blobs_.read(unread_.back(), offset_, kPieceBytes,
              await_any<std::string>([this](Result<std::string> piece) { on_piece(std::move(piece)); }));
}

void LiveBlobs::on_piece(Result<std::string> piece) {
  if (!piece && piece.error().code == Errc::not_found) return end_manifest();  // it was never uploaded: nobody gets at its files either
  if (!piece) return finish(tl::unexpected<Error>(std::move(piece.error())));
  offset_ += piece->size();
  const bool is_last = piece->size() < kPieceBytes || offset_ > core::limits::kManifestBytes;
  if (!take_lines(rest_ + *piece) || is_last) end_manifest();
}

/// Keeps what comes after the last line feed. False: this is no manifest, so no task will get a file of it.
bool LiveBlobs::take_lines(std::string_view text) {
  for (auto end = text.find('\n'); end != std::string_view::npos; end = text.find('\n')) {
    const std::string_view line = text.substr(0, end);
    const auto blob = parse_blob_id(line.substr(0, kHexDigits));
    if (!blob) return false;
    note(*blob);
    text.remove_prefix(end + 1);
  }
  rest_ = text;
  return true;
}

void LiveBlobs::end_manifest() {
  unread_.pop_back();
  offset_ = 0;
  rest_.clear();
}

}  // namespace stint::scheduler
