#include "client/output_view.hpp"

#include <boost/json.hpp>
#include <optional>

#include "core/model/manifest.hpp"

namespace stint::client {
namespace {

namespace json = boost::json;

std::string text_at(const json::object& object, const char* key) {
  const json::value* value = object.if_contains(key);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

}  // namespace

Result<OutputView> parse_output_view(std::string_view text) {
  json::error_code failed;
  const json::value value = json::parse(json::string_view(text.data(), text.size()), failed);
  const auto* object = failed ? nullptr : value.if_object();
  OutputView output;
  std::optional<BlobId> blob;
  if (object != nullptr) {
    output = {text_at(*object, "entry"), text_at(*object, "task"), text_at(*object, "path"), {}, 0, false};
    blob = parse_blob_id(text_at(*object, "blob"));
    if (const auto* size = object->if_contains("size_bytes")) output.size = size->to_number<std::uint64_t>(failed);
    if (const auto* mode = object->if_contains("executable")) output.is_executable = mode->is_bool() && mode->get_bool();
  }
  constexpr std::size_t kShown = 80;
  if (failed || !blob || output.entry.empty() || output.path.empty())
    return fail(Errc::corrupt, "the scheduler's answer is no output: " + std::string(text.substr(0, kShown)));
  output.blob = *blob;
  return output;
}

Result<std::string> local_path(const OutputView& output) {
  std::string path = output.entry + '/';
  // 12.main.3: what comes after the second dot
  const auto job_end = output.task.find('.');
  const auto entry_end = job_end == std::string::npos ? job_end : output.task.find('.', job_end + 1);
  if (entry_end != std::string::npos) path += output.task.substr(entry_end + 1) + '/';
  path += output.path;
  if (const auto good = core::check_manifest_path(path); !good)
    return fail(Errc::corrupt, "an output of " + (output.task.empty() ? output.entry : output.task) + ": " + good.error().detail);
  return path;
}

}  // namespace stint::client
