#include "base/blob_id.hpp"

#include <algorithm>

#include "base/bytes.hpp"

namespace stint {

std::string to_hex(const BlobId& id) { return to_hex(ByteView(id.bytes)); }

std::optional<BlobId> parse_blob_id(std::string_view text) {
  BlobId id;
  Bytes bytes;
  if (text.size() != 2 * id.bytes.size() || !from_hex(text, bytes)) return std::nullopt;
  std::copy(bytes.begin(), bytes.end(), id.bytes.begin());
  return id;
}

}  // namespace stint
