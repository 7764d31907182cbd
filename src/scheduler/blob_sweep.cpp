#include "scheduler/blob_sweep.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "scheduler/limits.hpp"

namespace stint::scheduler {

namespace {

UnixMillis ago(Now now, Duration age) { return now.wall - std::chrono::duration_cast<std::chrono::milliseconds>(age); }

}  // namespace

BlobSweep::BlobSweep(ports::BlobStore& store, Log& log, Duration grace, CollectLive collect_live)
    : store_(store), log_(log), grace_(grace), collect_live_(std::move(collect_live)) {}

void BlobSweep::start(Now now) { next_ = now.mono + limits::kBlobSweepFirst; }

void BlobSweep::on_timer(Now now) {
  if (now.mono < next_) return;
  next_ = now.mono + (is_sweeping_ ? limits::kBlobSweepSlice : limits::kBlobSweepPeriod);
  if (is_waiting_) return;
  if (is_sweeping_) return list();
  drop_uploads(ago(now, ports::limits::kBlobUploadAge));
  auto live = collect_live_();
  if (!live) return;
  live_ = std::move(*live);
  renewed_before_ = ago(now, grace_);
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
  for (const auto& entry : *entries)
    if (entry.renewed_at < renewed_before_ && !std::binary_search(live_.begin(), live_.end(), entry.blob)) remove(entry);
  if (entries->size() < limits::kBlobSweepEntries) return end();
  after_ = entries->back().blob;
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
