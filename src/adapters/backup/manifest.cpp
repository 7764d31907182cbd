#include "adapters/backup/manifest.hpp"

#include <algorithm>
#include <boost/json.hpp>

namespace stint::backup {
namespace {

namespace json = boost::json;

constexpr std::string_view kForm = "stint.backup/1";

/// A path from a file that anybody may have written: it must stay within the directory it is appended to.
bool is_safe(std::string_view path) {
  if (path.empty() || path.front() == '/' || path.find('\0') != std::string_view::npos) return false;
  while (!path.empty()) {
    const std::string_view part = path.substr(0, path.find('/'));
    if (part.empty() || part == "." || part == "..") return false;
    path.remove_prefix(std::min(part.size() + 1, path.size()));
  }
  return true;
}

bool is_digest(std::string_view text) {
  return text.size() == 64 &&
         std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

FileEntry read_entry(const json::value& value) {
  const json::object& object = value.as_object();
  return {std::string(object.at("path").as_string()), object.at("size_bytes").to_number<std::uint64_t>(),
          std::string(object.at("sha256").as_string())};
}

Manifest read_manifest(const json::object& object) {
  Manifest manifest;
  manifest.version = object.at("version").as_string();
  manifest.database_schema = object.at("database_schema").to_number<std::int64_t>();
  manifest.cell = object.at("cell").as_string();
  manifest.incarnation = object.at("incarnation").to_number<std::int64_t>();
  manifest.server = object.at("server").as_string();
  manifest.taken_at = object.at("taken_at").as_string();
  for (const json::value& file : object.at("files").as_array()) manifest.files.push_back(read_entry(file));
  return manifest;
}

}  // namespace

std::string to_json(const Manifest& manifest) {
  json::array files;
  for (const FileEntry& file : manifest.files)
    files.push_back(json::object{{"path", file.path}, {"size_bytes", file.size}, {"sha256", file.sha256}});
  return json::serialize(json::object{{"schema", kForm},
                                      {"version", manifest.version},
                                      {"database_schema", manifest.database_schema},
                                      {"cell", manifest.cell},
                                      {"incarnation", manifest.incarnation},
                                      {"server", manifest.server},
                                      {"taken_at", manifest.taken_at},
                                      {"files", std::move(files)}}) +
         "\n";
}

Result<Manifest> parse_manifest(std::string_view text) {
  boost::system::error_code problem;
  const json::value value = json::parse(text, problem);
  if (problem || !value.is_object()) return fail(Errc::corrupt, "manifest.json is not a JSON object");
  const json::value* form = value.as_object().if_contains("schema");
  if (form == nullptr || !form->is_string() || !std::string_view(form->as_string()).starts_with("stint.backup/"))
    return fail(Errc::corrupt, "manifest.json is not of a Stint backup");
  if (form->as_string() != kForm)
    return fail(Errc::unsupported,
                "the backup is of the form " + std::string(form->as_string()) + ", this program knows " + std::string(kForm));
  try {
    Manifest manifest = read_manifest(value.as_object());
    for (const FileEntry& file : manifest.files)
      if (!is_safe(file.path) || !is_digest(file.sha256))
        return fail(Errc::corrupt, "manifest.json: \"" + file.path + "\" cannot be of a backup");
    return manifest;
  } catch (const std::exception& error) {  // a member that is missing, or of another kind
    return fail(Errc::corrupt, std::string("manifest.json: ") + error.what());
  }
}

}  // namespace stint::backup
