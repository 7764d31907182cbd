#include <unistd.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "adapters/files/blob_file.hpp"
#include "apps/stint/command_line.hpp"
#include "apps/stint/connection.hpp"
#include "apps/stint/files.hpp"
#include "apps/stint/report.hpp"
#include "apps/stint/upload.hpp"
#include "client/blob_transfer.hpp"
#include "client/exit_status.hpp"
#include "hash/sha256.hpp"

namespace stint::cli {
namespace {

std::string blob_json(const BlobId& blob, std::uint64_t size, const std::string& file) {
  return R"("blob":")" + to_hex(blob) + R"(","size_bytes":)" + std::to_string(size) + ",\"file\":" + json_string(file);
}

int put(const CommonOptions& options, const std::vector<std::string>& files) {
  Connection connection(options, Patience::short_);
  const auto blobs = upload_files(connection, files);
  if (!blobs) return report_error(options, blobs.error());
  std::string items;
  for (const auto& blob : *blobs) {
    if (!options.json) print_line(to_hex(blob.blob) + "  " + blob.path);
    items += (items.empty() ? "{" : ",{") + blob_json(blob.blob, blob.size, blob.path) +
             ",\"was_missing\":" + (blob.was_missing ? "true" : "false") + "}";
  }
  if (options.json) print_line("{\"items\":[" + items + "],\"next\":null}");
  return client::kExitOk;
}

client::BlobTransfer make_transfer(Connection& connection) {
  client::BlobTransfer::Options options;
  options.seed = std::stoull(random_hex(8), nullptr, 16);
  return {connection.http(), std::move(options)};
}

/// Onto stdout: verified too, but what was wrong has been written by then. The exit status tells.
Result<std::uint64_t> get_to_stdout(Connection& connection, const BlobId& blob) {
  Sha256 hash;
  std::uint64_t size = 0;
  STINT_TRY_VOID(make_transfer(connection).download(blob, 0, [&](std::string_view bytes) -> Status {
    hash.update(as_bytes(bytes));
    size += bytes.size();
    if (!write_all(STDOUT_FILENO, bytes)) return fail(Errc::io, "stdout takes no bytes");
    return {};
  }));
  if (hash.finish() != blob) return fail(Errc::corrupt, "blob " + to_hex(blob) + ": what came has another digest: do not use it");
  return size;
}

Result<std::uint64_t> get_to_file(Connection& connection, const BlobId& blob, const std::string& path) {
  adapters::IncomingFile file;
  STINT_TRY_VOID(file.open(path, blob));
  STINT_TRY_VOID(make_transfer(connection).download(blob, file.size(), [&](std::string_view bytes) { return file.append(bytes); }));
  STINT_TRY_VOID(file.finish());
  return file.size();
}

int get(const CommonOptions& options, const std::string& hex, const std::string& path) {
  const auto blob = parse_blob_id(hex);
  if (!blob) return usage_error(options, "blob \"" + hex + "\": expected 64 hexadecimal digits, as `stint blob put` prints them");
  if (options.json && path.empty())
    return usage_error(options, "--json and the bytes would both go to stdout: say where they go with -o FILE");
  Connection connection(options, Patience::short_);
  const auto size = path.empty() ? get_to_stdout(connection, *blob) : get_to_file(connection, *blob, path);
  if (!size) return report_error(options, size.error());
  if (options.json) print_line("{" + blob_json(*blob, *size, path) + "}");
  return client::kExitOk;
}

}  // namespace

void add_blob_commands(CLI::App& app, CommandLine& line) {
  CLI::App* blob = app.add_subcommand("blob", "Bytes in the scheduler's store, named by their SHA-256");
  blob->require_subcommand(1);

  CLI::App* put_command = add_command(*blob, line, "put", "Send files; what the scheduler has already is not sent again",
                                      "  stint blob put model.npz\n  stint blob put data/*.csv --json");
  auto files = std::make_shared<std::vector<std::string>>();
  put_command->add_option("file", *files, "Files")->required();
  put_command->callback([&line, files] { line.action = [&line, files] { return put(line.common, *files); }; });

  CLI::App* get_command = add_command(*blob, line, "get", "Fetch a blob; a file is there whole and verified, or not at all",
                                      "  stint blob get 2cf24d… -o model.npz\n  stint blob get 2cf24d… | tar -x");
  auto hex = std::make_shared<std::string>();
  auto path = std::make_shared<std::string>();
  get_command->add_option("blob", *hex, "64 hexadecimal digits")->required();
  get_command->add_option("-o,--output", *path, "File to write [stdout]");
  get_command->callback([&line, hex, path] { line.action = [&line, hex, path] { return get(line.common, *hex, *path); }; });
}

}  // namespace stint::cli
