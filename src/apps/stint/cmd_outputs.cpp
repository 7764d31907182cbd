#include <unistd.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>

#include "adapters/files/blob_file.hpp"
#include "apps/stint/command_line.hpp"
#include "apps/stint/connection.hpp"
#include "apps/stint/files.hpp"
#include "apps/stint/interrupts.hpp"
#include "apps/stint/json_output.hpp"
#include "apps/stint/report.hpp"
#include "apps/stint/selection.hpp"
#include "apps/stint/upload.hpp"
#include "client/blob_transfer.hpp"
#include "client/exit_status.hpp"
#include "client/output_view.hpp"
#include "client/text.hpp"

namespace stint::cli {
namespace {

constexpr std::size_t kPage = 1000;

struct OutputsArguments {
  std::string what = "last";
  std::string to;
  std::string after;
  std::size_t limit = 100;
  bool has_limit = false;  ///< it was asked for
};

/// What is asked for: a job, and of it an entry or a task if one is named.
struct Wanted {
  std::string path;
  client::Query query;
};

int list(const CommonOptions& options, client::Api& api, const Wanted& wanted, const OutputsArguments& arguments) {
  const auto page = api.list(wanted.path, wanted.query, arguments.limit, arguments.after);
  if (!page) return report_error(options, page.error());
  if (options.json) {
    print_line(to_json(*page));
    return client::kExitOk;
  }
  client::Table table({{"TASK"}, {"SIZE", client::Align::right}, {"PATH"}});
  for (const std::string& item : page->items) {
    const auto output = client::parse_output_view(item);
    if (!output) return report_error(options, output.error());
    table.add({output->task.empty() ? output->entry + " (all)" : output->task, client::show_bytes(static_cast<std::int64_t>(output->size)),
               output->path});
  }
  if (table.is_empty()) notice("no outputs: tasks leave them by `outputs:`, when they have completed");
  if (!table.is_empty()) write_all(STDOUT_FILENO, table.render(paint_of(STDOUT_FILENO)));
  if (page->next) notice_more(*page->next, arguments.has_limit);
  return client::kExitOk;
}

Result<std::vector<client::OutputView>> list_all(client::Api& api, const Wanted& wanted) {
  std::vector<client::OutputView> outputs;
  std::string after;
  do {
    STINT_TRY(const auto page, api.list(wanted.path, wanted.query, kPage, after));
    for (const std::string& item : page.items) {
      STINT_TRY(auto output, client::parse_output_view(item));
      outputs.push_back(std::move(output));
    }
    after = page.next.value_or("");
  } while (!after.empty());
  return outputs;
}

Status make_directory_of(const std::string& file) {
  std::error_code failed;
  std::filesystem::create_directories(std::filesystem::path(file).parent_path(), failed);
  if (failed) return fail(Errc::io, "the directory of " + file + ": " + failed.message());
  return {};
}

/// It is there from an earlier time. A file of another size need not be read for that.
bool is_there(const std::string& file, const client::OutputView& output) {
  const auto size = adapters::size_of_file(file);
  if (!size || *size != output.size) return false;
  const auto hashed = adapters::hash_file(file, [](std::uint64_t) { return true; });
  return hashed && hashed->blob == output.blob;
}

Status fetch(client::BlobTransfer& transfer, const std::string& file, const client::OutputView& output) {
  STINT_TRY_VOID(make_directory_of(file));
  if (!is_there(file, output)) {
    adapters::IncomingFile incoming;
    STINT_TRY_VOID(incoming.open(file, output.blob));
    STINT_TRY_VOID(transfer.download(output.blob, incoming.size(), [&](std::string_view bytes) { return incoming.append(bytes); }));
    STINT_TRY_VOID(incoming.finish());
  }
  if (!output.is_executable) return {};
  using std::filesystem::perms;
  std::error_code failed;
  std::filesystem::permissions(file, perms::owner_exec | perms::group_exec | perms::others_exec, std::filesystem::perm_options::add,
                               failed);
  if (failed) return fail(Errc::io, file + ": " + failed.message());
  return {};
}

struct Fetched {
  std::vector<std::string> files;
  std::uint64_t bytes = 0;
};
Result<Fetched> fetch_all(Connection& connection, const std::string& directory, const std::vector<client::OutputView>& outputs) {
  Fetched fetched;
  std::vector<std::string> places;
  for (const auto& output : outputs) {
    STINT_TRY(const auto place, client::local_path(output));
    places.push_back(directory + '/' + place);
    fetched.bytes += output.size;
  }
  TransferDisplay display("fetching", outputs.size(), fetched.bytes);
  client::BlobTransfer::Options options;
  options.seed = std::stoull(random_hex(8), nullptr, 16);
  options.on_progress = [&display](std::uint64_t bytes) { display.show(bytes); };
  client::BlobTransfer transfer(connection.http(), std::move(options));
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    STINT_TRY_VOID(fetch(transfer, places[i], outputs[i]));
    display.end_file(outputs[i].size);
  }
  fetched.files = std::move(places);
  return fetched;
}

int fetch_to(const CommonOptions& options, Connection& connection, const Wanted& wanted, const std::string& directory) {
  const auto outputs = list_all(connection.api(), wanted);
  if (!outputs) return report_error(options, outputs.error());
  const auto fetched = fetch_all(connection, directory, *outputs);
  if (!fetched) return report_error(options, fetched.error());
  if (options.json) {
    std::string items;
    for (std::size_t i = 0; i < outputs->size(); ++i) {
      const auto& output = (*outputs)[i];
      items += (i == 0 ? "{\"file\":" : ",{\"file\":") + json_string(fetched->files[i]) + R"(,"blob":")" + to_hex(output.blob) +
               R"(","size_bytes":)" + std::to_string(output.size) + "}";
    }
    print_line("{\"items\":[" + items + "],\"next\":null}");
    return client::kExitOk;
  }
  for (const auto& file : fetched->files) print_line(file);
  if (outputs->empty()) notice("no outputs: tasks leave them by `outputs:`, when they have completed");
  return client::kExitOk;
}

