#pragma once

#include <string>
#include <vector>

#include "adapters/staging/cache.hpp"
#include "adapters/staging/tree.hpp"
#include "base/file_ref.hpp"
#include "base/result.hpp"
#include "ports/blob_client.hpp"

/// Trees of files on their way. Errors: those of ports::BlobClient, Cache and of files.
namespace stint::staging {

/// Lays `files` out below `directory`, fetched through the cache. One that is there already is replaced.
[[nodiscard]] Status lay_out(const std::vector<FileRef>& files, const std::string& directory, Cache& cache, ports::BlobClient& client);
/// The same for the files of a manifest, itself a blob.
[[nodiscard]] Status lay_out(const BlobId& manifest, const std::string& directory, Cache& cache, ports::BlobClient& client);

/// Gives the scheduler what it lacks of these files; what this returns is durable there. A file that changes meanwhile is read anew.
[[nodiscard]] Result<std::vector<FileRef>> push(const std::vector<TakenFile>& files, ports::BlobClient& client);
[[nodiscard]] Status push_text(const BlobId& blob, const std::string& text, ports::BlobClient& client);

}  // namespace stint::staging
