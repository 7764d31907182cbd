// What tasks leave: files, results, checkpoints.
#include <algorithm>
#include <boost/json.hpp>
#include <utility>

#include "scheduler/api/handlers.hpp"
#include "scheduler/api/json_views.hpp"
#include "scheduler/api/read_body.hpp"
#include "scheduler/limits.hpp"

namespace stint::scheduler::api {
namespace {

namespace json = boost::json;

json::object output_json(const core::OutputRow& row, const core::JobSpec& spec) {
  const bool is_whole = row.task.index == core::kWholeEntry;
  const auto& entry = spec.tasks.at(row.task.group);
  json::object item;
  item["entry"] = entry.name;
  item["task"] = is_whole ? json::value(nullptr) : json::value(core::task_id(spec, row.task));
  item["path"] = row.file.path;
  item["blob"] = to_hex(row.file.blob);
  item["size_bytes"] = row.file.size;
  item["executable"] = row.file.is_executable;
  item["attempt"] = is_whole ? json::value(nullptr) : json::value(row.attempt);
  return item;
}

/// GROUP.INDEX.PATH of the last output of the page before.
Result<ports::StoreReader::OutputQuery> read_cursor(const ports::HttpRequest& request, JobId job) {
  ports::StoreReader::OutputQuery query;
  query.job = job;
  query.from = {job, 0, 0};
  const auto text = find_query(request, "after").value_or("");
  if (text.empty()) return query;
  const auto dot = text.find('.');
  const auto second = dot == std::string::npos ? dot : text.find('.', dot + 1);
  if (second != std::string::npos) {
    const auto group = parse_number(std::string_view(text).substr(0, dot));
    const auto index = parse_number(std::string_view(text).substr(dot + 1, second - dot - 1));
    if (group && index && *group <= UINT32_MAX && *index <= UINT32_MAX) {
      query.from = {job, static_cast<std::uint32_t>(*group), static_cast<std::uint32_t>(*index)};
      query.after_path = text.substr(second + 1);
      return query;
    }
  }
  return fail(Errc::invalid_argument, "query `after`: \"" + text.substr(0, 100) + "\" is no cursor; give `next` of the page before");
}

/// `task=`: an entry (`main`) or a task of one (`main.3`).
struct Wanted {
  std::optional<std::uint32_t> group;
  std::optional<std::uint32_t> index;
};
Result<Wanted> read_wanted(const ports::HttpRequest& request, JobId job, const core::JobSpec& spec) {
  const auto word = find_query(request, "task").value_or("");
  if (word.empty()) return Wanted{};
  for (std::uint32_t group = 0; group < spec.tasks.size(); ++group)
    if (spec.tasks[group].name == word) return Wanted{group, std::nullopt};
  if (const auto ref = core::find_task(job, spec, word)) return Wanted{ref->group, ref->index};
  return fail(Errc::not_found, "query `task`: job " + std::to_string(job.value) + " has no entry or task \"" + word.substr(0, 100) + "\"");
}

ports::HttpResponse page(json::array items, json::value next) {
  ports::HttpResponse response;
  response.body = json::serialize(json::object{{"items", std::move(items)}, {"next", std::move(next)}}) + "\n";
  return response;
}

ports::HttpResponse no_such_job(JobId job) {
  return to_response({404, "not_found", "job " + std::to_string(job.value) + " is not known", "job", "", ""});
}

/// GROUP.INDEX of the first task of this page.
Result<TaskRef> read_task_cursor(const ports::HttpRequest& request, JobId job, const Wanted& wanted) {
  const auto text = find_query(request, "after").value_or("");
  if (text.empty()) return TaskRef{job, wanted.group.value_or(0), wanted.index.value_or(0)};
  const auto dot = text.find('.');
  const auto group = parse_number(std::string_view(text).substr(0, dot));
  const auto index = dot == std::string::npos ? std::nullopt : parse_number(std::string_view(text).substr(dot + 1));
  if (group && index && *group <= UINT32_MAX && *index <= UINT32_MAX)
    return TaskRef{job, static_cast<std::uint32_t>(*group), static_cast<std::uint32_t>(*index)};
  return fail(Errc::invalid_argument, "query `after`: \"" + text.substr(0, 100) + "\" is no cursor; give `next` of the page before");
}

struct ResultPage {
  json::array items;
  json::value next = nullptr;
};
/// A page ends sooner when it is large: a result may have 64 KiB.
Result<ResultPage> read_results(ports::StoreReader& reader, const core::JobSpec& spec, const Wanted& wanted, TaskRef from,
                                std::size_t limit) {
  ResultPage page;
  std::size_t bytes = 0;
  const std::size_t groups = wanted.group ? *wanted.group + std::size_t{1} : spec.tasks.size();
  while (from.group < groups) {
    if (page.items.size() == limit || bytes > limits::kResultPageBytes) {
      page.next = std::to_string(from.group) + '.' + std::to_string(from.index);
      return page;
    }
    const std::size_t wish = wanted.index ? 1 : std::min(limit - page.items.size(), limits::kResultsAtOnce);
    STINT_TRY(const auto rows, reader.results(from.job, from.group, from.index, wish));
    for (const auto& row : rows) {
      if (wanted.index && row.task.index != *wanted.index) return page;
      page.items.push_back(json::object{{"task", core::task_id(spec, row.task)}, {"result", result_json(row.json)}});
      bytes += row.json.size();
    }
    if (wanted.index) return page;
    from = rows.size() == wish ? TaskRef{from.job, from.group, rows.back().task.index + 1} : TaskRef{from.job, from.group + 1, 0};
  }
  return page;
}

/// `12.0.3.1`: job, entry, index, attempt, as the attempt's token names it.
std::string path_name(const AttemptRef& ref) {
  return std::to_string(ref.task.job.value) + '.' + std::to_string(ref.task.group) + '.' + std::to_string(ref.task.index) + '.' +
         std::to_string(ref.attempt);
}

/// Answers when the blob store has said whether it has the manifest: a checkpoint that nobody can read would take the good one's place.
void take_checkpoint(const Call& call, core::CheckpointRow row) {
  auto& cell = call.cell;
  cell.blobs.find_blob(row.blob, [&cell, &replies = call.replies, id = call.request.id, row](const Result<std::uint64_t>& found) {
    const auto refuse_with = [&](const Problem& problem) { replies.respond(id, to_response(problem)); };
    if (!found && found.error().code == Errc::not_found)
      return refuse_with({409, "conflict", "the store has no blob " + to_hex(row.blob), "manifest", "",
                          "upload the manifest and the files that it names, then announce it"});
    if (!found) return refuse_with(to_problem(found.error()));
    if (!cell.not_ready.empty()) return refuse_with(to_problem({Errc::no_space, "changes are refused: " + cell.not_ready}));
    const auto attempt = cell.core.find_attempt({row.task, row.attempt});
    if (!attempt || !attempt->live) return refuse_with(to_problem({Errc::conflict, "the attempt is not live any more"}));
    auto& turn = cell.journal.turn();
    turn.effects.rows.emplace_back(row);
    turn.replies.push_back({id, say(200, json::serialize(json::object{{"manifest", to_hex(row.blob)}}))});
  });
}

}  // namespace

Answer list_outputs(const Call& call) {
  auto& cell = call.cell;
  const auto job = find_job_id(cell, call.values[0]);
  if (!job) return refuse(job.error());
  const auto limit = read_limit(call.request);
  if (!limit) return refuse(limit.error());
  auto query = read_cursor(call.request, *job);
  if (!query) return refuse(query.error());
  const auto wanted = read_wanted(call.request, *job, *cell.core.find_spec(*job));
  if (!wanted) return refuse(wanted.error());
  query->limit = *limit;
  query->group = wanted->group;
  if (wanted->group && query->after_path.empty()) query->from = {*job, *wanted->group, wanted->index.value_or(0)};
  return [&cell, query = *query, index = wanted->index] {
    const auto rows = cell.reader.outputs(query);
    if (!rows) return to_response(to_problem(rows.error()));
    const core::JobSpec* spec = cell.core.find_spec(query.job);
    if (spec == nullptr) return no_such_job(query.job);
    json::array items;
    for (const auto& row : *rows) {
      if (index && row.task.index != *index) return page(std::move(items), nullptr);
      items.push_back(output_json(row, *spec));
    }
    json::value next = nullptr;
    if (rows->size() == query.limit) {
      const auto& last = rows->back();
      next = std::to_string(last.task.group) + '.' + std::to_string(last.task.index) + '.' + last.file.path;
    }
    return page(std::move(items), std::move(next));
  };
}

Answer list_results(const Call& call) {
  auto& cell = call.cell;
  const auto job = find_job_id(cell, call.values[0]);
  if (!job) return refuse(job.error());
  const auto limit = read_limit(call.request);
  if (!limit) return refuse(limit.error());
  const auto wanted = read_wanted(call.request, *job, *cell.core.find_spec(*job));
  if (!wanted) return refuse(wanted.error());
  const auto from = read_task_cursor(call.request, *job, *wanted);
  if (!from) return refuse(from.error());
  return [&cell, limit = *limit, wanted = *wanted, from = *from] {
    const core::JobSpec* spec = cell.core.find_spec(from.job);
    if (spec == nullptr) return no_such_job(from.job);
    auto results = read_results(cell.reader, *spec, wanted, from, limit);
    return results ? page(std::move(results->items), std::move(results->next)) : to_response(to_problem(results.error()));
  };
}

Answer show_result(const Call& call) {
  auto& cell = call.cell;
  const auto ref = find_task_ref(cell, call.values[0]);
  if (!ref) return refuse(ref.error());
  return [&cell, ref = *ref] {
    const auto rows = cell.reader.results(ref.job, ref.group, ref.index, 1);
    if (!rows) return to_response(to_problem(rows.error()));
    const core::JobSpec* spec = cell.core.find_spec(ref.job);
    if (spec == nullptr || rows->empty() || rows->front().task != ref)
      return to_response({404, "not_found", "this task has left no result", "task", "",
                          "a task leaves one with a last line {\"result\": …} in the file that STINT_REPORT names"});
    ports::HttpResponse response;
    response.body = json::serialize(json::object{{"task", core::task_id(*spec, ref)}, {"result", result_json(rows->front().json)}}) + "\n";
    return response;
  };
}

Answer put_checkpoint(const Call& call) {
  const auto& ref = call.principal.attempt;
  if (!ref || path_name(*ref) != call.values[0])
    return refuse(
        {403, "forbidden", "this token is not that of attempt " + std::string(call.values[0].substr(0, 100)), "Authorization", "", ""});
  const auto body = read_object(call.request.body);
  if (!body) return refuse(body.error());
  const auto* manifest = body->if_contains("manifest");
  const auto blob = manifest != nullptr && manifest->is_string() ? parse_blob_id(std::string_view(manifest->as_string())) : std::nullopt;
  if (!blob || body->size() != 1)
    return refuse({400, "invalid_argument", R"(the body must be {"manifest": "<64 hexadecimal digits>"})", "manifest", "", ""});
  take_checkpoint(call, {ref->task, ref->attempt, *blob, call.now.wall});
  return {};
}

}  // namespace stint::scheduler::api
