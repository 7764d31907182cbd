#pragma once

#include <map>
#include <string>

#include "apps/stint/connection.hpp"
#include "base/blob_id.hpp"
#include "client/resolve.hpp"

namespace stint::cli {

/// The files of this machine; what the scheduler lacks of them goes to it by client::BlobTransfer. A file is read once for its digest, and
/// a second time only if it is sent.
class DiskFiles final : public client::LocalFiles {
 public:
  explicit DiskFiles(Connection& connection) : connection_(connection) {}

  Result<core::Manifest> find_files(const std::string& directory, const std::vector<std::string>& patterns) override;
  Result<std::vector<std::string>> find_names(const std::string& directory, const std::string& pattern) override;
  Result<std::string> read_text(const std::string& path) override;
  Result<BlobId> keep_text(std::string text) override;
  Result<Uploads> count_uploads() override;
  Status send() override;

 private:
  struct Source {
    std::string path;  ///< of the file that holds it; empty: `text`
    std::string text;
    std::uint64_t size = 0;
  };
  Result<std::vector<BlobId>> find_missing();

  Connection& connection_;
  std::map<std::string, BlobId> hashed_;  ///< by path: several tasks take the same files
  std::map<BlobId, Source> sources_;
};

}  // namespace stint::cli