int outputs(const CommonOptions& options, const OutputsArguments& arguments) {
  const auto selector = client::parse_selector(arguments.what);
  if (!selector) return usage_error(options, selector.error().detail);
  Connection connection(options, arguments.to.empty() ? Patience::short_ : Patience::long_);
  const auto job = find_job(connection.api(), *selector);
  if (!job) return report_error(options, job.error());
  const Wanted wanted{"/v1/jobs/" + std::to_string(*job) + "/outputs", {{"task", selector->task.empty() ? "" : selector->task_path()}}};
  return arguments.to.empty() ? list(options, connection.api(), wanted, arguments) : fetch_to(options, connection, wanted, arguments.to);
}

}  // namespace

void add_outputs_command(CLI::App& app, CommandLine& line) {
  CLI::App* command = add_command(app, line, "outputs", "List or fetch the files that a job's tasks left",
                                  "  stint outputs 12\n"
                                  "  stint outputs 12.train.3 --to results    results/train/3/PATH, each file whole and verified\n"
                                  "  stint outputs last --to . --json");
  auto arguments = std::make_shared<OutputsArguments>();
  command->add_option("job", arguments->what, "12, 12.train, 12.train.3 or last")->capture_default_str();
  command->add_option("--to", arguments->to, "Fetch them into DIR/ENTRY[/INDEX]/PATH; what is there already stays")->type_name("DIR");
  CLI::Option* limit = command->add_option("--limit", arguments->limit, "Most lines of a list")->capture_default_str();
  command->add_option("--after", arguments->after, "Go on after this `next` of a list's --json");
  command->callback([&line, arguments, limit] {
    arguments->has_limit = limit->count() > 0;
    line.action = [&line, arguments] { return outputs(line.common, *arguments); };
  });
}

}  // namespace stint::cli
