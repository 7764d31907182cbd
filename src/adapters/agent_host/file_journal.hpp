#pragma once

#include <string>
#include <vector>

#include "base/log.hpp"
#include "base/result.hpp"
#include "ports/journal.hpp"

namespace stint::agent_host {

/// ports::Journal as one append-only file.
///
///   file    = record, record, …
///   record  = length u32 ‖ CRC-32C u32 of (length ‖ bytes) ‖ bytes      little-endian
///
/// `append` is one write(2) and no fsync: the record survives the death of the process. After a loss of power the file may end in records
/// that
/// never reached the disk: `load` keeps what is whole from the front and cuts the rest off. `rewrite` goes through a synced temporary
/// file and
/// rename(2), so that there is always one whole journal.
class FileJournal final : public ports::Journal {
 public:
  /// Errors:  io  the file cannot be opened or made.
  [[nodiscard]] static Result<FileJournal> open(std::string path, Log& log);
  FileJournal(FileJournal&& other) noexcept;
  FileJournal& operator=(FileJournal&&) = delete;
  FileJournal(const FileJournal&) = delete;
  FileJournal& operator=(const FileJournal&) = delete;
  ~FileJournal() override;

  Status load(const std::function<void(ByteView record)>& record) override;
  Status append(ByteView record) override;
  Status rewrite(const std::vector<Bytes>& records) override;
  std::size_t size_bytes() const override { return size_; }

 private:
  FileJournal(std::string path, int fd, Log& log) : path_(std::move(path)), fd_(fd), log_(log) {}
  [[nodiscard]] Status cut_back();

  std::string path_;
  int fd_;
  Log& log_;
  std::size_t size_ = 0;  ///< end of the last whole record
  bool is_ragged_ = false;  ///< part of a record may lie behind it
  Bytes buffer_;
};

}  // namespace stint::agent_host
