#include "scheduler/blob_sweep.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "scheduler/limits.hpp"

namespace stint::scheduler {

namespace {

UnixMillis ago(Now now, Duration age) { return now.wall - std::chrono::duration_cast<std::chrono::milliseconds>(age); }

}  // namespace

BlobSweep::BlobSweep(ports::BlobStore& store, Log& log, Duration grace, BlobReferences references)
    : store_(store), log_(log), grace_(grace), references_(std::move(references)) {}

void BlobSweep::start(Now now) { next_ = now.mono + limits::kBlobSweepFirst; }

void BlobSweep::on_timer(Now now) {
  if (now.mono < next_) return;
  next_ = now.mono + (is_sweeping_ ? limits::kBlobSweepSlice : limits::kBlobSweepPeriod);
  if (is_waiting_) return;
  if (is_sweeping_) return list();
  if (marking_ == nullptr) begin(now);
  mark(now);
}

void BlobSweep::begin(Now now) {
  drop_uploads(ago(now, ports::limits::kBlobUploadAge));
  renewed_before_ = ago(now, grace_);
  marking_ = references_.mark();
}

void BlobSweep::mark(Now now) {
  for (int steps = limits::kBlobMarkSteps; steps > 0 && !marking_->is_waiting() && !marking_->is_done(); --steps) marking_->step();
  if (!marking_->is_done()) {
    next_ = now.mono + limits::kBlobMarkPause;
    return;
  }
  const auto marked = std::exchange(marking_, nullptr);
  if (!marked->outcome()) return on_failed("what is still wanted", marked->outcome().error());
  live_ = marked->take_live();
  after_.reset();
  is_sweeping_ = true;
  next_ = now.mono + limits::kBlobSweepSlice;
}

void BlobSweep::drop_uploads(UnixMillis before) {
  store_.drop_uploads(before, [this](const Result<std::size_t>& dropped) {
    if (!dropped) return on_failed("unfinished uploads", dropped.error());
    counts_.uploads += *dropped;
    if (*dropped > 0) log_.info("blobs: " + std::to_string(*dropped) + " unfinished uploads dropped");
  });
}

void BlobSweep::list() {
  is_waiting_ = true;
  store_.list(after_, limits::kBlobSweepEntries,
              [this](Result<std::vector<ports::BlobStore::Entry>> entries) { on_list(std::move(entries)); });
}

void BlobSweep::on_list(Result<std::vector<ports::BlobStore::Entry>> entries) {
  is_waiting_ = false;
  if (!entries) {
    on_failed("the list of blobs", entries.error());
    return end();
  }
  if (const auto removed = remove_unwanted(*entries); !removed) {
    on_failed("what rows refer to", removed.error());
    return end();
  }
  if (entries->size() < limits::kBlobSweepEntries) return end();
  after_ = entries->back().blob;
}

Status BlobSweep::remove_unwanted(const std::vector<ports::BlobStore::Entry>& entries) {
  std::vector<BlobId> old;
  for (const auto& entry : entries)
    if (entry.renewed_at < renewed_before_ && !std::binary_search(live_.begin(), live_.end(), entry.blob)) old.push_back(entry.blob);
  if (old.empty()) return {};
  STINT_TRY(auto named, references_.find_in_rows(old));
  std::sort(named.begin(), named.end());
  for (const auto& entry : entries)
    if (std::binary_search(old.begin(), old.end(), entry.blob) && !std::binary_search(named.begin(), named.end(), entry.blob))
      remove(entry);
  return {};
}

void BlobSweep::remove(const ports::BlobStore::Entry& entry) {
  store_.remove(entry.blob, renewed_before_, [this, size = entry.size](const Result<bool>& removed) {
    if (!removed) return on_failed("a blob", removed.error());
    if (!*removed) return;
    ++counts_.blobs;
    counts_.bytes += size;
  });
}

void BlobSweep::on_failed(const char* what, const Error& error) {
  log_.warn(std::string("blobs: ") + what + ": " + error.detail + "; the next sweep tries again");
}

void BlobSweep::end() {
  is_sweeping_ = false;
  live_ = {};
  ++counts_.sweeps;
}

}  // namespace stint::scheduler
