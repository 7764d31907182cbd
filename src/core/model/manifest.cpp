#include "core/model/manifest.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <unordered_set>
#include <utility>

#include "base/utf8.hpp"

namespace stint::core {
namespace {

constexpr std::size_t kDigestDigits = 64;

/// For messages: what a terminal must not be sent is shown as `?`.
std::string shown(std::string_view path) {
  std::string text = "\"";
  for (std::size_t at = 0; at < path.size() && text.size() < 200;) {
    const auto size = utf8_character(path.substr(at));
    const bool is_control = static_cast<std::uint8_t>(path[at]) < 0x20 || path[at] == 0x7f;
    if (size == 0 || is_control) text += '?';
    if (size > 0 && !is_control) text += path.substr(at, size);
    at += std::max<std::size_t>(size, 1);
  }
  return text + "\"";
}

Status check_characters(std::string_view path) {
  for (std::size_t at = 0; at < path.size();) {
    const auto size = utf8_character(path.substr(at));
    if (size == 0) return fail(Errc::invalid_argument, "path " + shown(path) + " is not UTF-8: rename the file");
    if (static_cast<std::uint8_t>(path[at]) < 0x20 || path[at] == 0x7f)
      return fail(Errc::invalid_argument, "path " + shown(path) + " has a control character: rename the file");
    at += size;
  }
  return {};
}

Status check_parts(std::string_view path) {
  for (std::size_t at = 0; at <= path.size();) {
    const auto slash = std::min(path.find('/', at), path.size());
    const auto part = path.substr(at, slash - at);
    if (part.empty() || part == "." || part == "..")
      return fail(Errc::invalid_argument, "path " + shown(path) + ": a relative path with no empty part, `.` or `..` is expected");
    at = slash + 1;
  }
  return {};
}

Status check_count(std::size_t files) {
  if (files <= limits::kManifestFiles) return {};
  return fail(Errc::out_of_range,
              std::to_string(files) + " files, limit " + std::to_string(limits::kManifestFiles) + ": pack small files into larger ones");
}

Status check_size(const ManifestFile& file) {
  if (file.size <= limits::kManifestFileBytes) return {};
  return fail(Errc::out_of_range,
              shown(file.path) + ": " + std::to_string(file.size) + " bytes, limit " + std::to_string(limits::kManifestFileBytes));
}

/// The first file whose path is a directory of another's; sorting by bytes does not bring the two together (`a`, `a-b`, `a/b`).
std::optional<std::string_view> find_file_with_children(const Manifest& files) {
  std::unordered_set<std::string_view> paths;
  paths.reserve(files.size());
  for (const auto& file : files) paths.insert(file.path);
  for (const std::string_view path : std::vector<std::string_view>(paths.begin(), paths.end()))
    for (auto slash = path.find('/'); slash != std::string_view::npos; slash = path.find('/', slash + 1))
      if (paths.count(path.substr(0, slash)) > 0) return *paths.find(path.substr(0, slash));
  return std::nullopt;
}

Status check_tree(const Manifest& files) {
  if (const auto path = find_file_with_children(files))
    return fail(Errc::invalid_argument, "path " + shown(*path) + " is a file and the directory of another path");
  return {};
}

std::string_view take_word(std::string_view& line) {
  const auto space = line.find(' ');
  const auto word = line.substr(0, space);
  line = space == std::string_view::npos ? std::string_view() : line.substr(space + 1);
  return word;
}

Result<std::uint64_t> parse_size(std::string_view word) {
  std::uint64_t size = 0;
  const auto [end, problem] = std::from_chars(word.data(), word.data() + word.size(), size);
  if (problem != std::errc{} || end != word.data() + word.size() || (word.size() > 1 && word.front() == '0'))
    return fail(Errc::invalid_argument, "size " + shown(word) + ": expected a decimal number of bytes");
  return size;
}

Result<ManifestFile> parse_line(std::string_view line) {
  const auto digest = take_word(line);
  const auto size = take_word(line);
  const auto mode = take_word(line);
  ManifestFile file;
  const auto blob = parse_blob_id(digest);
  if (!blob || to_hex(*blob) != digest)
    return fail(Errc::invalid_argument,
                "digest " + shown(digest) + ": expected " + std::to_string(kDigestDigits) + " hexadecimal digits in lower case");
  file.blob = *blob;
  STINT_TRY(file.size, parse_size(size));
  if (mode != "644" && mode != "755") return fail(Errc::invalid_argument, "mode " + shown(mode) + ": expected 644 or 755");
  file.is_executable = mode == "755";
  file.path = std::string(line);
  STINT_TRY_VOID(check_manifest_path(file.path));
  STINT_TRY_VOID(check_size(file));
  return file;
}

Error at_line(std::size_t line, const Error& error) { return {error.code, "manifest line " + std::to_string(line) + ": " + error.detail}; }

}  // namespace

Status check_manifest_path(std::string_view path) {
  if (path.empty()) return fail(Errc::invalid_argument, "a path is empty");
  if (path.size() > limits::kManifestPathBytes)
    return fail(Errc::out_of_range, "path " + shown(path) + "…: " + std::to_string(path.size()) + " bytes, limit " +
                                        std::to_string(limits::kManifestPathBytes));
  STINT_TRY_VOID(check_characters(path));
  return check_parts(path);
}

Result<Manifest> parse_manifest(std::string_view text) {
  if (text.size() > limits::kManifestBytes)
    return fail(Errc::out_of_range,
                "manifest of " + std::to_string(text.size()) + " bytes, limit " + std::to_string(limits::kManifestBytes));
  Manifest files;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const auto end = text.find('\n');
    if (end == std::string_view::npos)
      return tl::unexpected(at_line(number, {Errc::invalid_argument, "the line feed at its end is missing: the text was cut"}));
    auto file = parse_line(text.substr(0, end));
    if (!file) return tl::unexpected(at_line(number, file.error()));
    if (!files.empty() && files.back().path >= file->path)
      return tl::unexpected(at_line(number, {Errc::invalid_argument, "path " + shown(file->path) + " must sort after " +
                                                                         shown(files.back().path) + ": paths rise, none twice"}));
    files.push_back(std::move(*file));
    if (const auto status = check_count(files.size()); !status) return tl::unexpected(at_line(number, status.error()));
    text.remove_prefix(end + 1);
  }
  STINT_TRY_VOID(check_tree(files));
  return files;
}

Result<std::string> print_manifest(Manifest files) {
  STINT_TRY_VOID(check_count(files.size()));
  std::sort(files.begin(), files.end(), [](const auto& a, const auto& b) { return a.path < b.path; });
  std::string text;
  for (std::size_t i = 0; i < files.size(); ++i) {
    const auto& file = files[i];
    STINT_TRY_VOID(check_manifest_path(file.path));
    STINT_TRY_VOID(check_size(file));
    if (i > 0 && files[i - 1].path == file.path) return fail(Errc::invalid_argument, "path " + shown(file.path) + " stands twice");
    text += to_hex(file.blob) + " " + std::to_string(file.size) + (file.is_executable ? " 755 " : " 644 ") + file.path + "\n";
  }
  STINT_TRY_VOID(check_tree(files));
  if (text.size() > limits::kManifestBytes)
    return fail(Errc::out_of_range,
                "the list of files takes " + std::to_string(text.size()) + " bytes, limit " + std::to_string(limits::kManifestBytes));
  return text;
}

}  // namespace stint::core
